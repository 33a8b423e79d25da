"""How many of many SMARTS a molecule contains, fast, and RDKit's catalogues of structural alerts."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem import FilterCatalog

AROMATIC = 1000  # added to an atomic number
SYMBOLS: dict[str, tuple[int, ...]] = {
    s: (Chem.GetPeriodicTable().GetAtomicNumber(s),) for s in ("C", "N", "O", "F", "P", "S", "Cl", "Br", "I")
}
SYMBOLS |= {s.lower(): (SYMBOLS[s][0] + AROMATIC,) for s in ("C", "N", "O", "S")}
SYMBOLS |= {f"#{n}": (n, n + AROMATIC) for n in (6, 7, 8, 16)}
BONDS = {"": ("SINGLE", "AROMATIC"), "-": ("SINGLE",), "=": ("DOUBLE",), "#": ("TRIPLE",), ":": ("AROMATIC",)}


class Need(NamedTuple):
    """A bond that a pattern cannot do without. None: anything."""

    begin: frozenset[int] | None
    """Kinds of atom: atomic number, AROMATIC added."""
    end: frozenset[int] | None
    bond: frozenset[str] | None

    def met(self, begin: int, end: int, bond: str) -> bool:
        """Whether a bond of a molecule will do."""
        if self.bond is not None and bond not in self.bond:
            return False
        ways = ((begin, end), (end, begin))
        return any((self.begin is None or a in self.begin) and (self.end is None or b in self.end) for a, b in ways)


class Patterns:
    """A list of SMARTS, counted in a molecule by `count`.

    Nearly all of many patterns are ruled out by looking at the molecule's bonds once: no N-N bond, no hydrazine.
    Only what is left is searched for.
    """

    def __init__(self, smarts: Sequence[str]) -> None:
        self._patterns = [Chem.MolFromSmarts(s) for s in smarts]
        needs = [_needs(p) for p in self._patterns]
        self._needs = sorted(set().union(*needs), key=repr)
        bit = {need: 1 << i for i, need in enumerate(self._needs)}
        self._masks = [sum(bit[n] for n in ns) for ns in needs]
        self._seen: dict[tuple[int, int, str], int] = {}
        self._candidates = lru_cache(maxsize=10_000)(self._with)

    def count(self, mol: Chem.Mol) -> int:
        """The number of patterns with at least one match."""
        mask, seen = 0, self._seen
        kinds = [a.GetAtomicNum() + AROMATIC * a.GetIsAromatic() for a in mol.GetAtoms()]
        for bond in mol.GetBonds():
            key = (kinds[bond.GetBeginAtomIdx()], kinds[bond.GetEndAtomIdx()], bond.GetBondType())
            if key not in seen:
                seen[key] = self._met(*key)
            mask |= seen[key]
        return sum(map(mol.HasSubstructMatch, self._candidates(mask)))

    def _met(self, begin: int, end: int, bond: Chem.BondType) -> int:
        return sum(1 << i for i, need in enumerate(self._needs) if need.met(begin, end, bond.name))

    def _with(self, mask: int) -> list[Chem.Mol]:
        return [p for p, needed in zip(self._patterns, self._masks, strict=True) if needed & mask == needed]


def _needs(pattern: Chem.Mol) -> set[Need]:
    found = set()
    for bond in pattern.GetBonds():
        order = BONDS.get(bond.GetSmarts())
        need = Need(_kinds(bond.GetBeginAtom()), _kinds(bond.GetEndAtom()), frozenset(order) if order else None)
        found.add(need)
    return found


def _kinds(atom: Chem.Atom) -> frozenset[int] | None:
    """The kinds a query atom admits; None where its SMARTS does not say it plainly."""
    text = atom.GetSmarts().strip("[]")
    if re.search(r"[$;]", text):
        return None
    firsts = [re.match(r"(#\d+|Cl|Br|[A-Za-z]|)(?=&|:|$)", choice) for choice in text.split(",")]
    kinds = [SYMBOLS.get(m.group()) if m else None for m in firsts]
    return None if None in kinds else frozenset(k for ks in kinds if ks for k in ks)


@lru_cache(maxsize=8)
def catalogue(names: tuple[str, ...]) -> FilterCatalog.FilterCatalog:
    """RDKit's alerts of the named collections as one catalogue."""
    params = FilterCatalog.FilterCatalogParams()
    for name in names:
        params.AddCatalog(getattr(FilterCatalog.FilterCatalogParams.FilterCatalogs, name))
    return FilterCatalog.FilterCatalog(params)
