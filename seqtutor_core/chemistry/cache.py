"""A cache of measurements by canonical SMILES, however a molecule is written; the least recently used are evicted."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from seqtutor_core.chemistry.property_query import SCAFFOLD, Measurement, PropertyQuery

CACHE_SIZE = 50_000
FLAT = "flat"

Key = str | tuple[str, tuple[str, ...]]
"""A property, with the part of the query that its value depends on; FLAT for the SMILES without stereochemistry."""


class PropertyCache:
    """Measurements by SMILES; for one thread at a time."""

    def __init__(self, size: int = CACHE_SIZE) -> None:
        """Keep up to `size` molecules, and as many spellings of them."""
        self.size = size
        self._spellings: OrderedDict[str, str | Measurement] = OrderedDict()  # canonical SMILES, or an error
        self._molecules: OrderedDict[str, dict[Key, Any]] = OrderedDict()  # by canonical SMILES

    def get(self, smiles: str, keys: Mapping[str, Key]) -> tuple[Measurement | None, frozenset[str]]:
        """Return what is cached of a SMILES, None for nothing, and the requested properties that are missing.

        keys: those of the requested properties.
        """
        spelling = self._spellings.get(smiles)
        if spelling is None:
            return None, frozenset(keys)
        self._spellings.move_to_end(smiles)
        if isinstance(spelling, Measurement):
            return spelling, frozenset()
        molecule = self._molecules.get(spelling)
        if molecule is None:
            return None, frozenset(keys)
        self._molecules.move_to_end(spelling)
        values = {name: molecule[key] for name, key in keys.items() if key in molecule}
        missing = frozenset(keys.keys() - values.keys())
        scaffold = values.pop(SCAFFOLD, "")
        unknown = {name: values.pop(name) for name in [*values] if isinstance(values[name], str)}
        return Measurement(smiles, spelling, "", scaffold, values, unknown, molecule.get(FLAT, "")), missing

    def put(self, measurement: Measurement, keys: Mapping[str, Key]) -> bool:
        """Cache a measurement of properties with these keys; return whether it adds anything to what is cached."""
        self._spellings[measurement.smiles] = measurement.canonical if measurement.valid else measurement
        _evict(self._spellings, self.size)
        if not measurement.valid:
            return False
        new = measurement.canonical not in self._molecules
        molecule = self._molecules.setdefault(measurement.canonical, {})
        self._molecules.move_to_end(measurement.canonical)
        _evict(self._molecules, self.size)
        before = len(molecule)
        found = {**measurement.unknown, **measurement.values, SCAFFOLD: measurement.scaffold}
        molecule |= {key: found.get(name) for name, key in keys.items()}
        if measurement.flat:
            molecule[FLAT] = measurement.flat
        return new or len(molecule) > before


def cache_keys(query: PropertyQuery, requested: Iterable[str]) -> dict[str, Key]:
    """Return what each requested property is cached by, by its name."""
    return {name: (name, part) if (part := query.part(name)) else name for name in requested}


def _evict(entries: OrderedDict[str, Any], size: int) -> None:
    """Drop the least recently used entries beyond `size`."""
    while len(entries) > size:
        entries.popitem(last=False)
