"""Molecules with their properties, their reward, and what each reward term contributes to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch

from seqtutor_core.chemistry.property_query import Measurement
from seqtutor_core.chemistry.tokens import PATTERN
from seqtutor_core.domains.molecule import Molecule
from seqtutor_core.domains.molecule.terms import TERM_PROPERTIES
from seqtutor_core.objective import SUM, Objective


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
    effect: float
    """On the molecule's reward: the points that it adds, or under a geometric mean the factor that it multiplies by."""


@dataclass(frozen=True)
class ScoredMolecule:
    """A molecule with all its properties and its reward."""

    measurement: Measurement
    reward: float
    contributions: tuple[TermContribution, ...]
    """Of the terms with a weight, the largest effect first."""

    @property
    def smiles(self) -> str:
        """Canonical SMILES of a valid molecule, else the SMILES as it was written."""
        return self.measurement.canonical or self.measurement.smiles


def score_molecules(
    objective: Objective, smiles: Sequence[str], properties: frozenset[str] | None = None
) -> list[ScoredMolecule]:
    """Measure the properties of each SMILES and score it under an objective of molecules; return results in order.

    properties: what to measure beside what the domain measures anyway and the objective needs; None: all but the slow.
    """
    molecule = cast(Molecule, objective.domain)
    own = [name for name in objective.active_terms if molecule.own.names.get(name)]
    answerable = molecule.query.answerable
    needed = {TERM_PROPERTIES[name] for name in objective.active_terms if name in TERM_PROPERTIES} & answerable
    wanted = answerable - molecule.query.slow if properties is None else properties
    measurements = molecule.measure_smiles(smiles, molecule.measured | needed | wanted, own)
    raw = molecule.raw_terms(measurements, [_length(one) for one in measurements])
    terms = molecule.desirable_terms(raw, measurements)
    rewards = objective.reward(torch.from_numpy(terms)).tolist()
    columns = {name: np.nan_to_num(term).tolist() for name, term in raw.items()}
    return [
        ScoredMolecule(one, reward, _contributions(objective, {n: c[i] for n, c in columns.items()}, desirable))
        for i, (one, reward, desirable) in enumerate(zip(measurements, rewards, terms.tolist(), strict=True))
    ]


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


def _length(measurement: Measurement) -> int:
    """Return how many tokens a valid molecule was written in, with the end."""
    return len(PATTERN.findall(measurement.smiles)) + 1 if measurement.valid else 0


def _contributions(
    objective: Objective, raw: Mapping[str, float], terms: Sequence[float]
) -> tuple[TermContribution, ...]:
    contributions = [
        TermContribution(t.name, t.label, raw.get(t.name, 0.0), t.unit, term, objective.weights[t.name], effect)
        for t, term, effect in zip(objective.domain.terms, terms, objective.effects(terms), strict=True)
        if objective.weights[t.name]
    ]
    contributions.sort(key=lambda one: -abs(one.effect) if objective.combination == SUM else one.effect)
    return tuple(contributions)
