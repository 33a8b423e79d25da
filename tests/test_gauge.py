"""The gauge: its bounds on log Z hold, its figures are those of the policy, and collapse does not fool it."""

import math
from dataclasses import replace
from statistics import fmean

import pytest
import torch
from torch import Tensor

from seqtutor_core.domains.base import UNBOUNDED
from seqtutor_core.domains.mini import DEFAULT_WEIGHTS, Mini
from seqtutor_core.domains.mini.exact_task import mini_prior, mini_task
from seqtutor_core.frontier import frontier
from seqtutor_core.gauge import (
    DELTA,
    FEW_DISTINCT,
    LOW_ENTROPY,
    Ceiling,
    Gauge,
    Source,
    combine_estimates,
    measure_policy,
    measure_prior,
)
from seqtutor_core.network import Output
from seqtutor_core.objective import Objective
from seqtutor_core.policy import LogPolicy, Policy
from seqtutor_core.smc import WeightedSamples
from seqtutor_core.tuning import tune
from tests.test_smc import OBJECTIVE, PRIOR, WEIGHTS, C, exact, sampled
from tests.tiny import Tiny, all_sequences, log_probabilities, tiny_prior, tiny_tuner


def the_prior(output: Output, log_prior: Tensor) -> Tensor:
    return log_prior


def of(log_policy: LogPolicy) -> Policy:
    return Policy(Tiny(), tiny_prior(), tiny_prior(), log_policy)


def tilted(*bonus: float) -> Policy:
    """A policy whose logits are the prior's and a bonus for each token."""
    return of(lambda output, log_prior: (log_prior + torch.tensor(bonus)).log_softmax(-1))


def one_token() -> Policy:
    """A policy that has collapsed: it writes a and nothing else."""
    return tilted(60.0, 0.0, 0.0)


def gauge_of(policy: Policy, n: int = 512) -> Gauge:
    return measure_policy(policy, measure_prior(PRIOR, OBJECTIVE, n, 0), n, 1)


def test_everything_seen_is_log_z() -> None:
    """Over all distinct sequences the certain bound is log Z; repeated ones count once."""
    x = torch.cat([all_sequences(), all_sequences()])
    reward = OBJECTIVE.reward(Tiny().score(x).sum(1))
    lengths, index = torch.full((162,), 4), torch.arange(162)
    run = WeightedSamples(x, lengths, torch.zeros(162), PRIOR.log_prob(x), reward, index, 0.0, C)
    whole = combine_estimates("all", [run])
    assert whole.seen == pytest.approx(exact()[0])
    assert whole.distinct == 0.5


def test_bounds_by_hand() -> None:
    runs = (1.0, 1.0, 1.0, 1.0)
    agreed = Source("four that agree", runs, -5.0, 10.0, 1.0)
    assert agreed.bound(0.05) == pytest.approx(1.0)  # no spread: Jensen's bound is their mean
    spread = Source("three", (1.0, 1.1, 1.2), -5.0, 10.0, 1.0)  # Student's t of 2 degrees of freedom at 0.975: 4.3027
    assert spread.bound(0.05) == pytest.approx(1.1 - 4.3027 * 0.1 / math.sqrt(3), abs=1e-5)
    assert Source("one", (1.0,), -5.0, 10.0, 1.0).bound(0.05) == pytest.approx(1.0 - math.log(2 / 0.05))
    assert Source("seen more", runs, 2.0, 10.0, 1.0).bound(0.05) == 2.0


@pytest.mark.slow
def test_the_bounds_hold_as_often_as_they_say() -> None:
    """Over 60 trials log Z is never outside its bounds, nor the share outside of what is said, for a policy that is
    neither prior nor optimum: if they failed more often than in 5 %, none in 60 would have a chance below 1 in 20."""
    prior, task = Policy(Mini(), mini_prior()), mini_task(DEFAULT_WEIGHTS)
    objective, exact = Objective(Mini(), DEFAULT_WEIGHTS, 1.0), task.solve(c=1.0)
    early = torch.tensor([0.5, 0.3, 0.0, 0.0])  # letters, from which a word can rise
    policy = replace(
        prior, network=prior.prior, log_policy=lambda output, log_prior: (log_prior + early).log_softmax(-1)
    )
    j = objective.j(*task.evaluate((task.log_prior + early).log_softmax(-1)))
    share = (j - exact.j_prior) / (exact.log_z - exact.j_prior)
    assert share > 0.05
    found = []
    for seed in range(60):
        found.append(measure_policy(policy, measure_prior(prior, objective, 64, 2 * seed), 64, 2 * seed + 1))
    highest = [math.inf if each.log_z_at_most is None else each.log_z_at_most for each in found]
    wrong = [
        not each.log_z_at_least <= exact.log_z <= most or not (each.at_least or 0.0) <= share <= (each.at_most or 0.0)
        for each, most in zip(found, highest, strict=True)
    ]
    assert (1 - DELTA) ** len(found) < 0.05 and not any(wrong)
    # and the bounds are worth having, from 64 sequences
    room = exact.log_z - exact.j_prior
    assert fmean(each.log_z_at_least for each in found) > exact.log_z - room / 2
    assert fmean(highest) < exact.log_z + 2 * room


def test_the_prior_against_itself() -> None:
    found = gauge_of(of(the_prior), 4096)
    assert found.kl == pytest.approx(0, abs=1e-5)
    assert found.j == pytest.approx(found.j_prior, abs=5 * found.j_error)
    assert found.at_most is not None
    assert found.at_most < 0.2
    assert found.gap == pytest.approx(exact()[0] - found.j, abs=0.2)


