"""Molecules with their properties, their reward, and what each reward term contributes to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from seqtutor_core.chemistry.pool import shared
from seqtutor_core.chemistry.property_query import SCAFFOLD, Measurement
from seqtutor_core.chemistry.tokens import PATTERN
from seqtutor_core.domains.molecule import Molecule


@dataclass(frozen=True)
class TermContribution:
    """What one reward term contributes to a molecule's reward."""

    name: str
    label: str
    raw: float
    """Before the desirability, in `unit`."""
    unit: str
    term: float
    """After it."""
    weight: float

    @property
    def reward(self) -> float:
        """The term's share of the molecule's reward: weight times term."""
        return self.weight * self.term


@dataclass(frozen=True)
class ScoredMolecule:
    """A molecule with all its properties and its reward."""

    measurement: Measurement
    reward: float
    contributions: tuple[TermContribution, ...]
    """Of the terms with a weight, the largest contribution first."""

    @property
    def smiles(self) -> str:
        """Canonical SMILES of a valid molecule, else the SMILES as it was written."""
        return self.measurement.canonical or self.measurement.smiles


def score_molecules(molecule: Molecule, smiles: Sequence[str], weights: Mapping[str, float]) -> list[ScoredMolecule]:
    """Measure every property of each SMILES and score it with these weights; return one result for each, in order."""
    requested = molecule.answerable | {SCAFFOLD}
    return [_scored(molecule, one, weights) for one in shared().measure(smiles, molecule.query, requested)]


def expected_properties(molecules: Sequence[ScoredMolecule], probabilities: Sequence[float]) -> dict[str, float]:
    """Return the expected figures of n molecules under their probabilities (n,), which sum to 1.

    `valid` is the probability of a valid molecule; each property is averaged over the valid ones that have it, and left
    out where none has.
    """
    valid = [
        (one.measurement.values, probability)
        for one, probability in zip(molecules, probabilities, strict=True)
        if one.measurement.valid
    ]
    figures = {"valid": sum(probability for _, probability in valid)}
    for name in dict.fromkeys(name for values, _ in valid for name in values):
        pairs = [(values[name], probability) for values, probability in valid if name in values]
        if total := sum(probability for _, probability in pairs):
            figures[name] = sum(value * probability for value, probability in pairs) / total
    return figures


def smiles_of(molecule: Molecule, rows: Sequence[Sequence[int]]) -> list[str]:
    """Return the SMILES of token rows, prefix included; empty for a row without an end token."""
    if not rows:
        return []
    width = max(map(len, rows))
    tokens = torch.tensor([[*row, *[molecule.tokens.end] * (width - len(row))] for row in rows])
    return molecule.smiles(tokens, torch.tensor([len(row) for row in rows]))


def _scored(molecule: Molecule, measurement: Measurement, weights: Mapping[str, float]) -> ScoredMolecule:
    length = len(PATTERN.findall(measurement.smiles)) + 1 if measurement.valid else 0
    raw = molecule.raw_terms(measurement, length)
    terms = molecule.desirable_terms(raw, measurement.valid)
    contributions = [
        TermContribution(t.name, t.label, raw.get(t.name, 0.0), t.unit, term, weights[t.name])
        for t, term in zip(molecule.terms, terms, strict=True)
        if weights.get(t.name)
    ]
    contributions.sort(key=lambda one: -abs(one.reward))
    return ScoredMolecule(measurement, sum(one.reward for one in contributions), tuple(contributions))
