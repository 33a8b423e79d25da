"""The gauge: its bounds on log Z hold, its figures are those of the policy, and collapse does not fool it."""

import math
from statistics import fmean

import pytest
import torch
from torch import Tensor

from seqtutor_core.domains.mini import DEFAULT_WEIGHTS, Mini, mini_prior, mini_task
from seqtutor_core.gauge import DELTA, Gauge, Source, frontier, measure, reached, reference, source, student
from seqtutor_core.network import Output
from seqtutor_core.particles import Particles, Proposal, pool
from seqtutor_core.tuning import tune
from tests.test_particles import WEIGHTS, C, exact, generator
from tests.tiny import Tiny, all_sequences, log_probabilities, tiny_prior, tiny_tuner


def the_prior(output: Output, log_prior: Tensor) -> Tensor:
    return log_prior


def one_token(output: Output, log_prior: Tensor) -> Tensor:
    """A policy that has collapsed: it writes a and nothing else."""
    return (log_prior + 60 * torch.tensor([1.0, 0.0, 0.0])).log_softmax(-1)


def gauge_of(proposal: Proposal, n: int = 512, seed: int = 0) -> Gauge:
    return measure(Tiny(), tiny_prior(), proposal, reference(Tiny(), tiny_prior(), WEIGHTS, C, n, seed), n, seed + 1)


@pytest.mark.parametrize(
    ("probability", "freedom", "value"), [(0.95, 7, 1.895), (0.975, 7, 2.365), (0.99, 7, 2.998), (0.975, 30, 2.042)]
)
def test_student(probability: float, freedom: int, value: float) -> None:
    assert student(probability, freedom) == pytest.approx(value, rel=2e-3)


def test_everything_seen_is_log_z() -> None:
    """Over all distinct sequences the certain bound is log Z; repeated ones count once."""
    x = torch.cat([all_sequences(), all_sequences()])
    log_p = tiny_prior()(x, 4).logits.log_softmax(-1).gather(-1, x.unsqueeze(-1)).sum((1, 2)).double().detach()
    reward = Tiny().score(x).sum(1) @ torch.tensor([WEIGHTS["rise"], WEIGHTS["close"]], dtype=torch.float64)
    lengths, roots = torch.full((162,), 4), torch.arange(162)
    run = Particles(x, lengths, torch.zeros(162), log_p, reward, roots, 0.0, C)
    whole = source("all", [run])
    assert whole.seen == pytest.approx(exact()[0])
    assert whole.distinct == 0.5


def test_bounds_by_hand() -> None:
    runs = (1.0, 1.0, 1.0, 1.0)
    agreed = Source("four that agree", runs, -5.0, 10.0, 1.0)
    assert agreed.bound(0.05) == pytest.approx(1.0)  # no spread: Jensen's bound is their mean
    assert Source("one", (1.0,), -5.0, 10.0, 1.0).bound(0.05) == pytest.approx(1.0 - math.log(2 / 0.05))
    assert Source("seen more", runs, 2.0, 10.0, 1.0).bound(0.05) == 2.0


def test_the_bounds_hold_as_often_as_they_say() -> None:
    """Over 200 trials log Z is below its bound, or the share above what is said, in at most 5 %, for a policy that is
    neither prior nor optimum."""
    prior, task = mini_prior(), mini_task(DEFAULT_WEIGHTS)
    exact = task.solve(c=1.0)
    early = torch.tensor([0.5, 0.3, 0.0, 0.0])  # letters, from which a word can rise
    policy = Proposal(prior, lambda output, log_prior: (log_prior + early).log_softmax(-1))
    j = task.standing((task.log_prior + early).log_softmax(-1)).j(1.0)
    share = (j - exact.j_prior) / (exact.log_z - exact.j_prior)
    assert share > 0.05
    found = []
    for seed in range(200):
        against = reference(Mini(), prior, DEFAULT_WEIGHTS, 1.0, 64, 2 * seed)
        found.append(measure(Mini(), prior, policy, against, 64, 2 * seed + 1))
    wrong = [each.log_z_at_least > exact.log_z or (each.at_most or 0.0) < share for each in found]
    assert sum(wrong) <= DELTA * len(found)
    # and the bound is worth having, from 64 sequences
    assert fmean(each.log_z_at_least for each in found) > (exact.j_prior + exact.log_z) / 2


