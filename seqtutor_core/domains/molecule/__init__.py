"""The molecule domain: SMILES token by token, rewarded at the end for the properties that RDKit measures."""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from random import Random
from sys import intern
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqtutor_core.chemistry.pool import shared
from seqtutor_core.chemistry.property_query import EXPENSIVE, SCAFFOLD, Measurement
from seqtutor_core.chemistry.tokens import TOKENS
from seqtutor_core.domains.base import Alarm, Figure, RewardTerm
from seqtutor_core.domains.molecule.alarms import alarms
from seqtutor_core.domains.molecule.features import FEATURES
from seqtutor_core.domains.molecule.metrics import AVERAGED, live_figures, metrics
from seqtutor_core.domains.molecule.scoring import score_lines
from seqtutor_core.domains.molecule.search import crossed, rewritten
from seqtutor_core.domains.molecule.settings import MoleculeSettings
from seqtutor_core.domains.molecule.terms import (
    PAPER_WEIGHTS,
    TERM_PROPERTIES,
    TERMS,
    raw_terms,
    too_short,
    with_desirability,
)
from seqtutor_core.domains.molecule.training_set import in_training_set
from seqtutor_core.domains.own import OWN
from seqtutor_core.errors import SettingError
from seqtutor_core.features import InputFeature

WINDOW = 1024  # latest molecules that the live figures are over

NEEDS = {
    "similarity": "give a target molecule, or set its weight to 0",
    "required": "give SMARTS that the molecules should have, or set its weight to 0",
    "forbidden": "give SMARTS that the molecules should not have, or set its weight to 0",
    "alerts": "choose a catalogue of alerts, or set its weight to 0",
    "similarity_2": "give a second target molecule, or set its weight to 0",
    "isomer": "give a formula, or set its weight to 0",
}

FIGURES = (
    Figure("valid", "Valid", "Share of the last 1,024 sequences that are molecules", percent=True),
    Figure("unique", "Unique", "Share of the valid ones that differ from those before", percent=True),
    Figure("novel", "Novel", "Share of the unique ones that the training set has not", percent=True),
    Figure("scaffolds", "Scaffolds", "Different Bemis-Murcko scaffolds among the last 1,024 sequences", percent=False),
)


class Measured(NamedTuple):
    """A rollout, and what was measured of it."""

    tokens: Tensor  # (B, T)
    lengths: Tensor  # (B,)
    asked: tuple[frozenset[str], tuple[str, ...]]
    """See Molecule._asked."""
    measurements: list[Measurement]


