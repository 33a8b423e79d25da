"""Stars: what an atom and its neighbours alone must be like to fit an atom of a pattern; and which stars an atom fits.

A star is weaker than the pattern that it is cut from: whatever fits the pattern's atom fits its star. What is not told
by surroundings (alerts.py says what is) is left out: sizes of rings, whether a bond is in a ring, isotopes, chirality,
and what recursive SMARTS ask of atoms further away.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from rdkit import Chem

_EXACT = re.compile(r"!?(#\d+|[HXD]\d+|[+-]\d*|R0?)")  # SMARTS that surroundings tell of an atom and of its neighbours
_SYMBOL = re.compile(r"!?([A-Z][a-z]?|[a-z]|se|as|te)")
COUNTED = 4
"""The atoms of a molecule that fit a star are counted up to this."""


class Star(NamedTuple):
    """An atom's SMARTS, and of each neighbour the SMARTS of its bond and of the neighbour itself, sorted."""

    centre: str
    arms: tuple[tuple[str, str], ...]


def star(atom: Chem.Atom) -> Star:
    """Return the star of a pattern's atom. What a ring of the pattern's fits lies in a ring."""
    arms = []
    for bond in atom.GetBonds():
        order = re.sub(r"[&;]?!?@", "", bond.GetSmarts()) or ("~" if "@" in bond.GetSmarts() else "-,:")
        other = bond.GetOtherAtom(atom)
        arms.append((order, _weaker(other.GetSmarts(), other.IsInRing(), False)))
    return Star(_weaker(atom.GetSmarts(), atom.IsInRing(), True), tuple(sorted(arms)))


def recursive(atom: Chem.Atom) -> list[list[list[Chem.Mol]]]:
    """Return the conditions on a pattern's atom: of each the alternatives, and of those the patterns all asked for."""
    return _recursive(atom.GetSmarts())


@lru_cache(maxsize=4096)
def _recursive(smarts: str) -> list[list[list[Chem.Mol]]]:
    return [
        [[Chem.MolFromSmarts(part[2:-1]) for part in choice if part.startswith("$(")] for choice in choices]
        for choices in _conditions(smarts)
    ]


def ring_size(atom: Chem.Atom) -> int:
    """Return the least size of ring that a pattern's atom asks for, such as 9 of [C;r9,r10]; 0 if it asks for none."""
    least = 0
    for choices in _conditions(atom.GetSmarts()):
        sizes = [[int(part[1:]) for part in choice if re.fullmatch(r"r\d+", part)] for choice in choices]
        if all(sizes):
            least = max(least, min(size for each in sizes for size in each))
    return least


def has_isotope(atom: Chem.Atom) -> bool:
    """Return whether a pattern's atom asks for an isotope, whichever, such as [13C]."""
    for choices in _conditions(atom.GetSmarts()):
        if all(any(re.fullmatch(r"[1-9]\d*\*", part) for part in choice) for choice in choices):
            return True
    return False


