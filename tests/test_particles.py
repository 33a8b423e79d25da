"""Sequential Monte Carlo and importance sampling against the exact sums of a task small enough to enumerate."""

import math

import pytest
import torch

from seqtutor_core.domains import highest_reward, weight_vector
from seqtutor_core.learners import LEARNERS
from seqtutor_core.particles import (
    Particles,
    Proposal,
    effective_sample_size,
    log_mean,
    pool,
    rejection_sample,
    sequential,
    systematic,
    together,
)
from seqtutor_core.rollout import mixed, tempered
from tests.tiny import Tiny, all_sequences, outputs, tiny_prior

WEIGHTS = {"rise": 1.0, "close": 0.5}
C = 0.7


def exact(c: float = C) -> tuple[float, float]:
    """log Z and the mean reward of pi*, over all 81 sequences."""
    x = all_sequences()
    log_p = outputs(tiny_prior(), x).logits.log_softmax(-1).gather(-1, x.unsqueeze(-1)).sum((1, 2)).double()
    reward = Tiny().score(x).sum(1) @ torch.tensor(weight_vector(Tiny.terms, WEIGHTS), dtype=torch.float64)
    worth = (log_p + reward / c).detach()
    return worth.logsumexp(0).item(), (worth.softmax(0) * reward).sum().item()


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def other_policy() -> Proposal:
    """Neither the prior nor the optimum."""
    return Proposal(
        tiny_prior(), lambda output, log_prior: (0.5 * log_prior + torch.tensor([0.5, 0, 0])).log_softmax(-1)
    )


def is_unbiased(estimates: list[float], log_z: float) -> bool:
    """Whether the mean of Z^ / Z lies within four standard errors of 1."""
    ratio = torch.tensor(estimates).sub(log_z).exp()
    return abs(ratio.mean().item() - 1) < 4 * ratio.std().item() / math.sqrt(len(ratio))


@pytest.mark.parametrize("proposal", ["prior", "policy", "mixture"])
@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_the_estimate_of_z_is_unbiased(proposal: str, blocks: int) -> None:
    by = None if proposal == "prior" else other_policy()
    if by and proposal == "mixture":
        by = Proposal(by.network, mixed(by.log_policy, 0.5))
    estimates = [
        sequential(Tiny(), tiny_prior(), WEIGHTS, C, 16, generator(seed), by, blocks=blocks).log_z
        for seed in range(150)
    ]
    assert is_unbiased(estimates, exact()[0])


def test_importance_sampling_is_unbiased() -> None:
    vector = torch.tensor(weight_vector(Tiny.terms, WEIGHTS))
    by = other_policy()
    estimates = [pool(Tiny(), tiny_prior(), 16, generator(s), by).weigh(vector, C).log_z for s in range(150)]
    assert is_unbiased(estimates, exact()[0])


def test_many_particles_find_log_z_and_the_mean_reward() -> None:
    found = sequential(Tiny(), tiny_prior(), WEIGHTS, C, 20_000, generator(1))
    log_z, reward = exact()
    assert found.log_z == pytest.approx(log_z, abs=0.03)
    assert (found.shares * found.reward).sum().item() == pytest.approx(reward, abs=0.05)


def test_another_c_by_the_same_particles() -> None:
    """Weighing a pool at c gives what moving its particles from another c to it gives."""
    vector = torch.tensor(weight_vector(Tiny.terms, WEIGHTS))
    found = pool(Tiny(), tiny_prior(), 64, generator(2))
    moved, direct = found.weigh(vector, 2.0).at(C), found.weigh(vector, C)
    assert moved.log_z == pytest.approx(direct.log_z)
    torch.testing.assert_close(moved.shares, direct.shares)
    assert sequential(Tiny(), tiny_prior(), WEIGHTS, 1.0, 20_000, generator(3)).at(C).log_z == pytest.approx(
        exact()[0], abs=0.05
    )


def test_log_prior_and_reward_belong_to_the_tokens() -> None:
    """They are carried along when particles are resampled."""
    found = sequential(Tiny(), tiny_prior(), WEIGHTS, C, 128, generator(4))
    x = found.tokens
    log_p = outputs(tiny_prior(), x).logits.log_softmax(-1).gather(-1, x.unsqueeze(-1)).sum((1, 2))
    torch.testing.assert_close(found.log_prior, log_p.double().detach(), atol=1e-5, rtol=1e-5)
    reward = Tiny().score(x).sum(1) @ torch.tensor(weight_vector(Tiny.terms, WEIGHTS), dtype=torch.float64)
    torch.testing.assert_close(found.reward, reward)


