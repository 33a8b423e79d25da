"""What a tuning job says of itself after each update."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqtutor_core.evaluated import Evaluated
from seqtutor_core.objective import Objective
from seqtutor_core.rollout import Rollout, distinct, divergence

NO_LOSS = torch.zeros(())  # of no update
WINDOW = 1024  # latest sequences that the share of distinct ones is over


@dataclass(frozen=True)
class Counters:
    """How far a job has come."""

    update: int
    environment_steps: int
    seconds: float
    """Learning time, pauses left out."""
    steps_per_second: float
    calls: int
    """Distinct valid sequences evaluated; 0 where they are not counted."""


@dataclass(frozen=True)
class Metrics:
    """Figures of the last rollout: sums per sequence, means over its sequences."""

    terms: dict[str, float]
    """Each unweighted reward term, summed over a sequence."""
    reward: float
    """R, the weighted terms as one, before division by c."""
    kl: float
    """KL(pi || p) in nats per sequence, exact over the vocabulary at each step."""
    kl_per_token: float
    entropy: float
    """Of the policy, nats per token."""
    j: float
    """The objective in nats: reward / c - kl."""
    distinct: float
    """Share of distinct sequences among the last 1,024."""
    best: float | None
    """Mean reward of the ten best sequences evaluated so far, after a change of weights of those that are kept; None
    where they are not counted."""
    loss: float
    """Per token, of the last update that had ended."""
    figures: dict[str, float]
    """What the domain observed beyond its terms."""


@dataclass(frozen=True)
class Steering:
    """All that a control can change, as it was for this rollout."""

    objective: Objective
    kl_budget: float | None
    """The KL that c is moved to keep, in nats per sequence; None: c stays."""
    learning_rate: float
    """At the start of the budget."""


@dataclass(frozen=True)
class Progress:
    """Where a tuning job stands after an update."""

    counters: Counters
    metrics: Metrics
    steering: Steering
    tokens: Tensor
    """The rollout, (B, T), and what was proposed beside it; on the host, like all of this."""
    lengths: Tensor
    """(B,)."""
    sums: Tensor
    """Each sequence's unweighted terms, (B, K)."""
    paused: bool = False
    message: str = ""
    """Something the user should know (batch halved, say), else empty."""

    def __str__(self) -> str:
        """Return the figures that a person follows, as one line."""
        m, c = self.metrics, self.counters
        figures = f"reward {m.reward:8.2f}  KL {m.kl:6.2f}  J {m.j:8.2f}  distinct {m.distinct:.2f}"
        return f"{c.seconds:6.1f} s  {figures}  {c.steps_per_second:9,.0f} steps/s"

    def to_json(self) -> dict[str, Any]:
        """Return all but tensors and message as the flat values of a line of metrics.jsonl."""
        counters, metrics, steering = (
            {f.name: getattr(group, f.name) for f in fields(group)}
            for group in (self.counters, self.metrics, self.steering)
        )
        figures, objective = metrics.pop("figures"), steering.pop("objective")
        if not counters["calls"]:  # they are not counted
            del counters["calls"], metrics["best"]
        weighed = {"weights": dict(objective.weights), "combination": objective.combination}
        weighed |= {"kl_coefficient": objective.c}
        return {**counters, **metrics, **weighed, **steering, "paused": self.paused, "figures": figures}


class Paid(NamedTuple):
    """Sequences with their terms."""

    tokens: Tensor  # (B, T)
    lengths: Tensor  # (B,)
    terms: Tensor  # (B, T, K), unweighted


class Seen(NamedTuple):
    """A rollout on the host."""

    tokens: Tensor  # (B, T)
    lengths: Tensor  # (B,)
    sums: Tensor  # (B, K), each sequence's unweighted terms
    kl: float
    """KL(pi || p), nats, summed over sequences."""
    entropy: float
    """Of the policy, nats, summed over sequences."""

    @classmethod
    def of(cls, rollout: Rollout, terms: Tensor) -> "Seen":
        """Wait for a rollout and its unweighted terms (B, T, K)."""
        sums = (terms * rollout.mask.unsqueeze(-1)).sum(1)
        kl, entropy = (each.sum().item() for each in divergence(rollout))
        return cls(rollout.tokens.cpu(), rollout.lengths.cpu(), sums.cpu(), kl, entropy)


class Iteration(NamedTuple):
    """A rollout and what was learned."""

    rollout: Rollout
    terms: Tensor  # (B, T, K), unweighted
    loss: Tensor
    """Per token, of the last update, (); a GPU may still be busy with it."""
    children: Paid | None = None
    """What was proposed beside the rollout."""


class RolloutMetrics:
    """Measures rollouts, and remembers the latest sequences."""

    def __init__(self) -> None:
        self.recent: Tensor | None = None
        """(up to WINDOW, T)"""

    def measure(self, seen: Seen, objective: Objective, loss: float, evaluated: Evaluated) -> Metrics:
        """Return the figures of a rollout under an objective; loss: of the last update, per token."""
        tokens, lengths, sums, kl, entropy = seen
        steps, count = int(lengths.sum()), len(tokens)
        reward = objective.reward(sums).mean().item()
        self.recent = tokens if self.recent is None else torch.cat([self.recent.cpu(), tokens])[-WINDOW:]
        return Metrics(
            terms=dict(zip(objective.weights, sums.mean(0).tolist(), strict=True)),
            reward=reward,
            kl=kl / count,
            kl_per_token=kl / steps,
            entropy=entropy / steps,
            j=objective.j(reward, kl / count),
            distinct=distinct(self.recent),
            best=evaluated.best(objective),
            loss=loss,
            figures=objective.domain.observe(tokens, lengths),
        )

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps."""
        return {} if self.recent is None else {"recent": self.recent}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint kept."""
        self.recent = state.get("recent")