class StarTable:
    """Stars, the place of the bits of each, and which of them an atom fits."""

    def __init__(self) -> None:
        self._places: dict[Star, int] = {}
        self._tree: dict[str, dict[Any, Any]] = {}  # centre -> arm -> arm ...; None -> the star that ends here
        self._atoms: dict[str, Chem.Atom] = {}  # what the SMARTS of stars mean
        self._bonds: dict[str, Chem.Bond] = {}
        self._kinds: dict[tuple[int, bool], frozenset[str]] = {}  # of an atom alone, the SMARTS in _atoms that it fits

    def __len__(self) -> int:
        """Return the number of stars."""
        return len(self._places)

    def place(self, one: Star) -> int:
        """Return the place of a star's bit, a new one for a new star."""
        if one not in self._places:
            node = self._tree.setdefault(one.centre, {})
            for arm in one.arms:
                node = node.setdefault(arm, {})
            node[None] = self._places[one] = len(self._places)
            for text in (one.centre, *(other for _, other in one.arms)):
                self._atoms[text] = self._atoms.get(text) or Chem.AtomFromSmarts(text)
            for text, _ in one.arms:
                self._bonds[text] = self._bonds.get(text) or Chem.BondFromSmarts(text)
        return self._places[one]

    def fitting(self, atom: Chem.Atom, alone: Sequence[int]) -> int:
        """Return the bits of the stars that an atom fits; `alone` numbers all atoms by what they are alone."""
        bonds = atom.GetBonds()
        others = [self._kind(bond.GetOtherAtom(atom), alone) for bond in bonds]
        orders = {text: [query.Match(bond) for bond in bonds] for text, query in self._bonds.items()}

        @cache
        def neighbours(arm: tuple[str, str]) -> int:
            """Return the neighbours that an arm can reach."""
            order, other = arm
            fits = (bound and other in kind for bound, kind in zip(orders[order], others, strict=True))
            return sum(1 << i for i, fit in enumerate(fits) if fit)

        def walk(node: dict[Any, Any], taken: int) -> int:
            """Return the stars below a node of the tree whose arms find neighbours that are not taken."""
            found = 0
            for arm, child in node.items():
                if arm is None:
                    found |= 1 << child
                    continue
                free = neighbours(arm) & ~taken
                while free:
                    one = free & -free
                    free ^= one
                    found |= walk(child, taken | one)
            return found

        found = 0
        for centre in self._kind(atom, alone) & self._tree.keys():
            found |= walk(self._tree[centre], 0)
        return found

    def _kind(self, atom: Chem.Atom, alone: Sequence[int]) -> frozenset[str]:
        kind = alone[atom.GetIdx()], atom.GetIsAromatic()
        if kind not in self._kinds:
            self._kinds[kind] = frozenset(text for text, query in self._atoms.items() if query.Match(atom))
        return self._kinds[kind]


@lru_cache(maxsize=4096)
def _weaker(smarts: str, in_ring: bool, bonds_are_told: bool) -> str:
    """Return an atom's SMARTS without what surroundings do not tell.

    in_ring: whether whatever fits the atom lies in a ring. bonds_are_told: whether surroundings tell its bonds.
    """
    conditions = ["R"] if in_ring else []
    for choices in _conditions(smarts):
        told = ["&".join(filter(None, (_primitive(part, bonds_are_told) for part in choice))) for choice in choices]
        if all(told):
            conditions.append(",".join(told))
    return f"[{';'.join(conditions) or '*'}]"


def _primitive(text: str, bonds_are_told: bool) -> str:
    """Return what is left of one primitive of SMARTS; empty if nothing is."""
    if text.startswith("$("):  # at least its first atom must be there
        first = _weaker(Chem.MolFromSmarts(text[2:-1]).GetAtomWithIdx(0).GetSmarts(), False, bonds_are_told)[1:-1]
        return "" if re.search(r"[*,;]", first) else first
    if _EXACT.fullmatch(text):
        return text
    if re.fullmatch(r"[Rr]\d*", text):
        return "R"
    if text.lstrip("!") in ("a", "A") or not (symbol := _SYMBOL.fullmatch(text)):
        return text if bonds_are_told and text.lstrip("!") in ("a", "A") else ""
    if bonds_are_told:  # they say which atoms are aromatic
        return text
    return "" if text.startswith("!") else f"#{Chem.GetPeriodicTable().GetAtomicNumber(symbol[1].capitalize())}"


def _conditions(smarts: str) -> list[list[list[str]]]:
    """Return the conditions of an atom's SMARTS: of each its alternatives, and of each the primitives it has."""
    body = smarts[1:-1] if smarts.startswith("[") else smarts
    return [[_split(choice, "&") for choice in _split(condition, ",")] for condition in _split(body, ";")]


def _split(text: str, separator: str) -> list[str]:
    """Return the parts of a text between separators that stand outside of parentheses and brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == separator and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts
