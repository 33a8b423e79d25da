"""Count how many of many SMARTS a molecule contains, fast; RDKit's catalogues of structural alerts."""

import re
from collections.abc import Sequence
from functools import lru_cache

from rdkit import Chem
from rdkit.Chem import FilterCatalog, rdFingerprintGenerator

# An atom and its neighbours by one number: element, bonds, hydrogens, charge and ring membership of each, and the
# orders of the bonds between them. Redundant ones are needed, or some atoms would have no number.
_SURROUNDINGS = rdFingerprintGenerator.GetMorganGenerator(radius=1, includeRedundantEnvironments=True)
_ELEMENTS = {"C": 6, "N": 7, "O": 8, "F": 9, "P": 15, "S": 16, "Cl": 17, "Br": 35, "I": 53}
_ELEMENTS |= {symbol.lower(): _ELEMENTS[symbol] for symbol in ("C", "N", "O", "S")}


class Patterns:
    """A list of SMARTS, counted in a molecule by `count`.

    A pattern can match only if each of its atoms finds an atom with the right neighbours. Which surroundings fit which
    pattern atoms is learned from the first molecule that has them. From then on a look-up of the molecule's
    surroundings rules out nearly all patterns; only the rest, without those of more rings, is searched for.
    """

    def __init__(self, smarts: Sequence[str]) -> None:
        patterns = [Chem.MolFromSmarts(s) for s in smarts]
        stars = [{_star(atom) for atom in pattern.GetAtoms()} for pattern in patterns]
        bits = {star: 1 << i for i, star in enumerate(sorted(set().union(*stars)))}
        self._stars = [(Chem.MolFromSmarts(star), bit) for star, bit in bits.items()]
        needs = [sum(bits[star] for star in each) for each in stars]
        rings = [p.GetNumBonds() - p.GetNumAtoms() + len(Chem.GetMolFrags(p)) for p in patterns]
        self._patterns = list(zip(patterns, needs, rings, strict=True))
        self._fitting: dict[int, int] = {}  # surroundings -> the stars that fit them

    def count(self, mol: Chem.Mol) -> int:
        """Return the number of patterns with at least one match."""
        surroundings = _SURROUNDINGS.GetSparseCountFingerprint(mol).GetNonzeroElements()
        if not surroundings.keys() <= self._fitting.keys():
            self._learn(mol)
        found = 0
        for number in surroundings:
            found |= self._fitting[number]
        rings = mol.GetRingInfo().NumRings()
        return sum(
            mol.HasSubstructMatch(pattern)
            for pattern, needed, own in self._patterns
            if needed & found == needed and own <= rings
        )

    def _learn(self, mol: Chem.Mol) -> None:
        numbers = rdFingerprintGenerator.AdditionalOutput()
        numbers.AllocateAtomToBits()
        _SURROUNDINGS.GetSparseCountFingerprint(mol, additionalOutput=numbers)
        new: dict[int, Chem.Atom] = {}
        for atom, (*smaller, last) in zip(mol.GetAtoms(), numbers.GetAtomToBits(), strict=True):
            for number in smaller:  # the atom without its neighbours
                self._fitting.setdefault(number, 0)
            if last not in self._fitting:
                new[last] = atom
        self._fitting |= dict.fromkeys(new, 0)
        for star, bit in self._stars:
            centre = star.GetAtomWithIdx(0)
            fits = {number: atom.GetIdx() for number, atom in new.items() if centre.Match(atom)}
            if fits:
                middles = {match[0] for match in mol.GetSubstructMatches(star, uniquify=False, maxMatches=10**6)}
                for number, index in fits.items():
                    self._fitting[number] |= bit * (index in middles)


def _star(atom: Chem.Atom) -> str:
    """Return the SMARTS of a pattern's atom with its neighbours, as far as surroundings can tell them apart."""
    centre = re.sub(r"R[1-9]", "R", atom.GetSmarts())
    if re.search(r"[$*@]", centre):  # reaches further, names isotopes, or stands for any atom
        centre = _elements(atom)
    arms = []
    for bond in atom.GetBonds():
        order = re.sub(r"[&;]?!?@", "", bond.GetSmarts()) or ("~" if "@" in bond.GetSmarts() else "")
        arms.append(f"({order}{_elements(bond.GetOtherAtom(atom))})")
    return centre + "".join(sorted(arms))


def _elements(atom: Chem.Atom) -> str:
    """Return the SMARTS of the elements that a pattern's atom admits; * if it does not list them plainly."""
    text = atom.GetSmarts().strip("[]")
    firsts = [re.match(r"(#\d+|Cl|Br|[A-Za-z])(?=&|$)", choice) for choice in text.split(",")]
    if re.search(r"[$;]", text) or not all(firsts):
        return "*"
    symbols = [m.group() for m in firsts if m]
    if not all(s.startswith("#") or s in _ELEMENTS for s in symbols):
        return "*"
    numbers = {int(s[1:]) if s.startswith("#") else _ELEMENTS[s] for s in symbols}
    return "[" + ",".join(f"#{n}" for n in sorted(numbers)) + "]"


@lru_cache(maxsize=8)
def catalogue(names: tuple[str, ...]) -> FilterCatalog.FilterCatalog:
    """Return RDKit's alerts of the named collections as one catalogue."""
    params = FilterCatalog.FilterCatalogParams()
    for name in names:
        params.AddCatalog(getattr(FilterCatalog.FilterCatalogParams.FilterCatalogs, name))
    return FilterCatalog.FilterCatalog(params)
