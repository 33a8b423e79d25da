"""Sequential Monte Carlo and importance sampling against the exact sums of a task small enough to enumerate."""

import math

import pytest
import torch

from seqtutor_core.learners import LEARNERS
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.smc import (
    ScoredSamples,
    WeightedSamples,
    effective_sample_size,
    log_mean,
    rejection_sample,
    smc,
    systematic_resample,
)
from tests.tiny import Tiny, all_sequences, tiny_prior

WEIGHTS = {"rise": 1.0, "close": 0.5}
C = 0.7
OBJECTIVE = Objective(Tiny(), WEIGHTS, C)
PRIOR = Policy(Tiny(), tiny_prior())


def exact(c: float = C) -> tuple[float, float]:
    """log Z and the mean reward of pi*, over all 81 sequences."""
    x = all_sequences()
    reward = OBJECTIVE.reward(Tiny().score(x).sum(1))
    worth = PRIOR.log_prob(x) + reward / c
    return worth.logsumexp(0).item(), (worth.softmax(0) * reward).sum().item()


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


OTHER = Policy(
    Tiny(),
    tiny_prior(),
    tiny_prior(),
    lambda output, log_prior: (0.5 * log_prior + torch.tensor([0.5, 0, 0])).log_softmax(-1),
)
"""Neither the prior nor the optimum."""


def sampled(policy: Policy, n: int, seed: int) -> ScoredSamples:
    rollout = policy.sample(n, generator(seed))
    return ScoredSamples.of(rollout, Tiny().score(rollout.tokens))


def is_unbiased(estimates: list[float], log_z: float) -> bool:
    """Whether the mean of Z^ / Z lies within four standard errors of 1."""
    ratio = torch.tensor(estimates).sub(log_z).exp()
    return abs(ratio.mean().item() - 1) < 4 * ratio.std().item() / math.sqrt(len(ratio))


@pytest.mark.parametrize("proposal", ["prior", "policy", "mixture"])
@pytest.mark.parametrize("stages", [1, 2, 4])
def test_the_estimate_of_z_is_unbiased(proposal: str, stages: int) -> None:
    policy = {"prior": PRIOR, "policy": OTHER, "mixture": OTHER.mixture(0.5)}[proposal]
    estimates = [smc(policy, OBJECTIVE, 16, generator(seed), stages=stages).log_z for seed in range(150)]
    assert is_unbiased(estimates, exact()[0])


def test_importance_sampling_is_unbiased() -> None:
    estimates = [sampled(OTHER, 16, seed).weigh(OBJECTIVE).log_z for seed in range(150)]
    assert is_unbiased(estimates, exact()[0])


def test_many_particles_find_log_z_and_the_mean_reward() -> None:
    found = smc(PRIOR, OBJECTIVE, 20_000, generator(1))
    log_z, reward = exact()
    assert found.log_z == pytest.approx(log_z, abs=0.03)
    assert (found.normalised_weights * found.reward).sum().item() == pytest.approx(reward, abs=0.05)


def test_another_c_by_the_same_samples() -> None:
    """Weighing samples at c gives what moving them from another c to it gives."""
    found = sampled(PRIOR, 64, 2)
    moved, direct = found.weigh(OBJECTIVE.replace(c=2.0)).reweight(C), found.weigh(OBJECTIVE)
    assert moved.log_z == pytest.approx(direct.log_z)
    torch.testing.assert_close(moved.normalised_weights, direct.normalised_weights)
    far = smc(PRIOR, OBJECTIVE.replace(c=1.0), 20_000, generator(3))
    assert far.reweight(C).log_z == pytest.approx(exact()[0], abs=0.05)


def test_log_prior_and_reward_belong_to_the_tokens() -> None:
    """They are carried along when particles are resampled."""
    found = smc(PRIOR, OBJECTIVE, 128, generator(4))
    x = found.tokens
    torch.testing.assert_close(found.log_prior, PRIOR.log_prob(x), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.reward, OBJECTIVE.reward(Tiny().score(x).sum(1)))


