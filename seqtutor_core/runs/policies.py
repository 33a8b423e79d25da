"""What a run has learned, as an object to work with: its policy, and the objective that it had last."""

from collections.abc import Mapping, Sequence
from typing import Any

from seqtutor_core import priors
from seqtutor_core.admitted import check_admitted
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.learners import LEARNERS
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.runs.store import Run, load_policy


def policy_of(run: Run, prior: RecurrentNetwork | None = None) -> Policy:
    """Return the policy that a run wrote last; PriorError or RunError where its prior or it cannot be read.

    prior: the network of the run's prior, if it has been loaded already.
    """
    config = run.config
    domain = build_domain(config.domain, config.settings)
    if prior is None:
        check_admitted(config.prior)
        prior = priors.load(config.prior, space=domain).network
    return Policy(domain, prior, load_policy(run), LEARNERS[config.learner].log_policy)


def objective_of(config: TuningConfig, lines: Sequence[Mapping[str, Any]]) -> Objective:
    """Return what a run with these settings and lines of metrics was rewarded for last.

    Sliders, or a target KL, may have moved weights and c since it began.
    """
    last: Mapping[str, Any] = lines[-1] if lines else {}
    weights, c = last.get("weights", config.weights), last.get("kl_coefficient", config.kl_coefficient)
    combination = last.get("combination", config.combination)
    return Objective(build_domain(config.domain, config.settings), weights, c, combination)


def learning_rate_of(config: TuningConfig, lines: Sequence[Mapping[str, Any]]) -> float:
    """Return the learning rate that a run with these settings and lines of metrics has, as of its budget's start."""
    last: Mapping[str, Any] = lines[-1] if lines else {}
    return last.get("learning_rate", config.learner_settings.learning_rate)