def test_ancestors_and_effective_sample_size() -> None:
    found = sequential(Tiny(), tiny_prior(), WEIGHTS, 0.2, 256, generator(5))
    assert found.ancestors == len(found.roots[found.shares > 1e-3 / 256].unique())
    assert 1 <= found.ancestors < 256  # at so small a c it had to resample
    assert effective_sample_size(torch.zeros(10)) == pytest.approx(10)
    assert effective_sample_size(torch.tensor([0.0, -1000.0])) == pytest.approx(1)
    assert log_mean(torch.tensor([math.log(1), math.log(3)])) == pytest.approx(math.log(2))


def test_systematic_resampling_gives_each_row_its_share() -> None:
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    for seed in range(20):
        counts = systematic(shares.log(), 10, generator(seed)).bincount(minlength=4)
        assert ((counts >= (10 * shares).floor()) & (counts <= (10 * shares).ceil())).all()
    assert systematic(torch.tensor([0.0, -torch.inf]), 5, generator(0)).tolist() == [0] * 5


def test_tempering_and_mixing_by_hand() -> None:
    log_prior, log_pi = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.9, 0.1]]).log()
    policy = other_policy()

    def given(*_: object) -> torch.Tensor:
        return log_pi

    def at(strength: float) -> list[float]:
        return (
            tempered(given, strength)(outputs(policy.network, torch.zeros(1, 1, dtype=torch.long)), log_prior)
            .exp()[0]
            .tolist()
        )

    assert at(0.0) == pytest.approx([0.5, 0.5])
    assert at(1.0) == pytest.approx([0.9, 0.1])
    assert at(0.5) == pytest.approx([0.75, 0.25])  # the odds are the root of 9
    assert at(1.5) == pytest.approx([27 / 28, 1 / 28])
    output = outputs(policy.network, torch.zeros(1, 1, dtype=torch.long))
    assert mixed(given, 0.25)(output, log_prior).exp()[0].tolist() == pytest.approx([0.6, 0.4])


def test_rejection_gives_exact_samples() -> None:
    """How often each of the 81 sequences is accepted, against pi*; and the share accepted, Z exp(-R_max / c)."""
    n, vector = 60_000, torch.tensor(weight_vector(Tiny.terms, WEIGHTS), dtype=torch.float64)
    highest = highest_reward(Tiny.terms, WEIGHTS)
    found = pool(Tiny(), tiny_prior(), n, generator(12)).weigh(vector, C)
    rows = rejection_sample(found, highest, generator(13))
    log_z, x = exact()[0], all_sequences()
    expected = math.exp(log_z - highest / C)
    assert len(rows) / n == pytest.approx(expected, abs=5 * math.sqrt(expected / n))

    log_p = outputs(tiny_prior(), x).logits.log_softmax(-1).gather(-1, x.unsqueeze(-1)).sum((1, 2)).double().detach()
    best = (log_p + Tiny().score(x).sum(1) @ vector / C - log_z).exp()
    counts = (found.tokens[rows] @ torch.tensor([27, 9, 3, 1])).bincount(minlength=81)
    chi_square = ((counts - len(rows) * best) ** 2 / (len(rows) * best)).sum().item()
    assert chi_square < 80 + 4 * math.sqrt(2 * 80)  # 80 degrees of freedom
    assert len(rejection_sample(found, math.inf, generator(13))) == 0


def test_the_same_seed_gives_the_same_particles() -> None:
    one, two = (sequential(Tiny(), tiny_prior(), WEIGHTS, C, 64, generator(9)) for _ in range(2))
    assert isinstance(one, Particles)
    assert torch.equal(one.tokens, two.tokens)
    assert one.log_z == two.log_z


def test_the_primer_comes_first_and_does_not_count() -> None:
    primer = torch.full((32, 1), 2)
    found = sequential(Tiny(), tiny_prior(), WEIGHTS, C, 32, generator(6), primer=primer)
    assert found.tokens.shape == (32, Tiny.length)


def test_a_learner_gives_a_proposal() -> None:
    """What tuning leaves behind can propose: the policy that is the prior gives the prior's particles."""
    learner = LEARNERS["psi"]  # for which a copy of the prior is the prior
    by = Proposal(tiny_prior(), learner.log_policy)
    plain = sequential(Tiny(), tiny_prior(), WEIGHTS, C, 32, generator(7))
    assert torch.equal(sequential(Tiny(), tiny_prior(), WEIGHTS, C, 32, generator(7), by).tokens, plain.tokens)


def test_runs_together_are_unbiased_and_weigh_by_their_z() -> None:
    estimates = [
        together([sequential(Tiny(), tiny_prior(), WEIGHTS, C, 16, generator(2 * s + i)) for i in (0, 1)]).log_z
        for s in range(100)
    ]
    assert is_unbiased(estimates, exact()[0])
    runs = [sequential(Tiny(), tiny_prior(), WEIGHTS, C, 16, generator(i)) for i in (0, 1)]
    both = together(runs)
    odds = both.shares[:16].sum() / both.shares[16:].sum()
    assert odds.item() == pytest.approx(math.exp(runs[0].log_z - runs[1].log_z))
    assert both.roots.max() >= 16
