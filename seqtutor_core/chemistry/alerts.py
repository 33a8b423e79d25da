"""Find which of many SMARTS a molecule contains, fast; RDKit's catalogues of structural alerts."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, reduce
from operator import or_
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem import FilterCatalog, rdFingerprintGenerator

from seqtutor_core.chemistry.stars import COUNTED, StarTable, recursive, ring_size, star

# An atom and its neighbours by one number: element, bonds, hydrogens, charge and ring membership of each, and the
# orders of the bonds between them. Redundant ones are needed, or some atoms would have no number.
_SURROUNDINGS = rdFingerprintGenerator.GetMorganGenerator(radius=1, includeRedundantEnvironments=True)
_MOST = 32  # rings, or atoms of a ring; more are not told apart
_STARS = 3 * _MOST  # the place of the first star's bits, behind those of rings
_PICKLE = re.compile(rb" (\d+) (?=\xef\xbe\xad\xde)")  # its length stands before a molecule in RDKit's own format


def surroundings(mol: Chem.Mol) -> dict[int, int]:
    """Return how many atoms of a molecule have each kind of surroundings, by the kind's number."""
    counts: dict[int, int] = _SURROUNDINGS.GetSparseCountFingerprint(mol).GetNonzeroElements()
    return counts


class _Need(NamedTuple):
    """What a molecule must have to contain a pattern, by the bits of `_rings` and of stars."""

    bits: int
    choices: tuple[tuple[tuple["_Need", ...], ...], ...]
    """Of each, one must be met in all its parts."""

    def met(self, has: int) -> bool:
        """Return whether a molecule has all this."""
        if self.bits & has != self.bits:
            return False
        return all(any(all(need.met(has) for need in parts) for parts in choice) for choice in self.choices)


