"""The learners: identities of their equations, and the exact optimum on a task small enough to enumerate."""

import pytest
import torch

from seqtutor_core.learners import LEARNERS
from seqtutor_core.learners.targets import Values, returns
from seqtutor_core.network import Output
from seqtutor_core.tuning import tune
from tests.tiny import Tiny, all_sequences, log_probabilities, tiny_tuner

ONES = {"rise": 1.0, "close": 1.0}


def rewards() -> torch.Tensor:
    """R(x) of every sequence."""
    return Tiny().score(all_sequences()).sum((1, 2))


def some_output() -> tuple[Output, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    logits, value = torch.randn(2, 4, 3, generator=rng), torch.randn(2, 4, generator=rng)
    return Output(logits, value), torch.randn(2, 4, 3, generator=rng).log_softmax(-1)


# ---------------------------------------------------------------- identities


def test_psi_is_log_prior_plus_g() -> None:
    """With the same policy and state value, Psi = log p + G."""
    output, log_prior = some_output()
    psi = LEARNERS["psi"].values(output, log_prior, raw=False)
    corrected = Output(output.logits.log_softmax(-1) - log_prior, output.value)
    g = LEARNERS["g"].values(corrected, log_prior, raw=False)
    torch.testing.assert_close(psi.action, log_prior + g.action)
    torch.testing.assert_close(psi.state, g.state)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("raw", [False, True])
def test_policy_follows_from_the_values(name: str, raw: bool) -> None:
    """pi = softmax(Q), softmax(Psi) and p exp(G), normalised."""
    output, log_prior = some_output()
    values = LEARNERS[name].values(output, log_prior, raw).action
    scores = log_prior + values if name == "g" else values
    torch.testing.assert_close(LEARNERS[name].log_policy(output, log_prior), scores.log_softmax(-1))


def test_state_values() -> None:
    output, log_prior = some_output()
    q, psi, g = (LEARNERS[n].values(output, log_prior, raw=True) for n in ("q", "psi", "g"))
    torch.testing.assert_close(q.state, output.logits.amax(-1))
    torch.testing.assert_close(psi.state, output.logits.logsumexp(-1))
    torch.testing.assert_close(g.state, (log_prior + output.logits).logsumexp(-1))


def test_one_step_target_by_hand() -> None:
    gain, state = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[10.0, 20.0, 30.0]])
    y = returns(gain, Values(torch.empty(0), state), torch.zeros(1, 3), gamma=0.5, trace=0.0, mask=torch.ones(1, 3))
    assert y.tolist() == [[1 + 0.5 * 20, 2 + 0.5 * 30, 4.0]]  # nothing beyond the last step


def test_whole_trace_and_a_shorter_sequence() -> None:
    """trace 1 telescopes: the target is the rest of the gains minus the surprises A - V on the way."""
    gain = torch.tensor([[1.0, 2.0, 4.0]])
    state, taken = torch.tensor([[0.5, 1.5, 2.5]]), torch.tensor([[0.1, 0.2, 0.3]])
    y = returns(gain, Values(torch.empty(0), state), taken, 1.0, 1.0, torch.tensor([[1.0, 1.0, 0.0]]))
    assert y[0, 1].item() == 2.0  # the third step is padding
    assert y[0, 0].item() == pytest.approx(1.0 + 1.5 + (2.0 - 0.2))


# ---------------------------------------------------------------- the optimum


@pytest.mark.parametrize("name", ["psi", "g"])
@pytest.mark.parametrize("trace", [0.0, 0.9])
def test_reaches_the_kl_optimum(name: str, trace: float) -> None:
    """J comes within 0.05 nats of log Z = log sum p exp(R / c)."""
    c = 0.7
    tuner = tiny_tuner(name, updates=500, weights=ONES, c=c, trace=trace)
    list(tune(tuner))
    log_p, log_pi = log_probabilities(tuner)
    log_z = (log_p + rewards() / c).logsumexp(0).item()
    j = (log_pi.exp() * (rewards() / c + log_p - log_pi)).sum().item()
    j_prior = (log_p.exp() * rewards() / c).sum().item()
    assert j_prior < log_z - 0.5  # there is something to learn
    assert log_z - 0.05 < j <= log_z + 1e-6


def test_q_finds_the_best_sequence() -> None:
    """Acting greedily on Q gives argmax log p(x) + R(x) / c, and V its value."""
    c = 0.7
    tuner = tiny_tuner("q", updates=700, weights=ONES, c=c, trace=0.0)
    list(tune(tuner))
    log_p, _ = log_probabilities(tuner)
    worth = log_p + rewards() / c
    best = all_sequences()[worth.argmax()]
    with torch.no_grad():
        output = tuner.policy(best.unsqueeze(0), 4)
    assert output.logits.argmax(-1)[0].tolist() == best.tolist()
    q = tuner.learner.values(output, torch.empty(0), raw=False)
    assert q.state[0, 0].item() == pytest.approx(worth.max().item(), abs=0.1)


@pytest.mark.parametrize("name", ["psi", "g"])
def test_without_reward_the_policy_stays_the_prior(name: str) -> None:
    tuner = tiny_tuner(name, updates=100, weights={})
    list(tune(tuner))
    log_p, log_pi = log_probabilities(tuner)
    assert (log_pi.exp() * (log_pi - log_p)).sum().item() < 1e-3


@pytest.mark.parametrize("name", LEARNERS)
def test_the_first_policy_is_the_prior(name: str) -> None:
    log_p, log_pi = log_probabilities(tiny_tuner(name, updates=1, weights={}))
    torch.testing.assert_close(log_pi, log_p, atol=1e-5, rtol=1e-5)


def test_nothing_flows_into_the_prior() -> None:
    tuner = tiny_tuner("g", updates=5, weights=ONES)
    before = [p.clone() for p in tuner.prior.parameters()]
    list(tune(tuner))
    assert all(torch.equal(a, b) for a, b in zip(before, tuner.prior.parameters(), strict=True))
    assert all(p.grad is None for p in tuner.prior.parameters())
