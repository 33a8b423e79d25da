"""Keeps a run at a KL that the user chose, by moving c: an adaptive coefficient (Ziegler et al. 2019, section 2.2).

    e = clip(KL / target - 1, -1, 1)        log c <- log c + GAIN e + DAMPING (e - e before)

Ziegler et al. have the first part. KL follows c by dozens of rollouts, so that part alone overshoots and swings;
the second answers to where KL is heading: while it rises fast enough, c is left alone.
"""

import math
from collections.abc import Mapping
from typing import Any

from seqtutor_core.objective import LARGEST_C, SMALLEST_C

GAIN = 0.05  # a rollout
DAMPING = 1.0
LARGEST_STEP = 0.1  # of log c in a rollout


class AdaptiveKL:
    """A KL coefficient that follows a target, where there is one."""

    def __init__(self, target_kl: float | None) -> None:
        self.target_kl = target_kl
        """Nats per sequence; None: c stays."""
        self.last_kl = 0.0
        """Of the rollout before, nats per sequence."""

    def update(self, c: float, kl: float) -> float:
        """Return the coefficient after a rollout of this KL, in nats per sequence."""
        before, self.last_kl = self.last_kl, kl
        if self.target_kl is None:
            return c
        target = self.target_kl
        error, error_before = (max(-1.0, min(1.0, each / target - 1)) for each in (kl, before))
        step = GAIN * error + DAMPING * (error - error_before)
        c *= math.exp(max(-LARGEST_STEP, min(LARGEST_STEP, step)))
        return max(SMALLEST_C, min(LARGEST_C, c))

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"kl_budget": self.target_kl, "kl_before": self.last_kl}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint kept; older ones have less."""
        self.target_kl = state.get("kl_budget", self.target_kl) or None
        self.last_kl = state.get("kl_before", self.last_kl)
