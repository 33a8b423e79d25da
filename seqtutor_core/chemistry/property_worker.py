"""The worker that measures molecules for the pool; worker_main.py runs it.

A request is {"query": {...}, "properties": [...], "smiles": [...], "seconds": for each molecule}. Each molecule gets
one answer, in order and as soon as it is measured: the fields of its Measurement without the SMILES, as a list. Its
values are a list too, of the properties by the alphabet, without the scaffold; null where one has none.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from seqtutor_core.chemistry import properties
from seqtutor_core.chemistry.property_query import SCAFFOLD, Measurement, PropertyQuery
from seqtutor_core.chemistry.worker_main import MAX_MEMORY
from seqtutor_core.errors import InputError, SeqTutorError

CACHE_SIZE = 20_000
"""Molecules whose measurements this process keeps, by canonical SMILES."""

Answer = tuple[str, str, str, list[float | None], Mapping[str, str], str]


def serve(request: dict[str, Any]) -> Iterator[dict[str, str] | Answer]:
    """Measure the molecules of a request; refuse a request whose query is wrong."""
    query, requested = PropertyQuery(**request["query"]), frozenset(request["properties"])
    try:
        properties.prepare(query, requested)
    except SeqTutorError as error:
        yield {"refused": type(error).__name__, "message": str(error)}
        return
    yield {}
    for smiles in request["smiles"]:
        yield _CACHE.answer(smiles, query, requested)


class _Cache:
    """Recent measurements by canonical SMILES, query and properties."""

    def __init__(self) -> None:
        self._measured: OrderedDict[tuple[str, object, frozenset[str]], Measurement] = OrderedDict()

    def answer(self, smiles: str, query: PropertyQuery, requested: frozenset[str]) -> Answer:
        """Measure a molecule, unless it was measured lately; errors become part of the answer."""
        try:
            mol, canonical = properties.read(smiles)
            key = (canonical, query, requested)
            if key not in self._measured:
                self._measured[key] = properties.calculate(Measurement(smiles, canonical), mol, query, requested)
                if len(self._measured) > CACHE_SIZE:
                    self._measured.popitem(last=False)
            one = self._measured[key]
        except InputError as error:
            one = Measurement(smiles, error=str(error))
        except MemoryError:
            one = Measurement(smiles, error=f"needs more memory than {MAX_MEMORY / 2**30:g} GiB")
        values = [one.values.get(name) for name in sorted(requested - {SCAFFOLD})]
        return one.canonical, one.error, one.scaffold, values, one.unknown, one.flat


_CACHE = _Cache()