def test_ancestors_and_effective_sample_size() -> None:
    found = smc(PRIOR, OBJECTIVE.replace(c=0.2), 256, generator(5))
    assert found.ancestors == len(found.ancestor_index[found.normalised_weights > 1e-3 / 256].unique())
    assert 1 <= found.ancestors < 256  # at so small a c it had to resample
    assert effective_sample_size(torch.zeros(10)) == pytest.approx(10)
    assert effective_sample_size(torch.tensor([0.0, -1000.0])) == pytest.approx(1)
    assert log_mean(torch.tensor([math.log(1), math.log(3)])) == pytest.approx(math.log(2))


def test_systematic_resampling_gives_each_row_its_share() -> None:
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    for seed in range(20):
        counts = systematic_resample(shares.log(), 10, generator(seed)).bincount(minlength=4)
        assert ((counts >= (10 * shares).floor()) & (counts <= (10 * shares).ceil())).all()
    assert systematic_resample(torch.tensor([0.0, -torch.inf]), 5, generator(0)).tolist() == [0] * 5


def test_rejection_gives_exact_samples() -> None:
    """How often each of the 81 sequences is accepted, against pi*; and the share accepted, Z exp(-R_max / c)."""
    n, highest = 60_000, OBJECTIVE.highest_reward
    found = sampled(PRIOR, n, 12).weigh(OBJECTIVE)
    rows = rejection_sample(found, highest, generator(13))
    log_z, x = exact()[0], all_sequences()
    expected = math.exp(log_z - highest / C)
    assert len(rows) / n == pytest.approx(expected, abs=5 * math.sqrt(expected / n))

    best = (PRIOR.log_prob(x) + OBJECTIVE.reward(Tiny().score(x).sum(1)) / C - log_z).exp()
    counts = (found.tokens[rows] @ torch.tensor([27, 9, 3, 1])).bincount(minlength=81)
    chi_square = ((counts - len(rows) * best) ** 2 / (len(rows) * best)).sum().item()
    assert chi_square < 80 + 4 * math.sqrt(2 * 80)  # 80 degrees of freedom
    assert len(rejection_sample(found, math.inf, generator(13))) == 0


def test_the_same_seed_gives_the_same_particles() -> None:
    one, two = (smc(PRIOR, OBJECTIVE, 64, generator(9)) for _ in range(2))
    assert isinstance(one, WeightedSamples)
    assert torch.equal(one.tokens, two.tokens)
    assert one.log_z == two.log_z


def test_the_primer_comes_first_and_does_not_count() -> None:
    primer = torch.full((32, 1), 2)
    found = smc(PRIOR, OBJECTIVE, 32, generator(6), primer)
    assert found.tokens.shape == (32, Tiny.length)


def test_a_learner_gives_a_proposal() -> None:
    """What tuning leaves behind can propose: the policy that is the prior gives the prior's particles."""
    learner = LEARNERS["psi"]  # for which a copy of the prior is the prior
    policy = Policy(Tiny(), tiny_prior(), tiny_prior(), learner.log_policy)
    plain = smc(PRIOR, OBJECTIVE, 32, generator(7))
    assert torch.equal(smc(policy, OBJECTIVE, 32, generator(7)).tokens, plain.tokens)


def test_runs_together_are_unbiased_and_weigh_by_their_z() -> None:
    estimates = [
        WeightedSamples.concat([smc(PRIOR, OBJECTIVE, 16, generator(2 * s + i)) for i in (0, 1)]).log_z
        for s in range(100)
    ]
    assert is_unbiased(estimates, exact()[0])
    runs = [smc(PRIOR, OBJECTIVE, 16, generator(i)) for i in (0, 1)]
    both = WeightedSamples.concat(runs)
    odds = both.normalised_weights[:16].sum() / both.normalised_weights[16:].sum()
    assert odds.item() == pytest.approx(math.exp(runs[0].log_z - runs[1].log_z))
    assert both.ancestor_index.max() >= 16
