"""When a run stops by itself because its policy has collapsed to a few sequences."""

from collections.abc import Mapping
from typing import Any

from seqtutor_core.gauge import FEW_DISTINCT, LOW_ENTROPY

PATIENCE = 10  # lines of the curves, one a second: a policy may pass through few sequences and widen again
COLLAPSE_MESSAGE = (
    "stopped by itself: the policy has collapsed to a few sequences. Its last policy is kept. Raise c, keep a KL "
    "budget, or lower the weight that those few live on, then start anew"
)


class CollapseDetector:
    """Counts the newest lines of a run's curves in which the policy was collapsed, by the gauge's two thresholds.

    The share of distinct sequences is held against that of the first line, when the policy was still the prior: a run
    without a gauge has none of the prior's own.
    """

    def __init__(self) -> None:
        self.consecutive = 0

    def update(self, first: Mapping[str, Any], line: Mapping[str, Any]) -> None:
        """Take note of a line; one in which a slider was moved begins the count anew."""
        few = line["distinct"] < FEW_DISTINCT * (first.get("distinct") or 1.0)
        collapsed = (few or line["entropy"] < LOW_ENTROPY) and not line["changed"]
        self.consecutive = self.consecutive + 1 if collapsed else 0

    @property
    def collapsed(self) -> bool:
        """Whether the policy has been collapsed for long enough to stop."""
        return self.consecutive >= PATIENCE
