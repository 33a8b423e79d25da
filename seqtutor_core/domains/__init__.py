"""What an application brings: a vocabulary, reward terms, metrics. DOMAINS names them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from seqtutor_core.errors import SettingError
from seqtutor_core.vocabulary import Vocabulary


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
    terms: tuple[RewardTerm, ...]

    def score(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Unweighted reward terms (B, T, K) of tokens (B, T); causal; on the tokens' device."""

    def metrics(self, tokens: Tensor, lengths: Tensor) -> dict[str, float | None]:
        """Reported figures of a set of sequences; None where one is not defined."""

    def random_primer(self, batch: int, generator: Any) -> Tensor:
        """The paper's primer: one random first token for each sequence, (B, 1)."""


def _melody(settings: Mapping[str, Any]) -> Domain:
    from seqtutor_core.domains.melody import Melody, MelodySettings

    return Melody(MelodySettings.of(settings))


DOMAINS: dict[str, Callable[[Mapping[str, Any]], Domain]] = {"melody": _melody}


def domain(name: str, settings: Mapping[str, Any] | None = None) -> Domain:
    """A domain by name; SettingError for an unknown name or setting."""
    if name not in DOMAINS:
        raise SettingError(f"no domain named {name!r}; choose one of {', '.join(DOMAINS)}")
    return DOMAINS[name](settings or {})


def weight_vector(terms: tuple[RewardTerm, ...], weights: Mapping[str, float]) -> list[float]:
    """The K weights in the order of the terms, 0 for a term not named; SettingError for an unknown name."""
    unknown = set(weights) - {t.name for t in terms}
    if unknown:
        raise SettingError(
            f"no reward term named {', '.join(sorted(unknown))}; there are: {', '.join(t.name for t in terms)}"
        )
    return [float(weights.get(t.name, 0.0)) for t in terms]
