"""Settings with which learners learn melodies where their own would not do, by preset and learner."""

from collections.abc import Mapping
from typing import Any

# c from above leads past the first good loops to more variety or to better ones: docs/results.md, the learner race;
# molecules have no such loops and only lose time by it (45 s at c = 1: J 52.8 instead of 53.3)
FROM_ABOVE: Mapping[str, Any] = {"anneal": 2.0}

LEARNER_DEFAULTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "default": {"trajectory_balance": FROM_ABOVE, "rloo": FROM_ABOVE},
}
