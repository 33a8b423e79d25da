"""Moves the value head to where rewards lie, as V does where all reward comes with the last token.

Left to itself it would take a hundred updates to learn a number that is known.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqtutor_core.objective import Objective
from seqtutor_core.tuning.optim import PolicyOptimizer


class ValueOffset:
    """A constant, in nats, that is added to the value of every state; for a domain with terminal rewards only."""

    def __init__(self, optimizer: PolicyOptimizer, terminal_reward: bool) -> None:
        self.optimizer, self.terminal_reward = optimizer, terminal_reward
        self.offset = 0.0
        self.settled = False
        """Whether it fits the rewards as they are weighted now."""

    def settle(self, sums: Tensor, objective: Objective) -> None:
        """Move the values to a rollout's median R / c, once after each change of rewards.

        sums: unweighted terms (B, K), summed over each sequence.
        """
        if self.terminal_reward and not self.settled:
            self._move(median_reward(sums, objective) / objective.c)
            self.settled = True

    def rescale(self, sums: Tensor, before: Objective, objective: Objective) -> None:
        """Follow a change of c alone: V changes by R (1/c' - 1/c)."""
        if self.terminal_reward:
            self._move(self.offset + median_reward(sums, objective) * (1 / objective.c - 1 / before.c))

    def _move(self, offset: float) -> None:
        self.optimizer.move_values(offset - self.offset)
        self.offset = offset

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"level": self.offset, "level_holds": self.settled}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint kept; older ones have less."""
        self.offset = state.get("level", self.offset)
        self.settled = state.get("level_holds", self.settled)


def median_reward(sums: Tensor, objective: Objective) -> float:
    """Return the median R of sums (B, K): the mean follows the few sequences that are worth nothing, which vary."""
    return objective.reward(sums).median().item()
