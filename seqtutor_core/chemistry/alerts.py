"""Find which of many SMARTS a molecule contains, fast; RDKit's catalogues of structural alerts."""

import re
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem import QED, FilterCatalog, rdFingerprintGenerator

from seqtutor_core.chemistry.stars import COUNTED, StarTable, has_isotope, recursive, ring_size, star

Surroundings = tuple[tuple[int, ...], ...]
"""Of each atom three numbers: for itself, with its neighbours, and with theirs; one number if it has no neighbours.

Told are element, bonds, hydrogens, charge and ring membership of each, and the orders of the bonds between them.
"""
Rings = tuple[tuple[int, ...], ...]
"""The atoms of each ring of the smallest set of rings."""

# redundant ones are needed, or some atoms would lack a number
_SURROUNDINGS = rdFingerprintGenerator.GetMorganGenerator(radius=2, includeRedundantEnvironments=True)
_MOST = 32  # rings, or atoms of a ring; more are not told apart
_ISOTOPE_AT = 3 * _MOST  # the place of the bit for isotopes, behind those of rings
_STARS = _ISOTOPE_AT + 1  # the place of the first star's bits
_ISOTOPE = Chem.MolFromSmarts("[!0*]")
_RANKS = 3  # a pattern's rarest stars, of which a molecule must have all before the rest of its needs is looked at
_PICKLE = re.compile(rb" (\d+) (?=\xef\xbe\xad\xde)")  # its length stands before a molecule in RDKit's own format


def surroundings(mol: Chem.Mol) -> Surroundings:
    """Return the surroundings of each atom of a molecule."""
    numbers = rdFingerprintGenerator.AdditionalOutput()
    numbers.AllocateAtomToBits()
    _SURROUNDINGS.GetSparseFingerprint(mol, additionalOutput=numbers)
    told: Surroundings = numbers.GetAtomToBits()
    return told


class _Need(NamedTuple):
    """What a molecule must have to contain a pattern, by the bits of `_rings`, of isotopes and of stars."""

    bits: int
    choices: tuple[tuple["_Need", ...], ...]
    """Of each, one must be met."""

    def met(self, has: int) -> bool:
        """Return whether a molecule has all this."""
        if self.bits & has != self.bits:
            return False
        for choice in self.choices:
            for need in choice:
                if need.met(has):
                    break
            else:
                return False
        return True


