"""What an application brings: a vocabulary, reward terms, metrics. DOMAINS names them all."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from seqtutor_core.errors import SettingError
from seqtutor_core.rules import shown
from seqtutor_core.vocabulary import Vocabulary

UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class RewardTerm:
    """One named score and its slider."""

    name: str
    label: str
    group: str
    help: str
    """One line for the person at the slider."""
    default: float
    """Default weight."""
    largest: float
    """Largest weight the slider offers; the smallest is 0."""
    unit: str
    """What one point of the unweighted score is."""
    bounds: tuple[float, float] = UNBOUNDED
    """Lowest and highest sum of the score, unweighted, over any sequence."""


@dataclass(frozen=True)
class Figure:
    """A number beside the reward that the live panel shows of a run."""

    name: str
    label: str
    help: str
    percent: bool
    """Whether it is a share, to be shown in percent."""


@dataclass(frozen=True)
class Alarm:
    """A sign that a policy cheats or collapses."""

    title: str
    """What is seen."""
    advice: str
    """What to change."""


class Domain(Protocol):
    """Everything learners, tuning and pages need to know about an application. T = length, K = len(terms)."""

    name: str
    vocabulary: Vocabulary
    length: int
    """Most tokens in a sequence."""
    period: int
    """Steps in a bar, for networks with a clock; 0: none."""
    end: int | None
    """The token that ends a sequence early, if there is one."""
    primer: tuple[int, ...]
    """Tokens that every sequence continues unless a run names others."""
    terms: tuple[RewardTerm, ...]
    paper_weights: Mapping[str, float]
    """The weights of the paper by term."""
    figures: tuple[Figure, ...]
    """What `observe` gives."""
    pays_at_end: bool
    """Whether all reward comes with the last token, found out by other processes."""

    def score(self, tokens: Tensor, lengths: Tensor, only: Collection[str] | None = None) -> Tensor:
        """Unweighted reward terms (B, T, K) of tokens (B, T); causal; on the tokens' device.

        only: the names of the terms that are needed; the others may be 0.
        """

    def attend(self, weights: Mapping[str, float]) -> bool:
        """Measure what these weights need from now on; whether earlier scores lack something of it."""

    def observe(self, tokens: Tensor, lengths: Tensor) -> dict[str, float]:
        """Take note of a rollout that was learnt from; the figures by name."""

    def alarms(self, lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        """What the lines of a run's metrics so far should worry the user about."""

    def memory(self) -> dict[str, Any]:
        """What a checkpoint keeps of what was observed, as JSON values."""

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Take over a memory."""

    def written(self, tokens: Sequence[int]) -> dict[str, Any]:
        """A sequence as the command line prints it."""

    def score_lines(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Every term of the sequence on each line, raw; a wrong line gives {"line", "error", ...}."""

    def metrics(self, tokens: Tensor, lengths: Tensor) -> dict[str, float | None]:
        """Reported figures of a set of sequences; None where one is not defined."""

    def random_primer(self, batch: int, generator: Any) -> Tensor:
        """The paper's primer: one random first token for each sequence, (B, 1)."""


class Simple:
    """A domain that measures every term at once, remembers nothing and begins at the beginning."""

    primer: tuple[int, ...] = ()
    figures: tuple[Figure, ...] = ()
    pays_at_end = False

    def written(self, tokens: Sequence[int]) -> dict[str, Any]:
        return {"tokens": list(tokens)}

    def attend(self, weights: Mapping[str, float]) -> bool:
        return False

    def observe(self, tokens: Tensor, lengths: Tensor) -> dict[str, float]:
        return {}

    def alarms(self, lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        return []

    def memory(self) -> dict[str, Any]:
        return {}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Nothing to take over."""


def _melody(settings: Mapping[str, Any]) -> Domain:
    from seqtutor_core.domains.melody import Melody, MelodySettings

    return Melody(MelodySettings.of(settings))


def _molecule(settings: Mapping[str, Any]) -> Domain:
    from seqtutor_core.domains.molecule import Molecule, MoleculeSettings

    return Molecule(MoleculeSettings.of(settings))


DOMAINS: dict[str, Callable[[Mapping[str, Any]], Domain]] = {"melody": _melody, "molecule": _molecule}


def domain(name: str, settings: Mapping[str, Any] | None = None) -> Domain:
    """A domain by name; SettingError for an unknown name or setting."""
    if name not in DOMAINS:
        raise SettingError(f"no domain named {shown(name)}; choose one of {', '.join(DOMAINS)}")
    return DOMAINS[name](settings or {})


def weight_vector(terms: tuple[RewardTerm, ...], weights: Mapping[str, float]) -> list[float]:
    """The K weights in the order of the terms, 0 for a term not named; SettingError for an unknown name."""
    return [*every_weight(terms, weights).values()]


def every_weight(terms: tuple[RewardTerm, ...], weights: Mapping[str, float]) -> dict[str, float]:
    """The weight of each term, in their order, 0 for a term not named; SettingError for an unknown name."""
    unknown = set(weights) - {t.name for t in terms}
    if unknown:
        raise SettingError(
            f"no reward term named {', '.join(sorted(unknown))}; there are: {', '.join(t.name for t in terms)}"
        )
    return {t.name: float(weights.get(t.name, 0.0)) for t in terms}


def highest_reward(terms: tuple[RewardTerm, ...], weights: Mapping[str, float]) -> float:
    """Return a reward that no sequence exceeds under these weights; infinite when a weighted term has no bound."""
    pairs = zip(weight_vector(terms, weights), terms, strict=True)
    return sum(max(weight * bound for bound in term.bounds) for weight, term in pairs if weight)