@pytest.mark.parametrize(("gap", "room"), [(9.0, 10.0), (5.0, 10.0), (1.5, 10.0), (2.0, 3.0)])
def test_the_largest_share_that_agrees(gap: float, room: float) -> None:
    """It is the one that is just a bound's width from what was measured."""
    share = reached(gap, room, 0.5, 0.7, 2.0)
    assert share is not None
    assert 1 - gap / room < share < 1
    assert gap - (1 - share) * room == pytest.approx(2.0 * math.hypot(0.5, (1 - share) * 0.7))


def test_shares_at_the_ends() -> None:
    assert reached(5.0, 10.0, 0.0, 0.0, 2.0) == pytest.approx(0.5)
    assert reached(1.0, 10.0, 0.5, 0.7, 2.0) == 1.0  # the gap is within J's own error
    assert reached(-1.0, 10.0, 0.5, 0.7, 2.0) == 1.0
    assert reached(30.0, 10.0, 0.5, 0.7, 2.0) == 0.0  # worse than the prior
    assert reached(1.0, 1.4, 0.5, 0.7, 2.0) is None  # the prior may be as good as anything known


def test_the_prior_against_itself() -> None:
    found = gauge_of(Proposal(tiny_prior(), the_prior), 4096)
    assert found.kl == pytest.approx(0, abs=1e-5)
    assert found.j == pytest.approx(found.j_prior, abs=5 * found.j_error)
    assert found.at_most is not None
    assert found.at_most < 0.2
    assert found.gap == pytest.approx(exact()[0] - found.j, abs=0.2)


def test_a_tuned_policy_is_nearly_there() -> None:
    tuner = tiny_tuner("psi", updates=500, weights=WEIGHTS, c=C)
    list(tune(tuner))
    found = gauge_of(Proposal(tuner.policy, tuner.learner.log_policy), 4096)
    log_p, log_pi = log_probabilities(tuner)
    reward = Tiny().score(all_sequences()).sum(1) @ torch.tensor([1.0, 0.5], dtype=torch.float64)
    j = (log_pi.exp() * (reward / C + log_p - log_pi)).sum().item()
    assert found.j == pytest.approx(j, abs=5 * found.j_error)
    assert found.log_z_at_least <= exact()[0] + 1e-6
    assert found.at_most is not None
    assert found.at_most > 0.95
    assert not found.collapsed


def test_collapse_is_flagged_and_does_not_pass_for_perfection() -> None:
    found = gauge_of(Proposal(tiny_prior(), one_token))
    assert found.collapsed
    assert "collapsed" in found.sentence
    assert found.log_z_at_least > found.j + 0.5  # its own samples alone would say the gap is 0
    own = next(each for each in found.sources if each.name == "importance sampling from the policy")
    assert own.distinct < 0.01


def test_nothing_to_gain_is_said() -> None:
    against = reference(Tiny(), tiny_prior(), {}, C, 256, 0)
    found = measure(Tiny(), tiny_prior(), Proposal(tiny_prior(), the_prior), against, 256, 1)
    assert found.at_most is None
    assert "nothing better" in found.sentence


def test_never_the_word() -> None:
    assert "optimal" not in gauge_of(Proposal(tiny_prior(), the_prior)).sentence.lower()


def test_the_frontier_of_particles() -> None:
    """Reward and KL at several c against exact sums; its slope dR/dKL is c."""
    vector = torch.tensor([WEIGHTS["rise"], WEIGHTS["close"]])
    cs = [4.0, 2.0, 1.0, C]
    curve = frontier(pool(Tiny(), tiny_prior(), 20_000, generator(11)).weigh(vector, C), cs)
    for i, c in enumerate(cs):
        log_z, reward = exact(c)
        assert curve.reward[i].item() == pytest.approx(reward, abs=0.06)
        assert curve.kl[i].item() == pytest.approx(reward / c - log_z, abs=0.06)
    assert (curve.kl.diff() > 0).all()
