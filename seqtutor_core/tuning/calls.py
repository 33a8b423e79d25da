"""The calls that a run has paid for, its budget of them, and how widely the policy is sampled so that they are new."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqtutor_core.domains import Domain
from seqtutor_core.evaluated import Evaluated
from seqtutor_core.objective import Objective

LEAST_STRENGTH = 0.3  # of the policy over its prior, as in Policy.interpolate
STRENGTH_STEP = 0.02  # a rollout
FEW_NEW = 0.5  # share of a rollout below which the policy is sampled more widely
KEPT = 1000  # of the best, where nothing is learned from them: a run of an hour counts millions
BARREN = 200  # rollouts without anything new after which a budget of calls cannot be used up
EXHAUSTED_MESSAGE = (
    f"ended before its budget of calls: {BARREN} rollouts in a row held nothing new. Raise c, or take the preset "
    "expensive, which samples more widely when molecules repeat"
)


class Calls:
    """Counts distinct valid sequences; see evaluated.py."""

    def __init__(self, domain: Domain, budget: int | None, counted: bool, remembered: bool) -> None:
        """Begin at no call.

        budget: most calls, None for as many as come. counted: whether to count at all. remembered: whether to keep all
        that was counted, to learn from it; else the best are kept.
        """
        self.domain, self.budget, self.counted = domain, budget, counted
        self.evaluated = Evaluated(None if remembered else KEPT)
        self.strength = 1.0
        """How far from the prior the policy is sampled; it falls while a rollout repeats what is known."""
        self.barren = 0
        """Rollouts in a row without anything new."""

    @property
    def left(self) -> int:
        """Calls that are left of the budget."""
        return max(self.budget - self.evaluated.count, 0) if self.budget else 2**31

    @property
    def exhausted(self) -> bool:
        """Whether nothing new has come for so long that a budget of calls would never end."""
        return self.budget is not None and self.barren >= BARREN

    def count(self, tokens: Tensor, lengths: Tensor, sums: Tensor, objective: Objective) -> None:
        """Count what is new of a rollout whose terms, summed over steps (B, K), are known."""
        if self.counted:
            self.adapt(self.evaluated.add(self.domain.identities(tokens, lengths), tokens, lengths, sums), len(tokens))
            self.evaluated.prune(objective)

    def adapt(self, new: int, size: int) -> None:
        """Sample more widely, nearer the prior, after a rollout of which little was new, and less so after others."""
        self.barren = 0 if new else self.barren + 1
        step = STRENGTH_STEP if new / size >= FEW_NEW else -STRENGTH_STEP
        self.strength = min(1.0, max(LEAST_STRENGTH, self.strength + step))

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps beside the evaluated sequences."""
        return {"sampling_strength": self.strength, "barren": self.barren} if self.counted else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint kept; older ones have nothing."""
        self.strength = state.get("sampling_strength", 1.0)
        self.barren = state.get("barren", 0)
