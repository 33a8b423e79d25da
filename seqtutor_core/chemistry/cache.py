"""What was measured of molecules, however they were written; the least recently used are forgotten."""

from collections import OrderedDict
from typing import Any

from seqtutor_core.chemistry.property_query import SCAFFOLD, Facts, Question

REMEMBERED = 200_000
FLAT = "flat"

Key = str | tuple[str, tuple[str, ...]]
"""A property, with the part of the question that its value depends on; FLAT for the SMILES without stereochemistry."""


class Memory:
    """Facts by SMILES; for one thread at a time."""

    def __init__(self, size: int = REMEMBERED) -> None:
        """Remember so many molecules, and as many ways to write them."""
        self.size = size
        self._spellings: OrderedDict[str, str | Facts] = OrderedDict()  # canonical, or facts with an error
        self._molecules: OrderedDict[str, dict[Key, Any]] = OrderedDict()  # by canonical SMILES

    def recall(self, smiles: str, question: Question, wanted: frozenset[str]) -> tuple[Facts | None, frozenset[str]]:
        """What is known, None when nothing is, and the wanted names that are not."""
        known = self._spellings.get(smiles)
        if known is None:
            return None, wanted
        self._spellings.move_to_end(smiles)
        if isinstance(known, Facts):
            return known, frozenset()
        molecule = self._molecules.get(known)
        if molecule is None:
            return None, wanted
        self._molecules.move_to_end(known)
        keys = {name: _key(name, question) for name in wanted}
        values = {name: molecule[key] for name, key in keys.items() if key in molecule}
        missing = wanted.difference(values)
        scaffold = values.pop(SCAFFOLD, "")
        unknown = {name: values.pop(name) for name in [*values] if isinstance(values[name], str)}
        return Facts(smiles, known, "", scaffold, values, unknown, molecule.get(FLAT, "")), missing

    def keep(self, facts: Facts, question: Question, wanted: frozenset[str]) -> bool:
        """Remember facts; whether they say anything new about a molecule."""
        self._spellings[facts.smiles] = facts.canonical if facts.valid else facts
        _forget(self._spellings, self.size)
        if not facts.valid:
            return False
        new = facts.canonical not in self._molecules
        molecule = self._molecules.setdefault(facts.canonical, {})
        self._molecules.move_to_end(facts.canonical)
        _forget(self._molecules, self.size)
        before = len(molecule)
        for name in wanted:
            value = facts.values.get(name, facts.unknown.get(name))
            molecule[_key(name, question)] = facts.scaffold if name == SCAFFOLD else value
        if facts.flat:
            molecule[FLAT] = facts.flat
        return new or len(molecule) > before


def _key(name: str, question: Question) -> Key:
    part = question.part(name)
    return (name, part) if part else name


def _forget(memory: OrderedDict[str, Any], size: int) -> None:
    while len(memory) > size:
        memory.popitem(last=False)