class Patterns:
    """A list of patterns, found in a molecule by `matches`. Equal ones are searched for once.

    A pattern can match only if each of its atoms finds an atom with the right neighbours, a star. Which surroundings
    fit which stars is learned from the first molecule that has them. From then on a look-up of the molecule's
    surroundings, and of its rings, rules out nearly all patterns; only the rest is searched for.
    """

    def __init__(self, patterns: Iterable[Chem.Mol]) -> None:
        self.patterns = list(patterns)
        equal: dict[str, list[int]] = {}
        for i, pattern in enumerate(self.patterns):
            equal.setdefault(Chem.MolToSmarts(pattern), []).append(i)
        self._indices = list(equal.values())  # of each different pattern
        self._different = [self.patterns[first] for first, *_ in self._indices]
        self._stars = StarTable()
        for pattern in self._different:
            self._number_stars(pattern)
        self._needs = [self._need(pattern) for pattern in self._different]
        self._fitting: dict[int, int] = {}  # surroundings -> the stars that fit them
        self._filed: dict[int, int] = {}  # a star's place -> patterns of which it is the rarest, the next, ...
        self._opens: dict[int, int] = {}  # surroundings -> patterns of which they fit the rarest star, the next, ...
        self._file_at = 0  # surroundings, when patterns are filed anew

    def matches(self, mol: Chem.Mol, around: Surroundings, rings: Rings) -> list[int]:
        """Return the indices of the patterns that match a molecule with these surroundings and rings, in order."""
        candidates: Iterable[int] = range(len(self._different))
        if mol.GetNumHeavyAtoms() == mol.GetNumAtoms():  # else some neighbour's hydrogen is an atom, and not told of it
            kinds = [numbers[1] if len(numbers) > 1 else numbers[0] for numbers in around]
            counts = Counter(kinds)
            if not counts.keys() <= self._fitting.keys():
                self._learn(mol, kinds, [numbers[0] for numbers in around])
            candidates = self._candidates(counts, self._has(mol, counts, rings))
        found = [i for i in candidates if mol.HasSubstructMatch(self._different[i])]
        return sorted(index for i in found for index in self._indices[i])

    def _candidates(self, numbers: Iterable[int], has: int) -> list[int]:
        """Return the different patterns whose needs are met by the surroundings and the bits of a molecule."""
        opened = 0
        for number in numbers:
            opened |= self._opens[number]
        size = len(self._different)
        left = (1 << size) - 1
        for rank in range(_RANKS):
            left &= opened >> rank * size
        needs = self._needs
        return [i for i in _places(left) if needs[i].met(has)]

    def _has(self, mol: Chem.Mol, counts: Counter[int], rings: Rings) -> int:
        """Return the bits of a molecule: of rings, of isotopes, and of stars that one atom fits, two, three, four."""
        one = two = three = four = 0
        for number, count in counts.items():
            fits = self._fitting[number]
            for _ in range(min(count, COUNTED)):
                four |= three & fits
                three |= two & fits
                two |= one & fits
                one |= fits
        sizes = [len(ring) for ring in rings]
        circles = _rings(len(sizes), max(sizes, default=0), -1 << min(sizes, default=_MOST))
        isotope = mol.HasSubstructMatch(_ISOTOPE) << _ISOTOPE_AT
        each = len(self._stars)
        return (one | two << each | three << 2 * each | four << 3 * each) << _STARS | isotope | circles

    def _learn(self, mol: Chem.Mol, kinds: list[int], alone: list[int]) -> None:
        """Learn which stars fit surroundings that were not seen before; an atom's, and what numbers it by itself."""
        new: dict[int, int] = {}
        for atom, number in zip(mol.GetAtoms(), kinds, strict=True):
            if number not in new and number not in self._fitting:
                new[number] = self._stars.fitting(atom, alone)
        self._fitting |= new
        self._opens |= {number: self._opened(fits) for number, fits in new.items()}
        if len(self._fitting) >= self._file_at:
            self._file_at = 2 * len(self._fitting)
            self._file()

    def _opened(self, fits: int) -> int:
        opened = 0
        for place in _places(fits):
            opened |= self._filed.get(place, 0)
        return opened

    def _file(self) -> None:
        """File each pattern under the stars that fit the fewest surroundings, so that most are never looked at."""
        common = Counter(place for fits in self._fitting.values() for place in _places(fits))
        self._filed = {}
        each = (1 << len(self._stars)) - 1
        for i, need in enumerate(self._needs):
            rarest = sorted(_places(need.bits >> _STARS & each), key=lambda place: common[place])[:_RANKS]
            for rank in range(_RANKS):
                place = rarest[min(rank, len(rarest) - 1)]
                self._filed[place] = self._filed.get(place, 0) | 1 << rank * len(self._needs) + i
        self._opens = {number: self._opened(fits) for number, fits in self._fitting.items()}

    def _number_stars(self, pattern: Chem.Mol) -> None:
        """Give a place to each star of a pattern, and of the patterns in it."""
        for atom in pattern.GetAtoms():
            self._stars.place(star(atom))
            for alternatives in recursive(atom):
                for parts in alternatives:
                    for part in parts:
                        self._number_stars(part)

    def _need(self, pattern: Chem.Mol) -> _Need:
        """Return what a molecule needs to contain a pattern."""
        bits, choices = 0, list[tuple[_Need, ...]]()
        for place, count in Counter(self._stars.place(star(atom)) for atom in pattern.GetAtoms()).items():
            for times in range(min(count, COUNTED)):
                bits |= 1 << _STARS + times * len(self._stars) + place
        for atom in pattern.GetAtoms():
            bits |= has_isotope(atom) << _ISOTOPE_AT
            for alternatives in recursive(atom):
                needs = tuple(_all_of(map(self._need, parts)) for parts in alternatives)
                if len(needs) == 1:
                    bits, choices = bits | needs[0].bits, [*choices, *needs[0].choices]
                elif all(alternatives):
                    choices.append(needs)
        sizes = [len(ring) for ring in Chem.GetSSSR(pattern)]
        largest = max((ring_size(atom) for atom in pattern.GetAtoms()), default=0)
        smallest = 1 << min(sizes) if sizes and min(sizes) < _MOST else 0
        return _Need(bits | _rings(len(sizes), largest, smallest), tuple(choices))


def _all_of(needs: Iterable[_Need]) -> _Need:
    """Return the need that is met if all of some are."""
    bits, choices = 0, list[tuple[_Need, ...]]()
    for need in needs:
        bits, choices = bits | need.bits, [*choices, *need.choices]
    return _Need(bits, tuple(choices))


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


def count_alerts(mol: Chem.Mol, around: Surroundings, rings: Rings, names: tuple[str, ...]) -> tuple[int, int]:
    """Return how many of QED's alerts match a molecule, and how many of the named collections'.

    They have many in common, so they are looked for together.
    """
    found = alerts(names).matches(mol, around, rings)
    of_qed = bisect(found, len(QED.StructuralAlerts) - 1)
    return of_qed, len(found) - of_qed


@lru_cache(maxsize=8)
def alerts(names: tuple[str, ...]) -> Patterns:
    """Return QED's alerts and, behind them, those of RDKit's named collections."""
    return Patterns([*QED.StructuralAlerts, *catalogue(names)])


def catalogue(names: tuple[str, ...]) -> list[Chem.Mol]:
    """Return RDKit's alerts of the named collections, in the order of its catalogue."""
    params = FilterCatalog.FilterCatalogParams()
    for name in names:
        params.AddCatalog(getattr(FilterCatalog.FilterCatalogParams.FilterCatalogs, name))
    entries = FilterCatalog.FilterCatalog(params)
    return [_entry_pattern(entries.GetEntry(i)) for i in range(entries.GetNumEntries())]


def _entry_pattern(entry: FilterCatalog.FilterCatalogEntry) -> Chem.Mol:
    """Return the pattern of an alert, which RDKit shows only as part of a serialised alert.

    Every alert of these collections is one pattern that must match once (tests/test_molecule_alerts.py).
    """
    text = entry.Serialize()
    [first, *_] = _PICKLE.finditer(text)
    return Chem.Mol(text[first.end() : first.end() + int(first[1])])
