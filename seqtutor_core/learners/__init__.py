"""The learners by name. Each file shows one equation, its source and its shapes."""

from typing import Any

from seqtutor_core.learners.base import Learner, LearnerSettings, ValueLearner
from seqtutor_core.learners.g import G
from seqtutor_core.learners.psi import Psi
from seqtutor_core.learners.q import Q
from seqtutor_core.learners.rloo import Rloo
from seqtutor_core.learners.trajectory_balance import TrajectoryBalance

LEARNERS: dict[str, Learner[Any]] = {each.name: each for each in (Q(), Psi(), G(), TrajectoryBalance(), Rloo())}
PUBLISHED: dict[str, ValueLearner[Any]] = {  # Jaques et al. 2017
    name: each for name, each in LEARNERS.items() if isinstance(each, ValueLearner)
}
DEFAULT = "trajectory_balance"  # for its figures: docs/results.md, the learner race

__all__ = ["DEFAULT", "LEARNERS", "PUBLISHED", "Learner", "LearnerSettings"]
