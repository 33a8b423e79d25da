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
    """Counts consecutive lines of metrics in which the policy was collapsed, by the gauge's two thresholds.

    The share of distinct sequences is held against that of the first line, when the policy was still the prior: a run
    without a gauge has none of the prior's own.
    """

    def __init__(self) -> None:
        self.consecutive = 0

    def update(self, first: Mapping[str, Any], line: Mapping[str, Any]) -> None:
        """Count a line of metrics; a healthy one, or one in which a slider moved, resets the count.

        first: the run's first line.
        """
        few = line["distinct"] < FEW_DISTINCT * (first.get("distinct") or 1.0)
        collapsed = (few or line["entropy"] < LOW_ENTROPY) and not line["changed"]
        self.consecutive = self.consecutive + 1 if collapsed else 0

    @property
    def collapsed(self) -> bool:
        """Whether the policy was collapsed for PATIENCE lines in a row."""
        return self.consecutive >= PATIENCE
