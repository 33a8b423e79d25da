"""Tutor strength: prior and policy mixed as sequences are sampled, against sums over all sequences."""

import pytest
import torch
from torch import Tensor

from seqtutor_core.evaluation import evaluate, rollouts, term_sums
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.rollout import divergence, gather_actions
from seqtutor_core.tuning import Tuner, tune
from tests.tiny import Tiny, all_sequences, outputs, tiny_tuner

ONES = {"rise": 1.0, "close": 1.0}


@pytest.fixture(scope="module")
def tuner() -> Tuner:
    tuned = tiny_tuner("psi", 60, ONES, 0.5)
    list(tune(tuned))
    return tuned


@torch.no_grad()
def exact(tuner: Tuner, strength: float) -> tuple[dict[str, float], float]:
    """Means of the terms and KL of the mixture, over all 81 sequences."""
    x = all_sequences()
    log_p = outputs(tuner.prior, x).logits.log_softmax(-1)
    log_pi = tuner.learner.log_policy(outputs(tuner.network, x), log_p)
    log_mix = ((1 - strength) * log_p + strength * log_pi).log_softmax(-1)
    mix, prior = (gather_actions(each, x).sum(1).double() for each in (log_mix, log_p))
    terms = mix.exp() @ Tiny().score(x).sum(1)
    return dict(zip(ONES, terms.tolist(), strict=True)), float((mix.exp() * (mix - prior)).sum())


def drawn(tuner: Tuner, strength: float, n: int = 1000) -> tuple[Tensor, dict[str, float], float]:
    (rollout,) = rollouts(tuner.policy.interpolate(strength), n, 7)
    terms = dict(zip(ONES, term_sums(Tiny(), rollout).mean(0).tolist(), strict=True))
    return rollout.tokens, terms, divergence(rollout)[0].mean().item()


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 1.5])
def test_reward_and_kl_are_those_of_the_mixture(tuner: Tuner, strength: float) -> None:
    _, terms, kl = drawn(tuner, strength)
    wanted, exact_kl = exact(tuner, strength)
    assert kl == pytest.approx(exact_kl, abs=0.03 + 0.05 * exact_kl)
    for name, value in wanted.items():
        assert terms[name] == pytest.approx(value, abs=0.25)


def test_none_is_the_prior_and_one_the_policy(tuner: Tuner) -> None:
    (prior,) = rollouts(Policy(Tiny(), tuner.prior), 1000, 7)
    (policy,) = rollouts(tuner.policy, 1000, 7)
    tokens, _, kl = drawn(tuner, 0.0)
    assert torch.equal(tokens, prior.tokens)
    assert kl == pytest.approx(0.0, abs=1e-6)
    assert torch.equal(drawn(tuner, 1.0)[0], policy.tokens)
    assert drawn(tuner, 0.5)[2] < drawn(tuner, 1.0)[2] < drawn(tuner, 1.5)[2]


def test_a_mixture_is_evaluated(tuner: Tuner) -> None:
    _, terms, kl = drawn(tuner, 0.5)
    found = evaluate(tuner.policy.interpolate(0.5), Objective(Tiny(), ONES, 0.5), 1000, 7)
    assert found["kl"] == pytest.approx(kl, rel=1e-5)
    assert found["reward"] == pytest.approx(sum(terms.values()))