class Patterns:
    """A list of patterns, found in a molecule by `matches`.

    A pattern can match only if each of its atoms finds an atom with the right neighbours, a star. Which surroundings
    fit which stars is learned from the first molecule that has them. From then on a look-up of the molecule's
    surroundings, and of its rings, rules out nearly all patterns; only the rest is searched for.
    """

    def __init__(self, patterns: Iterable[Chem.Mol]) -> None:
        self.patterns = list(patterns)
        self._stars = StarTable()
        self._needs = [self._need(pattern) for pattern in self.patterns]
        self._fitting: dict[int, int] = {}  # surroundings -> the stars that fit them
        self._filed: dict[int, list[tuple[int, int]]] = {}  # a star's place -> patterns of which it is the rarest
        self._unlocked: dict[int, frozenset[int]] = {}  # surroundings -> of the stars that fit them, those filed under
        self._file_at = 0  # surroundings, when patterns are filed anew

    def count(self, mol: Chem.Mol, around: Mapping[int, int]) -> int:
        """Return the number of patterns with at least one match."""
        return len(self.matches(mol, around))

    def matches(self, mol: Chem.Mol, around: Mapping[int, int]) -> list[int]:
        """Return the indices of the patterns that match a molecule with these `surroundings`, in order."""
        candidates: Iterable[int] = range(len(self.patterns))
        if mol.GetNumHeavyAtoms() == mol.GetNumAtoms():  # else some neighbour's hydrogen is an atom, and not told of it
            if not around.keys() <= self._fitting.keys():
                self._learn(mol)
            candidates = self._candidates(self._has(mol, around), around)
        return [i for i in candidates if mol.HasSubstructMatch(self.patterns[i])]

    def _has(self, mol: Chem.Mol, around: Mapping[int, int]) -> int:
        """Return the bits of a molecule: of its rings, and of each star that one atom fits, two, three and four."""
        one = two = three = four = 0
        for number, count in around.items():
            fits = self._fitting[number]
            for _ in range(min(count, COUNTED)):
                four |= three & fits
                three |= two & fits
                two |= one & fits
                one |= fits
        sizes = [len(ring) for ring in mol.GetRingInfo().AtomRings()]
        rings = _rings(len(sizes), max(sizes, default=0), -1 << min(sizes, default=_MOST))
        return (one | two << 1 | three << 2 | four << 3) << _STARS | rings

    def _candidates(self, has: int, around: Iterable[int]) -> list[int]:
        """Return the patterns whose needs a molecule meets, in order."""
        unlocked = frozenset[int]().union(*(self._unlocked[number] for number in around))
        looked_at = (each for place in unlocked for each in self._filed[place])
        return sorted(i for i, bits in looked_at if bits & has == bits and self._needs[i].met(has))

    def _learn(self, mol: Chem.Mol) -> None:
        """Learn which stars fit surroundings that were not seen before."""
        numbers = rdFingerprintGenerator.AdditionalOutput()
        numbers.AllocateAtomToBits()
        _SURROUNDINGS.GetSparseCountFingerprint(mol, additionalOutput=numbers)
        told = numbers.GetAtomToBits()  # of each atom the number without its neighbours and, if it has any, with them
        alone = [first for first, *_ in told]
        new = dict.fromkeys(alone, 0)
        for atom, (*_, last) in zip(mol.GetAtoms(), told, strict=True):
            if not (new.get(last) or last in self._fitting):
                new[last] = self._stars.fitting(atom, alone)
        self._fitting |= {number: fits for number, fits in new.items() if number not in self._fitting}
        self._unlocked |= {number: self._unlocks(self._fitting[number]) for number in new}
        if len(self._fitting) >= self._file_at:
            self._file_at = 2 * len(self._fitting)
            self._file()

    def _unlocks(self, fits: int) -> frozenset[int]:
        return frozenset(place for place in _places(fits) if place in self._filed)

    def _file(self) -> None:
        """File each pattern under the star that fits the fewest surroundings, so that most are never looked at."""
        common = Counter(place for fits in self._fitting.values() for place in _places(fits))
        self._filed = {}
        for i, need in enumerate(self._needs):
            places = {place - place % COUNTED for place in _places(need.bits >> _STARS)}
            self._filed.setdefault(min(places, key=lambda place: common[place]), []).append((i, need.bits))
        self._unlocked = {number: self._unlocks(fits) for number, fits in self._fitting.items()}

    def _need(self, pattern: Chem.Mol) -> _Need:
        """Return what a molecule needs to contain a pattern, and number the stars in it."""
        bits, choices = 0, []
        for place, count in Counter(self._stars.place(star(atom)) for atom in pattern.GetAtoms()).items():
            bits |= (1 << min(count, COUNTED)) - 1 << place + _STARS
        for atom in pattern.GetAtoms():
            for alternatives in recursive(atom):
                needs = tuple(tuple(map(self._need, parts)) for parts in alternatives)
                if len(needs) == 1:
                    bits = reduce(or_, (need.bits for need in needs[0]), bits)
                    choices += [choice for need in needs[0] for choice in need.choices]
                elif all(needs):
                    choices.append(needs)
        sizes = [len(ring) for ring in Chem.GetSSSR(pattern)]
        largest = max((ring_size(atom) for atom in pattern.GetAtoms()), default=0)
        smallest = 1 << min(sizes) if sizes and min(sizes) < _MOST else 0
        return _Need(bits | _rings(len(sizes), largest, smallest), tuple(choices))


def _rings(count: int, largest: int, sizes: int) -> int:
    """Return the bits of rings: up to how many, up to which largest size, and a bit for each size.

    A molecule has all sizes from that of its smallest ring, for none of its circles is smaller; a pattern needs that of
    its own smallest ring.
    """
    most = (1 << _MOST) - 1
    return (1 << min(count, _MOST)) - 1 | (1 << min(largest, _MOST)) - 1 << _MOST | (sizes & most) << 2 * _MOST


def _places(bits: int) -> Iterator[int]:
    """Yield the places of the bits that are set."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


@lru_cache(maxsize=8)
def catalogue(names: tuple[str, ...]) -> Patterns:
    """Return RDKit's alerts of the named collections, in the order of its catalogue."""
    params = FilterCatalog.FilterCatalogParams()
    for name in names:
        params.AddCatalog(getattr(FilterCatalog.FilterCatalogParams.FilterCatalogs, name))
    entries = FilterCatalog.FilterCatalog(params)
    return Patterns(_entry_pattern(entries.GetEntry(i)) for i in range(entries.GetNumEntries()))


def _entry_pattern(entry: FilterCatalog.FilterCatalogEntry) -> Chem.Mol:
    """Return the pattern of an alert, which RDKit shows only as part of a serialised alert.

    Every alert of these collections is one pattern that must match once (tests/test_molecule_alerts.py).
    """
    text = entry.Serialize()
    [first, *_] = _PICKLE.finditer(text)
    return Chem.Mol(text[first.end() : first.end() + int(first[1])])
