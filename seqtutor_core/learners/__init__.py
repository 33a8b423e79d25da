"""The learners by name. Each file shows one equation, its source and its shapes."""

from seqtutor_core.learners.g import G
from seqtutor_core.learners.psi import Psi
from seqtutor_core.learners.q import Q
from seqtutor_core.learners.rloo import Rloo
from seqtutor_core.learners.targets import Bellman, Learner
from seqtutor_core.learners.trajectory_balance import TrajectoryBalance

PUBLISHED: dict[str, Bellman] = {learner.name: learner for learner in (Q(), Psi(), G())}  # Jaques et al. 2017
DEFAULT = "trajectory_balance"  # for its figures: docs/results.md, the learner race
LEARNERS: dict[str, Learner] = {**PUBLISHED, **{learner.name: learner for learner in (TrajectoryBalance(), Rloo())}}
