"""Search molecules for the substructures of users: SMARTS, or SMILES meant as SMARTS.

A SMILES may write rings with alternating bonds, nitro groups with five, hydrogens as atoms and single bonds to a metal.
RDKit makes molecules aromatic, charges their nitro groups, counts hydrogens at their atoms and lets lone pairs bind, so
such a text would match nothing. If a text reads as SMILES, the atoms and bonds that RDKit would change are changed;
everything else in it is SMARTS.

A pattern may have loose parts, joined by dots, whose places RDKit tries in all combinations. Here each part is searched
for separately, and places are chosen that do not overlap.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rdkit import Chem

from seqtutor_core.chemistry.limits import SearchTimeout, with_time_limit
from seqtutor_core.chemistry.parsing import WAY_OUT, capture_log, parse_smarts, smiles_parser
from seqtutor_core.chemistry.tokens import PATTERN
from seqtutor_core.errors import InputError

MAX_PARTS = 50
MAX_PLACES = 2_000  # of a part in a molecule
MAX_TRIALS = 20_000  # of ways to place all parts
SHOWN = 40  # characters of a pattern in a message

SYMBOLS = {Chem.BondType.SINGLE: "-", Chem.BondType.DOUBLE: "=", Chem.BondType.TRIPLE: "#"}

Place = frozenset[int]
"""The atoms that a part matches."""


@dataclass(frozen=True)
class Substructure:
    """A compiled pattern."""

    text: str
    parts: tuple[tuple[Chem.Mol, int], ...]
    """The different loose parts, and how many of each are required."""

    def found_in(self, mol: Chem.Mol) -> bool:
        """Return whether a molecule has the pattern; SearchTimeout if the search exceeds the limits."""
        if len(self.parts) == 1 and self.parts[0][1] == 1:
            return self._search(lambda: mol.HasSubstructMatch(self.parts[0][0]))
        if sum(part.GetNumAtoms() * count for part, count in self.parts) > mol.GetNumAtoms():
            return False
        return self._fit([(self._places(mol, part), count) for part, count in self.parts])

    def marks(self, mol: Chem.Mol) -> tuple[set[int], set[int]]:
        """Return the atoms and bonds of a molecule that match, none without a match; SearchTimeout as above."""
        atoms: set[int] = set()
        bonds: set[int] = set()
        if not self.found_in(mol):
            return atoms, bonds
        for part, _ in self.parts:
            for match in self._matches(mol, part):
                atoms.update(match)
                for bond in part.GetBonds():
                    ends = match[bond.GetBeginAtomIdx()], match[bond.GetEndAtomIdx()]
                    bonds.add(mol.GetBondBetweenAtoms(*ends).GetIdx())
        return atoms, bonds

    def _search(self, search: Callable[[], Any]) -> Any:
        try:
            return with_time_limit(search)
        except SearchTimeout:
            raise self._too_long("takes too long to look for in") from None

    def _too_long(self, why: str) -> SearchTimeout:
        return SearchTimeout(f"{_shown(self.text)} {why} this molecule")

    def _matches(self, mol: Chem.Mol, part: Chem.Mol) -> Sequence[tuple[int, ...]]:
        matches: Sequence[tuple[int, ...]] = self._search(lambda: mol.GetSubstructMatches(part, maxMatches=MAX_PLACES))
        return matches

    def _places(self, mol: Chem.Mol, part: Chem.Mol) -> list[Place]:
        return list(dict.fromkeys(map(frozenset, self._matches(mol, part))))

    def _fit(self, choices: list[tuple[list[Place], int]]) -> bool:
        """Return whether all parts find places that do not overlap."""
        trials = 0

        def fit(left: list[tuple[list[Place], int]]) -> bool:
            nonlocal trials
            trials += 1
            if trials > MAX_TRIALS:
                raise self._too_long("has too many ways to lie on")
            if not left:
                return True
            left = sorted(left, key=lambda choice: len(choice[0]) - choice[1])  # the scarcest first
            (places, count), *others = left
            if len(places) < count:
                return False
            for i, place in enumerate(places):
                same = [([p for p in places[i + 1 :] if not p & place], count - 1)] if count > 1 else []
                if fit(same + [([p for p in theirs if not p & place], n) for theirs, n in others]):
                    return True
            return False

        if fit(choices):
            return True
        if any(len(places) >= MAX_PLACES for places, _ in choices):  # there may be more of them
            raise self._too_long("has too many places on")
        return False


@lru_cache(maxsize=256)
def substructure(text: str) -> Substructure:
    """Return the pattern of a SMARTS or SMILES; InputError shows what is wrong and where."""
    parts = Chem.GetMolFrags(_as_rdkit_writes(parse_smarts(text), text), asMols=True, sanitizeFrags=False)
    if len(parts) > MAX_PARTS:
        raise InputError(f"{len(parts)} loose parts, joined by dots, are more than {MAX_PARTS}; give fewer")
    written, _ = capture_log(lambda: [Chem.MolToSmarts(part) for part in parts])
    if written is None:
        raise InputError(f"an atom of {_shown(text)} is none, as above number 118; {WAY_OUT['SMARTS']}")
    counts, different = Counter(written), dict(zip(written, parts, strict=True))
    return Substructure(text, tuple((different[smarts], count) for smarts, count in counts.items()))


# ---------------------------------------------------------------- SMILES


def _shown(text: str) -> str:
    """Return a pattern as a message quotes it."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def _as_rdkit_writes(query: Chem.Mol, text: str) -> Chem.Mol:
    """Return the query with its atoms and bonds aromatic or charged as RDKit makes them in this text's molecule."""
    if more_than_smiles(text):
        return query
    written, kept = (_molecule(text, sanitize) for sanitize in (False, True))
    if written is None or kept is None:
        return query
    changed = Chem.RWMol(query)
    charged = set()
    for atom, before in zip(kept.GetAtoms(), written.GetAtoms(), strict=True):
        index, symbol, charge = atom.GetIdx(), atom.GetSymbol(), atom.GetFormalCharge()
        if charge != before.GetFormalCharge():
            charged.add(index)
            written_as = symbol.lower() if atom.GetIsAromatic() else symbol
            changed.ReplaceAtom(index, Chem.AtomFromSmarts(f"[{written_as}{charge:+d}]"))
        elif symbol != "*" and atom.GetIsAromatic() and not before.GetIsAromatic():  # any atom stays any atom
            smarts = re.sub(rf"(?<![A-Za-z]){symbol}(?![a-z])", symbol.lower(), query.GetAtomWithIdx(index).GetSmarts())
            changed.ReplaceAtom(index, Chem.AtomFromSmarts(smarts))
    for bond, before in zip(kept.GetBonds(), written.GetBonds(), strict=True):
        if bond.GetIsAromatic() and not before.GetIsAromatic():
            changed.ReplaceBond(bond.GetIdx(), Chem.BondFromSmarts(":"))
        elif bond.GetBondType() == Chem.BondType.DATIVE != before.GetBondType():
            changed.ReplaceBond(bond.GetIdx(), Chem.BondFromSmarts("~"))  # no query can be set to a dative one
        elif bond.GetBondType() != before.GetBondType() and charged & {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()}:
            changed.ReplaceBond(bond.GetIdx(), Chem.BondFromSmarts(SYMBOLS[bond.GetBondType()]))
    return Chem.MergeQueryHs(changed.GetMol())


def more_than_smiles(text: str) -> bool:
    """Return whether a text says what only SMARTS can; RDKit reads some of that as SMILES, too."""
    return "~" in text or bool(re.search(r"\[[^\]]*#", text) or PATTERN.sub("", text))


def _molecule(text: str, sanitize: bool) -> Chem.Mol | None:
    """Return the molecule of a SMILES with every atom as written; None if it is invalid."""
    params: Any = smiles_parser(sanitize)
    params.removeHs = False
    molecule, _ = capture_log(lambda: Chem.MolFromSmiles(text, params))
    return molecule