class Molecule:
    """The molecule domain (protocol: seqtutor_core.domains.base.Domain)."""

    name = "molecule"
    paper_weights = PAPER_WEIGHTS
    figures: tuple[Figure, ...] = FIGURES
    terminal_reward = True
    slow_scoring = True
    scores_on_device = False

    def __init__(self, settings: MoleculeSettings | None = None) -> None:
        self.settings = s = settings or MoleculeSettings()
        self.tokens = TOKENS[s.corpus]
        self.vocabulary, self.length = self.tokens.vocabulary, s.length or self.tokens.longest
        self.end: int | None = self.tokens.end
        self.features: Mapping[str, InputFeature] = FEATURES[self.tokens]
        self.own = s.own_rewards
        terms = (*(t for t in TERMS if t.name not in OWN), *self.own.terms)
        shapes = {t.name: s.desirability(t.name) for t in terms}
        self.desirabilities = {name: shape if shape and shape.kind != "raw" else None for name, shape in shapes.items()}
        """By term; None where the value itself is rewarded."""
        self.terms: tuple[RewardTerm, ...] = tuple(with_desirability(t, self.desirabilities[t.name]) for t in terms)
        self.primer = tuple(self.tokens.encode(s.prefix))
        self.query = s.query
        self.measured = self.query.answerable - self.query.slow - EXPENSIVE | {SCAFFOLD}
        self.newest: tuple[Measured, ...] = ()
        """The last two rollouts that `measure` was given: one is learned from while the next is measured."""
        self._turn = Lock()  # around own rewards, which can be dear: what two rollouts share is measured once
        self.scaffolds: Counter[str] = Counter()
        self.observed: list[str] = []
        """The scaffold of each valid molecule that was observed, in order: what `scaffolds` counts."""
        self.recent: deque[tuple[str, str, dict[str, float]]] = deque(maxlen=WINDOW)  # SMILES, scaffold, properties

    # ------------------------------------------------------------ rewards

    @property
    def _asked(self) -> tuple[frozenset[str], tuple[str, ...]]:
        """The properties that are measured now, and the own rewards."""
        return self.measured, tuple(self.own.active)

    def measurements(self, tokens: Tensor, lengths: Tensor) -> list[Measurement]:
        """Return the measurement of each sequence of tokens (B, T): as `measure` found it, or else by the pool."""
        asked, tokens, lengths = self._asked, tokens.cpu(), lengths.cpu()
        for one in self.newest:
            if one.asked == asked and torch.equal(one.tokens, tokens) and torch.equal(one.lengths, lengths):
                return one.measurements
        return self.measure_smiles(self.smiles(tokens, lengths), *asked)

    def measure_smiles(
        self, smiles: Sequence[str], properties: frozenset[str], own: Collection[str] = ()
    ) -> list[Measurement]:
        """Return the measurement of each SMILES, with the own rewards of these names among its values."""
        measurements = shared().measure(smiles, self.query, properties)
        valid = [i for i, one in enumerate(measurements) if one.valid]
        for term in own:
            scores = self.own.score(term, [measurements[i].canonical for i in valid])
            for i, score in zip(valid, scores, strict=True):
                part = {"unknown": {term: score.error}} if score.error else {"values": {term: score.values[0]}}
                measurements[i] = measurements[i].merged(Measurement("", **part))
        return measurements

    def measure(self, tokens: Tensor, lengths: Tensor) -> None:
        """Wait until tokens (B, T) are measured, and remember it: scores, identities and figures follow from it."""
        tokens, lengths = tokens.cpu().clone(), lengths.cpu().clone()
        asked, smiles = self._asked, self.smiles(tokens, lengths)
        with self._turn if self.own.active else nullcontext():
            measurements = self.measure_smiles(smiles, *asked)
        self.newest = (Measured(tokens, lengths, asked, measurements), *self.newest[:1])

    def smiles(self, tokens: Tensor, lengths: Tensor) -> list[str]:
        """Return the SMILES of tokens (B, T), prefix included; empty for a sequence without an end token."""
        rows, ended, decode = zip(tokens.tolist(), lengths.tolist(), strict=True), self.tokens.ended, self.tokens.decode
        return [self.settings.prefix + decode(row[:n]) if ended(row[:n]) else "" for row, n in rows]

    def raw_terms(self, measurements: Sequence[Measurement], lengths: Sequence[int]) -> dict[str, np.ndarray]:
        """Return the terms (B,) of molecules of so many tokens before any desirability, by name.

        An invalid molecule has 0 everywhere but in `too_short`. NaN stands for a property that was not measured; a term
        that no molecule has is left out.
        """
        seen = np.array([self.scaffolds[one.scaffold] for one in measurements])
        terms = {
            **raw_terms(measurements),
            "validity": np.ones(len(measurements)),
            "novelty": np.where(in_training_set(self.tokens.corpus, measurements), 0.0, 1.0),
            "scaffold_diversity": 0.0 - np.minimum(1.0, seen / self.settings.bucket),
        }
        valid = _valid(measurements)
        return {name: np.where(valid, term, 0.0) for name, term in terms.items()} | {"too_short": too_short(lengths)}

    def desirable_terms(self, raw: Mapping[str, np.ndarray], measurements: Sequence[Measurement]) -> np.ndarray:
        """Return the terms (B, K) as they are rewarded: raw terms through their desirability, 0 where one is missing.

        The terms of an invalid molecule stay raw, or are 0 if they have a desirability: it is not desirable.
        """
        terms, valid = np.zeros((len(measurements), len(self.terms))), _valid(measurements)
        for place, (name, function) in enumerate(self.desirabilities.items()):
            if name in raw:
                term = raw[name] if function is None else np.where(valid, function(raw[name]), 0.0)
                terms[:, place] = np.nan_to_num(term)
        return terms

    def score(self, tokens: Tensor, lengths: Tensor, only: Collection[str] | None = None) -> Tensor:
        """Return the terms (B, T, K) of tokens (B, T); all reward comes with the last step of a sequence."""
        measurements = self.measurements(tokens, lengths)
        raw = self.raw_terms(measurements, (lengths + len(self.primer)).tolist())
        terms = torch.zeros(*tokens.shape, len(self.terms), device=tokens.device)
        values = torch.from_numpy(self.desirable_terms(raw, measurements)).to(terms)
        terms[torch.arange(len(values), device=tokens.device), lengths - 1] = values
        return terms

    # ------------------------------------------------------------ the state of a run

    def set_active_terms(self, weights: Mapping[str, float]) -> bool:
        """Enable the properties these weights need. Return True if stored scores must be recomputed.

        SettingError for a weight on a term whose setting is missing.
        """
        fresh = self.own.activate(weights)
        weighted = {name for name, weight in weights.items() if weight} - {*OWN}
        needed = {name: TERM_PROPERTIES[name] for name in weighted if name in TERM_PROPERTIES}
        for term in self.terms:
            if term.name in needed and needed[term.name] not in self.query.answerable:
                raise SettingError(f"{term.label} has a weight but nothing to go by; {NEEDS[term.name]}")
        missing = {*needed.values()} - self.measured
        self.measured |= missing
        return bool(missing) or fresh

    def observe(self, tokens: Tensor, lengths: Tensor) -> dict[str, float]:
        """Count the scaffolds of a rollout and return the live figures."""
        measurements = self.measurements(tokens, lengths)
        valid = [one for one in measurements if one.valid]
        self.own.observe({term: [one.unknown.get(term, "") for one in valid] for term in self.own.active})
        scaffolds = [intern(one.scaffold) for one in valid]  # each text once in memory
        self.observed += scaffolds
        self.scaffolds.update(scaffolds)
        novel = _valid(measurements) & ~in_training_set(self.tokens.corpus, measurements)
        for one, new in zip(measurements[-WINDOW:], novel[-WINDOW:].tolist(), strict=True):
            counted = {"novel": float(new), "unknown": float(bool(one.unknown.keys() - {*OWN}))}
            self.recent.append((one.canonical, one.scaffold, {**one.values, **counted}))
        return live_figures(self.recent)

    def alarms(self, lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        """Return the alarms that a run's metrics give reason for."""
        return [*self.own.alarms(), *alarms(self.tokens, lines)]

    def snapshot(self) -> Any:
        return len(self.observed), list(self.recent)

    def state_dict(self, snapshot: Any = None) -> dict[str, Any]:
        """Return what a checkpoint keeps of what was observed, now or at a snapshot, as JSON values."""
        observed, recent = snapshot or self.snapshot()
        return {"scaffolds": dict(Counter(self.observed[:observed])), "recent": recent}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.scaffolds = Counter(state.get("scaffolds", {}))
        self.observed = [*self.scaffolds.elements()]
        self.recent = deque(((c, s, values) for c, s, values in state.get("recent", [])), maxlen=WINDOW)

    # ------------------------------------------------------------ few calls

    def identities(self, tokens: Tensor, lengths: Tensor) -> list[str]:
        """Return canonical SMILES, empty for what is no molecule."""
        return [measurement.canonical for measurement in self.measurements(tokens, lengths)]

    def rewrite(self, tokens: Sequence[int], random: Random) -> list[int]:
        """Return a random SMILES of the same molecule, if the prior can write it; under a prefix the same SMILES."""
        return list(tokens) if self.primer else rewritten(self.tokens, self.length, tokens, random)

    def cross(self, one: Sequence[int], other: Sequence[int], random: Random) -> list[int]:
        """Return a molecule with parts of both; empty under a prefix, which it might not have."""
        return [] if self.primer else crossed(self.tokens, self.length, (one, other), random)

    # ------------------------------------------------------------ command line, figures

    def to_json(self, tokens: Sequence[int]) -> dict[str, Any]:
        return {"smiles": self.settings.prefix + self.tokens.decode(tokens)}

    def score_lines(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Yield {"smiles", "canonical", "valid", "terms"} for the SMILES on each line, terms raw; see scoring.py."""
        return score_lines(lines, self)

    def metrics(self, tokens: Tensor, lengths: Tensor) -> dict[str, float | None]:
        """Return validity, uniqueness, novelty, scaffolds, diversity, means and distances to the held-out set."""
        self.set_active_terms(dict.fromkeys(AVERAGED, 1.0))
        return metrics(self.tokens.corpus, self.measurements(tokens, lengths))

    def random_primer(self, batch: int, generator: Any) -> Tensor:
        """Return an empty primer (B, 0): a SMILES has no random first token."""
        return torch.zeros(batch, 0, dtype=torch.long, device=generator.device)


def _valid(measurements: Sequence[Measurement]) -> np.ndarray:
    """Return whether each is a molecule and was measured, (B,)."""
    return np.array([one.valid for one in measurements], bool)


def build(settings: Mapping[str, Any]) -> Molecule:
    """Return the domain under settings by name; SettingError for an unknown or an impossible one."""
    return Molecule(MoleculeSettings.of(settings))
