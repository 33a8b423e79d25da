"""From a sampled sequence to what a person meets: a molecule with its properties and the reasons for its score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from seqtutor_core.chemistry.pool import shared
from seqtutor_core.chemistry.property_query import SCAFFOLD, Facts
from seqtutor_core.chemistry.tokens import END_ID, PATTERN
from seqtutor_core.domains.molecule import Molecule


@dataclass(frozen=True)
class Reason:
    """What one term contributes to a molecule's reward."""

    name: str
    label: str
    raw: float
    """Before the desirability, in `unit`."""
    unit: str
    term: float
    """After it."""
    weight: float

    @property
    def paid(self) -> float:
        """The term's share of the reward."""
        return self.weight * self.term


@dataclass(frozen=True)
class Found:
    """A molecule with everything known of it and its reward."""

    facts: Facts
    reward: float
    reasons: tuple[Reason, ...]
    """Of the terms with a weight, the largest contribution first."""

    @property
    def smiles(self) -> str:
        """Canonical where it is a molecule, else as it was written."""
        return self.facts.canonical or self.facts.smiles


def examine(molecule: Molecule, smiles: Sequence[str], weights: Mapping[str, float]) -> list[Found]:
    """Every property of each molecule, and what these weights pay for it."""
    wanted = molecule.answerable | {SCAFFOLD}
    return [_found(molecule, facts, weights) for facts in shared().measure(smiles, molecule.question, wanted)]


def expected(found: Sequence[Found], shares: Sequence[float]) -> dict[str, float]:
    """Figures to expect of molecules (n,) that are met with these shares (n,), which sum to 1.

    `valid`, the chance of a molecule, and the mean of each property over what is one; no mean where nothing is.
    """
    valid = [(one.facts.values, share) for one, share in zip(found, shares, strict=True) if one.facts.valid]
    figures = {"valid": sum(share for _, share in valid)}
    for name in dict.fromkeys(name for values, _ in valid for name in values):
        known = [(values[name], share) for values, share in valid if name in values]
        if total := sum(share for _, share in known):
            figures[name] = sum(value * share for value, share in known) / total
    return figures


def smiles_of(molecule: Molecule, rows: Sequence[Sequence[int]]) -> list[str]:
    """The SMILES of token rows, prefix included; empty for a row that never ends."""
    if not rows:
        return []
    width = max(map(len, rows))
    tokens = torch.tensor([[*row, *[END_ID] * (width - len(row))] for row in rows])
    return molecule.smiles(tokens, torch.tensor([len(row) for row in rows]))


def _found(molecule: Molecule, facts: Facts, weights: Mapping[str, float]) -> Found:
    values = molecule.values(facts, len(PATTERN.findall(facts.smiles)) + 1 if facts.valid else 0)
    shaped = molecule.shaped(values, facts.valid)
    reasons = [
        Reason(t.name, t.label, values.get(t.name, 0.0), t.unit, term, weights[t.name])
        for t, term in zip(molecule.terms, shaped, strict=True)
        if weights.get(t.name)
    ]
    reasons.sort(key=lambda reason: -abs(reason.paid))
    return Found(facts, sum(reason.paid for reason in reasons), tuple(reasons))
