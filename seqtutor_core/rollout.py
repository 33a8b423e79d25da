"""Sampled sequences with the log-probabilities that prior and policy gave at each step.

Shapes: B batch, T time, P primer, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rollout:
    """B sampled sequences; steps from `lengths` on are padding."""

    tokens: Tensor  # (B, T)
    lengths: Tensor  # (B,)
    log_prior: Tensor  # (B, T, V)
    log_policy: Tensor  # (B, T, V)
    primer: Tensor  # (B, P), before the sequence, not part of it

    @property
    def mask(self) -> Tensor:
        """Whether a step belongs to its sequence, (B, T)."""
        return sequence_mask(self.lengths, self.tokens.shape[1])

    def until(self, end: int) -> "Rollout":
        """Return sequences that went on after their end as if each had stopped there: with padding, and zeros."""
        ends = (self.tokens == end).long()
        over = ends.cumsum(1) > ends  # (B, T), whether there was one before
        return Rollout(
            self.tokens.masked_fill(over, end),
            (~over).sum(1),
            self.log_prior.masked_fill(over.unsqueeze(2), 0.0),
            self.log_policy.masked_fill(over.unsqueeze(2), 0.0),
            self.primer,
        )

    @staticmethod
    def concat(parts: "Sequence[Rollout]") -> "Rollout":
        """Return several rollouts as one."""
        return Rollout(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Rollout)))


def sequence_mask(lengths: Tensor, steps: int) -> Tensor:
    """Return whether each of so many steps belongs to its sequence, (B, steps), from the lengths (B,)."""
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)


def gather_actions(values: Tensor, tokens: Tensor) -> Tensor:
    """Return the values (...) of the chosen tokens (...) among those of all tokens (..., V)."""
    return values.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def divergence(rollout: Rollout) -> tuple[Tensor, Tensor]:
    """Return KL(pi || p) and the policy's entropy in nats, exact over the vocabulary, summed over steps; (B,) each."""
    pi = rollout.log_policy.exp()
    kl = (pi * (rollout.log_policy - rollout.log_prior)).sum(-1)
    entropy = -(pi * rollout.log_policy).sum(-1)
    mask = rollout.mask
    return torch.where(mask, kl, 0.0).sum(1), torch.where(mask, entropy, 0.0).sum(1)


def distinct(tokens: Tensor) -> float:
    """Return the share of sequences (B, T) that differ from all others before them."""
    return len({row.tobytes() for row in tokens.cpu().numpy()}) / len(tokens)  # an eighth of what torch.unique takes
