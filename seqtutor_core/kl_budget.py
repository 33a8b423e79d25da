"""Keeps a run at a KL that the user chose, by moving c: an adaptive coefficient (Ziegler et al. 2019, section 2.2).

    e = clip(KL / budget - 1, -1, 1)        log c <- log c + GAIN e + DAMPING (e - e before)

Ziegler et al. have the first part. KL follows c by dozens of rollouts, so that part alone overshoots and swings;
the second answers to where KL is heading: while it rises fast enough, c is left alone.
"""

import math

from seqtutor_core.objective import LARGEST_C, SMALLEST_C

GAIN = 0.05  # a rollout
DAMPING = 1.0
LARGEST_STEP = 0.1  # of log c in a rollout


def steered(c: float, kl: float, kl_before: float, budget: float) -> float:
    """The coefficient after a rollout; kl of it and of the one before, and the budget, in nats per sequence."""
    error, error_before = (max(-1.0, min(1.0, each / budget - 1)) for each in (kl, kl_before))
    step = GAIN * error + DAMPING * (error - error_before)
    c *= math.exp(max(-LARGEST_STEP, min(LARGEST_STEP, step)))
    return max(SMALLEST_C, min(LARGEST_C, c))