@pytest.mark.slow
def test_a_tuned_policy_is_nearly_there() -> None:
    tuner = tiny_tuner("psi", updates=500, weights=WEIGHTS, c=C)
    list(tune(tuner))
    found = gauge_of(tuner.policy, 4096)
    log_p, log_pi = log_probabilities(tuner)
    reward = OBJECTIVE.reward(Tiny().score(all_sequences()).sum(1))
    j = (log_pi.exp() * (reward / C + log_p - log_pi)).sum().item()
    assert found.j == pytest.approx(j, abs=5 * found.j_error)
    assert found.log_z_at_least <= exact()[0] + 1e-6
    assert found.at_most is not None
    assert found.at_most > 0.95
    assert not found.collapsed


def test_collapse_is_flagged_and_does_not_pass_for_perfection() -> None:
    found = gauge_of(one_token())
    assert found.collapsed
    assert "collapsed" in found.sentence
    assert found.log_z_at_least > found.j + 0.5  # its own samples alone would say the gap is 0
    own = next(each for each in found.sources if each.name == "importance sampling from the policy")
    assert own.distinct < 0.01


def test_few_sequences_are_collapse_and_so_is_low_entropy() -> None:
    varied = measure_prior(PRIOR, OBJECTIVE, 512, 0)
    repeating = replace(varied, sources=(replace(varied.sources[0], distinct=0.02), *varied.sources[1:]))
    two_tokens, nearly_one = tilted(0.0, 0.0, -60.0), tilted(6.0, 0.0, 0.0)
    for policy, against, collapsed in (
        (two_tokens, varied, True),
        (two_tokens, repeating, False),  # of a prior that itself writes few
        (nearly_one, repeating, True),
        (of(the_prior), varied, False),
    ):
        found = measure_policy(policy, against, 512, 1)
        assert found.collapsed is collapsed
        assert (found.entropy < LOW_ENTROPY) is (policy is nearly_one)
        assert (found.distinct < FEW_DISTINCT * against.sources[0].distinct) is (policy is two_tokens and collapsed)


def test_nothing_to_gain_is_said() -> None:
    against = measure_prior(PRIOR, Objective(Tiny(), {}, C), 256, 0)
    found = measure_policy(of(the_prior), against, 256, 1)
    assert found.at_most is None
    assert "nothing better" in found.sentence


class Unbounded(Tiny):
    """The same rewards, of which nobody knows how high they can be."""

    terms = tuple(replace(term, bounds=UNBOUNDED) for term in Tiny.terms)


def test_bounded_rewards_are_gauged_from_both_sides() -> None:
    tuner = tiny_tuner("psi", updates=20, weights=WEIGHTS, c=C)
    list(tune(tuner))
    found = gauge_of(tuner.policy, 4096)
    log_z = exact()[0]
    assert found.log_z_at_most is not None and found.at_most is not None and found.at_least is not None
    assert found.log_z_at_least <= log_z <= found.log_z_at_most < log_z + 0.5
    share = (found.j - found.j_prior) / (log_z - found.j_prior)
    assert 0.1 < found.at_least < share < found.at_most < 1
    least, most = math.floor(100 * found.at_least), math.ceil(100 * found.at_most)
    assert found.sentence.startswith(
        f"Between {least} and {most}% of the reachable improvement over the prior; at least"
    )
    assert found.delta == pytest.approx(DELTA / 8)


def test_where_it_says_little_the_lower_end_is_left_out() -> None:
    for policy in (of(the_prior), one_token()):
        found = gauge_of(policy)
        assert found.at_least == 0.0
        assert found.sentence.startswith(f"At most {found.at_most:.0%} of the reachable")


def test_without_bounds_there_is_an_upper_end_alone() -> None:
    against = measure_prior(PRIOR, Objective(Unbounded(), WEIGHTS, C), 512, 0)
    found = measure_policy(of(the_prior), against, 512, 1)
    assert against.ceiling is None
    assert (found.log_z_at_most, found.at_least) == (None, None)
    assert found.sentence.startswith(f"At most {found.at_most:.0%} of the reachable")
    assert found.delta == pytest.approx(DELTA / 6)


def test_the_ceiling_by_hand() -> None:
    """100 weights, half of them 0 and half 1, on a highest reward of 3 nats."""
    log = math.log(2 / 0.05)
    mean = 0.5 + math.sqrt(2 * 0.25 * log / 100) + 7 * log / (3 * 99)
    assert Ceiling(0.5, 0.25, 100, 3.0).bound(0.05) == pytest.approx(3 + math.log(mean))
    assert Ceiling(0.9, 0.25, 100, 3.0).bound(0.05) == 3.0  # no mean is above 1


@pytest.mark.parametrize(("times", "said"), [(1.53, "1.5"), (351.0, "350"), (12_345.0, "12,000"), (1e9, "a million")])
def test_how_much_likelier_is_told_in_plain_numbers(times: float, said: str) -> None:
    found = replace(gauge_of(of(the_prior)), gap=math.log(times), collapsed=False)
    assert f"at least {said} times likelier" in found.sentence


def test_never_the_word() -> None:
    assert "optimal" not in gauge_of(of(the_prior)).sentence.lower()


def test_the_frontier_of_samples() -> None:
    """Reward and KL at several c against exact sums; its slope dR/dKL is c."""
    cs = [4.0, 2.0, 1.0, C]
    curve = frontier(sampled(PRIOR, 20_000, 11).weigh(OBJECTIVE), cs)
    for i, c in enumerate(cs):
        log_z, reward = exact(c)
        assert curve.reward[i].item() == pytest.approx(reward, abs=0.06)
        assert curve.kl[i].item() == pytest.approx(reward / c - log_z, abs=0.06)
    assert (curve.kl.diff() > 0).all()
