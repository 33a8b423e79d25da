"""What an application brings: the small protocols whose sum is a domain, and the functions of reward terms.

Shapes: B batch, T time (at most `length`), K reward terms.
"""

import math
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import torch
from torch import Tensor

from seqtutor_core.errors import InputError, SettingError, TokenError
from seqtutor_core.features import InputFeature, LastToken
from seqtutor_core.rules import parse_json
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


# ---------------------------------------------------------------- the protocols


class TokenSpace(Protocol):
    """The sequences: which tokens they are made of, how they begin and end, how they are written."""

    vocabulary: Vocabulary
    length: int
    """Most tokens in a sequence."""
    end: int | None
    """The token that ends a sequence early, if there is one."""
    primer: tuple[int, ...]
    """Tokens that every sequence continues unless a run names others."""

    @property
    def features(self) -> Mapping[str, InputFeature]:
        """What a network may see of the tokens before each step, by name; cards of priors use these names."""

    def random_primer(self, batch: int, generator: Any) -> Tensor:
        """Return the paper's primer: one random first token for each sequence, (B, 1)."""

    def to_json(self, tokens: Sequence[int]) -> dict[str, Any]:
        """Return a sequence as the command line prints it."""


class Rewards(Protocol):
    """What sequences are rewarded for, and how it is paid."""

    terms: tuple[RewardTerm, ...]
    paper_weights: Mapping[str, float]
    """The weights of the paper by term."""
    terminal_reward: bool
    """Whether all reward comes with the last token, so that whole sequences are weighed instead of prefixes."""
    slow_scoring: bool
    """Whether scores are worth waiting for beside everything else: a network then learns one rollout behind."""

    @property
    def scores_on_device(self) -> bool:
        """Whether `score` computes where the tokens lie and nowhere else, so that a CUDA graph may hold it."""

    def set_active_terms(self, weights: Mapping[str, float]) -> bool:
        """Enable what these weights need. Return True if stored scores must be recomputed.

        SettingError for a weight on a term that the domain's settings leave without a meaning.
        """

    def measure(self, tokens: Tensor, lengths: Tensor) -> None:
        """Wait until other processes have measured tokens (B, T): `score`, `identities` and `observe` then answer at
        once about the same tokens.

        Called only for domains with slow scoring, in a thread beside learning and sampling. Two rollouts at most are
        measured or learned from at a time.
        """

    def score(self, tokens: Tensor, lengths: Tensor, only: Collection[str] | None = None) -> Tensor:
        """Return the unweighted reward terms (B, T, K) of tokens (B, T), causal, on the tokens' device.

        only: the names of the terms that are needed; the others may be 0.
        """

    def score_lines(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Yield every term of the sequence on each line, raw; for a wrong line {"line", "error", ...}."""


class Search(Protocol):
    """What a run with few calls does besides sampling: it counts, writes anew, and crosses the best."""

    def identities(self, tokens: Tensor, lengths: Tensor) -> list[str]:
        """Return what each of tokens (B, T) is counted as: equal for repeats, empty for one that costs no call."""

    def rewrite(self, tokens: Sequence[int], random: Random) -> list[int]:
        """Return other tokens for the same, where there are several ways to write it; else these."""

    def cross(self, one: Sequence[int], other: Sequence[int], random: Random) -> list[int]:
        """Return a new sequence with parts of both; empty where none came about."""


class Metrics(Protocol):
    """What is reported of a set of sequences."""

    def metrics(self, tokens: Tensor, lengths: Tensor) -> dict[str, float | None]:
        """Return figures by name of tokens (B, T) with lengths (B,); None where one is not defined."""


class RunMonitor(Protocol):
    """What a domain observes of a run while it learns."""

    figures: tuple[Figure, ...]
    """What `observe` returns."""

    def observe(self, tokens: Tensor, lengths: Tensor) -> dict[str, float]:
        """Take note of a rollout that is learned from; return the figures by name."""

    def alarms(self, lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        """Return the alarms that the lines of a run's metrics so far give reason for."""

    def snapshot(self) -> Any:
        """Return at once what `state_dict` needs to tell the state of now when more was observed."""

    def state_dict(self, snapshot: Any = None) -> dict[str, Any]:
        """Return what a checkpoint keeps of what was observed, now or at a snapshot, as JSON values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; an empty one changes nothing."""


class Domain(TokenSpace, Rewards, Search, Metrics, RunMonitor, Protocol):
    """Everything that learners, tuning and pages need to know about an application."""

    name: str

    @property
    def settings(self) -> Hashable:
        """What makes this domain differ from others of its name; None where nothing does."""


class BaseDomain:
    """What most domains share: sequences of one length, networks that see the last token, terms that are all scored at
    once and along the way, no primer, no metrics, nothing observed. A domain adds name, vocabulary, length, terms and
    `score`, and what it has otherwise.
    """

    vocabulary: Vocabulary
    settings: Hashable = None
    terms: tuple[RewardTerm, ...]
    end: int | None = None
    primer: tuple[int, ...] = ()
    paper_weights: Mapping[str, float] = {}
    figures: tuple[Figure, ...] = ()
    terminal_reward = False
    slow_scoring = False

    @property
    def scores_on_device(self) -> bool:
        return True

    @property
    def features(self) -> Mapping[str, InputFeature]:
        return {"token": LastToken(len(self.vocabulary))}

    def random_primer(self, batch: int, generator: torch.Generator) -> Tensor:
        return torch.randint(len(self.vocabulary), (batch, 1), generator=generator, device=generator.device)

    def to_json(self, tokens: Sequence[int]) -> dict[str, Any]:
        return {"tokens": list(tokens)}

    def parse(self, line: str) -> list[int]:
        """Return the tokens of a line of text; InputError or TokenError, in words, for a wrong one."""
        try:
            listed = parse_json(line)
        except ValueError as error:
            raise InputError(f"not a JSON list of tokens: {error}") from None
        return self.vocabulary.check(listed if isinstance(listed, list) else [listed])

    def measure(self, tokens: Tensor, lengths: Tensor) -> None:
        """Do nothing: no other process measures anything."""

    def score(self, tokens: Tensor, lengths: Tensor, only: Collection[str] | None = None) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} scores no sequences")

    def score_lines(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Yield what `to_json` says of the sequence on each line, and its terms step by step."""
        for number, line in enumerate(lines, start=1):
            try:
                tokens = self.parse(line)
            except (InputError, TokenError) as error:
                yield {"line": number, "error": str(error)}
                continue
            values = self.score(torch.tensor([tokens]), torch.tensor([len(tokens)]))[0].T.tolist()
            names = (term.name for term in self.terms)
            yield {**self.to_json(tokens), "terms": dict(zip(names, values, strict=True))}

    def identities(self, tokens: Tensor, lengths: Tensor) -> list[str]:
        """Return each sequence's own tokens, as text."""
        return [str(row[:length]) for row, length in zip(tokens.tolist(), lengths.tolist(), strict=True)]

    def rewrite(self, tokens: Sequence[int], random: Random) -> list[int]:
        return list(tokens)

    def cross(self, one: Sequence[int], other: Sequence[int], random: Random) -> list[int]:
        return []

    def metrics(self, tokens: Tensor, lengths: Tensor) -> dict[str, float | None]:
        return {}

    def set_active_terms(self, weights: Mapping[str, float]) -> bool:
        return False

    def observe(self, tokens: Tensor, lengths: Tensor) -> dict[str, float]:
        return {}

    def alarms(self, lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        return []

    def snapshot(self) -> Any:
        return None

    def state_dict(self, snapshot: Any = None) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Do nothing: there is no state to take over."""


# ---------------------------------------------------------------- reward terms


def starting_weights(domain: Domain, rewards: str | None, preset: str) -> dict[str, float]:
    """Return the weights to begin with: the domain's usual ones, the paper's, or none.

    rewards: default, paper or none; None: as the preset has it.
    """
    if rewards == "none":
        return {}
    published = rewards == "paper" or (rewards is None and preset == "paper")
    return dict(domain.paper_weights) if published else {t.name: t.default for t in domain.terms}


def every_weight(terms: tuple[RewardTerm, ...], weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weight of each term, in their order, 0 for a term not named; SettingError for an unknown name."""
    unknown = set(weights) - {t.name for t in terms}
    if unknown:
        raise SettingError(
            f"no reward term named {', '.join(sorted(unknown))}; there are: {', '.join(t.name for t in terms)}"
        )
    return {t.name: float(weights.get(t.name, 0.0)) for t in terms}
