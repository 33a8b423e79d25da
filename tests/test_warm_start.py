"""The warm start: imitation of particles, then the learner; on rewards along the way and at the end."""

import pytest
import torch

from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.mini import DEFAULT_WEIGHTS, Mini
from seqtutor_core.domains.mini.exact_task import mini_prior, mini_task
from seqtutor_core.errors import SettingError
from seqtutor_core.gauge import measure_policy, measure_prior
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.tuning import Tuner, iterate, tune
from seqtutor_core.tuning.schedules import WARM_SHARE
from tests.tiny import fitting


class PaysAtEnd(Mini):
    """All of the reward with the last letter."""

    terminal_reward = slow_scoring = True

    def score(self, tokens: torch.Tensor, lengths: object = None, only: object = None) -> torch.Tensor:
        along = super().score(tokens)
        return torch.cat([torch.zeros_like(along[:, :-1]), along.sum(1, keepdim=True)], 1)


def tuner(domain: Mini, updates: int, learner: str = "rloo", warm: bool = True) -> Tuner:
    small = {"batch": 128, "minibatch": 128, "replay_steps": 16_384, "learning_rate": 1e-2, "clip": 1.0}
    small = fitting(learner, small)
    config = TuningConfig(
        "mini", "mini", learner, "default", DEFAULT_WEIGHTS, 0.5, updates=updates, warm_start=warm, overrides=small
    )
    return Tuner(config, domain, mini_prior())


def j(job: Tuner) -> float:
    against = measure_prior(Policy(Mini(), job.prior), Objective(Mini(), DEFAULT_WEIGHTS, 0.5), 256, 0)
    return measure_policy(job.policy, against, 4096, 1).j


@pytest.mark.parametrize("domain", [Mini(), PaysAtEnd()], ids=["along", "at the end"])
def test_imitation_alone_comes_most_of_the_way(domain: Mini) -> None:
    updates = 200
    job = tuner(domain, updates)
    while job.warming:
        iterate(job)
    assert job.update == round(WARM_SHARE * updates)
    exact = mini_task(DEFAULT_WEIGHTS).solve(0.5)
    assert j(job) > exact.j_prior + 0.6 * (exact.log_z - exact.j_prior)


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["psi", "trajectory_balance"])
def test_the_learner_then_takes_over(learner: str) -> None:
    job = tuner(Mini(), 150, learner)
    for _ in tune(job):
        pass
    assert j(job) > mini_task(DEFAULT_WEIGHTS).solve(0.5).log_z - 0.15


def test_same_seed_same_numbers() -> None:
    one, two = (tuner(Mini(), 6) for _ in range(2))
    assert [p.metrics.j for p in tune(one)] == [p.metrics.j for p in tune(two)]


def test_random_primers_are_refused() -> None:
    with pytest.raises(SettingError, match="begin alike"):
        TuningConfig("melody", "melody", "psi", "paper", {"key": 1.0}, warm_start=True)
