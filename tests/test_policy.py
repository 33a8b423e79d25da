"""A policy: what it samples has the probabilities that it gives, with and without a network, and mixtures by hand."""

import math
from typing import cast

import pytest
import torch
from torch import Tensor

from seqtutor_core import priors
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.mini import Mini
from seqtutor_core.domains.mini.exact_task import mini_prior
from seqtutor_core.errors import SettingError, TokenError
from seqtutor_core.network import Output
from seqtutor_core.policy import Policy, geometric_mixture, mixture
from tests.tiny import Tiny, all_sequences, tiny_prior


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def leaning(output: Output, log_prior: Tensor) -> Tensor:
    """Neither the prior nor anybody's optimum."""
    return (log_prior + torch.tensor([1.0, 0.0, -1.0])).log_softmax(-1)


PRIOR = Policy(Tiny(), tiny_prior())
TUNED = Policy(Tiny(), tiny_prior(), tiny_prior(), leaning)
NOTHING = Output(torch.zeros(1, 2), torch.zeros(1))


@pytest.mark.parametrize("policy", [PRIOR, TUNED, TUNED.interpolate(0.5), TUNED.mixture(0.5)])
def test_sequences_come_as_often_as_their_probabilities_say(policy: Policy) -> None:
    n = 40_000
    tokens = policy.sample(n, generator()).tokens
    expected = policy.log_prob(all_sequences()).exp()
    assert expected.sum().item() == pytest.approx(1.0)
    counts = (tokens @ torch.tensor([27, 9, 3, 1])).bincount(minlength=81)
    chi_square = ((counts - n * expected) ** 2 / (n * expected)).sum().item()
    assert chi_square < 80 + 4 * math.sqrt(2 * 80)  # 80 degrees of freedom


def test_the_log_probabilities_of_a_rollout_are_the_policys() -> None:
    rollout = TUNED.sample(64, generator())
    for policy, log_probabilities in ((PRIOR, rollout.log_prior), (TUNED, rollout.log_policy)):
        chosen = log_probabilities.gather(-1, rollout.tokens.unsqueeze(-1)).squeeze(-1).double().sum(1)
        torch.testing.assert_close(policy.log_prob(rollout.tokens), chosen, atol=1e-5, rtol=1e-5)


def test_steps_behind_the_end_have_no_probability() -> None:
    class Ending(Tiny):
        end: int | None = 2

    policy = Policy(Ending(), tiny_prior())
    rollout = policy.sample(100, generator())
    short = rollout.lengths < 4
    assert short.any()
    log_prob = policy.log_prob(rollout.tokens, rollout.lengths)
    chosen = rollout.log_prior.gather(-1, rollout.tokens.unsqueeze(-1)).squeeze(-1) * rollout.mask
    torch.testing.assert_close(log_prob, chosen.double().sum(1), atol=1e-5, rtol=1e-5)
    assert (log_prob > policy.log_prob(rollout.tokens))[short].all()


def test_sequences_that_go_on_after_their_end_are_cut_to_what_a_cpu_samples() -> None:
    """On a GPU all rows take all steps, as if there were no end."""

    class Ending(Tiny):
        end: int | None = 2

    whole = TUNED.sample(500, generator())
    rollout = whole.until(2)
    for tokens, all_of_it, length in zip(
        rollout.tokens.tolist(), whole.tokens.tolist(), rollout.lengths.tolist(), strict=True
    ):
        assert length == (all_of_it.index(2) + 1 if 2 in all_of_it else 4)
        assert tokens == all_of_it[:length] + [2] * (4 - length)
    ended = Policy(Ending(), tiny_prior(), tiny_prior(), leaning)
    chosen = rollout.log_policy.gather(-1, rollout.tokens.unsqueeze(-1)).squeeze(-1).double()
    assert not rollout.log_policy[~rollout.mask].any() and not rollout.log_prior[~rollout.mask].any()
    expected = ended.log_prob(rollout.tokens, rollout.lengths)
    torch.testing.assert_close(expected, chosen.sum(1), atol=1e-5, rtol=1e-5)
    both = [ended.sample(20_000, generator()), TUNED.sample(20_000, generator(1)).until(2)]
    shares = [each.lengths.bincount(minlength=5) / 20_000 for each in both]
    torch.testing.assert_close(shares[0], shares[1], atol=0.02, rtol=0)


@pytest.mark.parametrize("prior", ["melody", "molecule", "molecule-zinc"])
def test_sampling_never_asks_what_was_sampled(prior: str) -> None:
    """Where nothing is computed, as on the device meta, any look at a value is an error, and so is a tensor of the CPU:
    both would wait for a GPU, and neither can be recorded as a CUDA graph.
    """
    loaded = priors.load(prior)
    domain, network = build_domain(loaded.card["domain"], priors.domain_settings(prior)), loaded.network.to("meta")
    policy = Policy(domain, network, network, lambda output, log_prior: (output.logits + log_prior).log_softmax(-1))
    rollout = policy.sample(8, cast(torch.Generator, None))
    assert rollout.tokens.device.type == "meta"
    assert rollout.tokens.shape == (8, domain.length)


def test_a_primer_is_heard_and_does_not_count() -> None:
    policy = Policy(Mini(), mini_prior())
    given, each = policy.sample(8, generator(), (3, 2)), policy.sample(8, generator(), torch.tensor([[3, 2]] * 8))
    assert torch.equal(given.tokens, each.tokens)
    assert given.tokens.shape == (8, Mini.length)
    assert given.primer.tolist() == [[3, 2]] * 8
    assert not torch.equal(given.log_prior[:, 0], policy.sample(8, generator()).log_prior[:, 0])
    x = given.tokens
    assert not torch.equal(policy.log_prob(x, primer=(3, 2)), policy.log_prob(x))
    with pytest.raises(TokenError, match="token 4 at position 1"):
        policy.sample(8, generator(), (3, 4))


def test_strength_0_is_the_prior_and_1_the_policy() -> None:
    x = all_sequences()
    torch.testing.assert_close(TUNED.interpolate(0.0).log_prob(x), PRIOR.log_prob(x))
    assert torch.equal(TUNED.interpolate(1.0).log_prob(x), TUNED.log_prob(x))
    assert PRIOR.interpolate(0.5) is PRIOR.mixture(0.5) is PRIOR


def test_mixtures_by_hand() -> None:
    log_prior, log_pi = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.9, 0.1]]).log()

    def given(*_: object) -> Tensor:
        return log_pi

    def at(strength: float) -> list[float]:
        return geometric_mixture(given, strength)(NOTHING, log_prior).exp()[0].tolist()

    assert at(0.0) == pytest.approx([0.5, 0.5])
    assert at(1.0) == pytest.approx([0.9, 0.1])
    assert at(0.5) == pytest.approx([0.75, 0.25])  # the odds are the root of 9
    assert at(1.5) == pytest.approx([27 / 28, 1 / 28])
    assert mixture(given, 0.25)(NOTHING, log_prior).exp()[0].tolist() == pytest.approx([0.6, 0.4])


@pytest.mark.parametrize("strength", [-0.1, 1.6, math.nan])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    for policy in (PRIOR, TUNED):
        with pytest.raises(SettingError, match="from 0, which is the prior"):
            policy.interpolate(strength)


def test_a_network_without_its_learner_is_no_policy() -> None:
    with pytest.raises(ValueError, match="log_policy"):
        Policy(Tiny(), tiny_prior(), tiny_prior())
