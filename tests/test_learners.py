"""The learners: identities of their equations, and the exact optimum on a task small enough to enumerate."""

import math
from dataclasses import fields

import pytest
import torch

from seqtutor_core.config import learner_settings
from seqtutor_core.domains import DOMAINS
from seqtutor_core.learners import LEARNERS, PUBLISHED
from seqtutor_core.learners.returns import lambda_returns
from seqtutor_core.network import Output
from seqtutor_core.replay import Batch
from seqtutor_core.rollout import gather_actions
from seqtutor_core.tuning import tune
from tests.tiny import Tiny, all_sequences, log_probabilities, outputs, tiny_prior, tiny_tuner

ONES = {"rise": 1.0, "close": 1.0}


def rewards() -> torch.Tensor:
    """R(x) of every sequence."""
    return Tiny().score(all_sequences()).sum((1, 2))


def some_output() -> tuple[Output, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    logits, value = torch.randn(2, 4, 3, generator=rng), torch.randn(2, 4, generator=rng)
    return Output(logits, value), torch.randn(2, 4, 3, generator=rng).log_softmax(-1)


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize("name", DOMAINS)
def test_what_a_domain_sets_for_a_learner_it_has(name: str) -> None:
    """Learners and domains know nothing of each other, so a wrong name would be found by the first run only."""
    for preset, learners in DOMAINS[name].learner_defaults().items():
        for learner, wanted in learners.items():
            assert wanted.items() <= vars(learner_settings(name, learner, preset)).items()


# ---------------------------------------------------------------- identities


def test_psi_is_log_prior_plus_g() -> None:
    """With the same policy and state value, Psi = log p + G."""
    output, log_prior = some_output()
    psi, g = PUBLISHED["psi"], PUBLISHED["g"]
    psi_values = psi.action_values(output, log_prior, from_logits=False)
    corrected = Output(output.logits.log_softmax(-1) - log_prior, output.value)
    g_values = g.action_values(corrected, log_prior, from_logits=False)
    torch.testing.assert_close(psi_values, log_prior + g_values)
    torch.testing.assert_close(psi.state_values(psi_values, log_prior), g.state_values(g_values, log_prior))


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("from_logits", [False, True])
def test_policy_follows_from_the_values(name: str, from_logits: bool) -> None:
    """pi = softmax(Q), softmax(Psi) and p exp(G), normalised."""
    output, log_prior = some_output()
    values = PUBLISHED[name].action_values(output, log_prior, from_logits)
    scores = log_prior + values if name == "g" else values
    torch.testing.assert_close(PUBLISHED[name].log_policy(output, log_prior), scores.log_softmax(-1))


def test_state_values() -> None:
    output, log_prior = some_output()
    q, psi, g = (PUBLISHED[n].state_values(output.logits, log_prior) for n in ("q", "psi", "g"))
    torch.testing.assert_close(q, output.logits.amax(-1))
    torch.testing.assert_close(psi, output.logits.logsumexp(-1))
    torch.testing.assert_close(g, (log_prior + output.logits).logsumexp(-1))


def test_one_step_target_by_hand() -> None:
    r, v = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[10.0, 20.0, 30.0]])
    y = lambda_returns(r, v, torch.zeros(1, 3), torch.ones(1, 3), gamma=0.5, lambda_=0.0)
    assert y.tolist() == [[1 + 0.5 * 20, 2 + 0.5 * 30, 4.0]]  # nothing beyond the last step


def test_lambda_1_and_a_shorter_sequence() -> None:
    """lambda 1 telescopes: the target is the rest of the rewards minus the surprises q - v on the way."""
    r = torch.tensor([[1.0, 2.0, 4.0]])
    v, q = torch.tensor([[0.5, 1.5, 2.5]]), torch.tensor([[0.1, 0.2, 0.3]])
    y = lambda_returns(r, v, q, torch.tensor([[1.0, 1.0, 0.0]]), gamma=1.0, lambda_=1.0)
    assert y[0, 1].item() == 2.0  # the third step is padding
    assert y[0, 0].item() == pytest.approx(1.0 + 1.5 + (2.0 - 0.2))


def test_returns_of_other_shapes_are_refused() -> None:
    """Where shapes differ torch would broadcast (B, T) against (B, T, V), or against (T,), and learn nonsense."""
    whole = torch.zeros(2, 3)
    for wrong in (torch.zeros(3), torch.zeros(2, 1), torch.zeros(2, 3, 1)):
        with pytest.raises(ValueError, match=r"must all be \(B, T\); got"):
            lambda_returns(whole, wrong, whole, whole, 1.0, 0.9)
    with pytest.raises(ValueError, match="must all be"):
        lambda_returns(*(torch.zeros(3),) * 4, 1.0, 0.9)


# ---------------------------------------------------------------- gradients


def every_sequence(c: float, end: int | None) -> Batch:
    """All sequences of four tokens, or, with an end token, those that end with it or at the fourth."""
    x = all_sequences()
    if end is not None:
        x = torch.where((x == end).cumsum(1) - (x == end).int() > 0, end, x).unique(dim=0)
    ended = torch.zeros_like(x) if end is None else (x == end).cumsum(1) - (x == end).int()
    mask = (ended == 0).double()
    with torch.no_grad():
        log_prior = outputs(tiny_prior(), x).logits.double().log_softmax(-1)
    return Batch(x, x[:, :0], mask, log_prior, Tiny().score(x).sum(-1) / c * mask)


def objective(log_pi: torch.Tensor, batch: Batch) -> torch.Tensor:
    """J, exactly."""
    log_p, log_q = ((gather_actions(each, batch.tokens) * batch.mask).sum(1) for each in (batch.log_prior, log_pi))
    return (log_q.exp() * (batch.reward.sum(1) + log_p - log_q)).sum()


@pytest.mark.parametrize("end", [None, 1])
@pytest.mark.parametrize(("name", "times"), [("rloo", 2.0), ("trajectory_balance", 1.0)])
def test_the_expected_gradient_is_that_of_the_objective(name: str, times: float, end: int | None) -> None:
    """Over all batches of two sequences, each as likely as the policy writes it.

    The loss is a sum over sequences: rloo's gradient is that of -2 J. A mean over two of which one is the sequence
    itself halves that for trajectory balance.
    """
    learner = LEARNERS[name]
    policy = tiny_prior()
    torch.nn.init.normal_(policy.policy.weight, std=0.7, generator=torch.Generator().manual_seed(3))
    batch = every_sequence(c=2.0, end=end)
    output = Output(*(each.double() for each in outputs(policy, batch.tokens)))
    log_pi = learner.log_policy(output, batch.log_prior)
    pi = (gather_actions(log_pi, batch.tokens) * batch.mask).sum(1).exp()
    assert pi.sum().item() == pytest.approx(1.0)

    def of_pair(rows: torch.Tensor) -> torch.Tensor:
        pair = Batch(*(getattr(batch, f.name)[rows] for f in fields(Batch)))
        here = Output(output.logits[rows], output.value[rows])
        return learner.loss(here, here, pair, learner.presets["default"])

    rows = torch.cartesian_prod(torch.arange(len(pi)), torch.arange(len(pi)))
    expected = (pi.detach()[rows].prod(1) * torch.vmap(of_pair)(rows)).sum()
    weights = [p for n, p in policy.named_parameters() if not n.startswith("value")]
    found = torch.autograd.grad(expected, weights, retain_graph=True)
    wanted = torch.autograd.grad(-times * objective(log_pi, batch), weights)
    assert max(w.abs().max().item() for w in wanted) > 0.01
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_trajectory_balance_is_at_rest_at_the_optimum_only() -> None:
    """With pi = p exp(R / c) / Z, w is log Z for all: no loss, whatever the batch; with pi = p there is one."""
    batch = every_sequence(c=2.0, end=None)
    worth = (gather_actions(batch.log_prior, batch.tokens).sum(1) + batch.reward.sum(1)).reshape(3, 3, 3, 3)
    steps = [worth.logsumexp(tuple(range(t + 1, 4))) if t < 3 else worth for t in range(4)]  # over what may follow
    at = batch.tokens
    best = torch.stack([steps[t][tuple(at[:, :t].T)].expand(81, 3) for t in range(4)], 1).log_softmax(-1)  # (81, 4, 3)
    learner = LEARNERS["trajectory_balance"]
    for logits, least, most in ((best - batch.log_prior, 0.0, 1e-12), (torch.zeros_like(best), 1.0, 1e9)):
        output = Output(logits, logits[..., 0])
        loss = learner.loss(output, output, batch, learner.presets["default"]).item()
        assert least <= loss <= most


def test_rloo_by_hand() -> None:
    """Two sequences, the second a step shorter, pi = p: A is the reward to go less the other's, where there is one."""
    half = torch.full((2, 2, 2), 0.5).log()
    batch = Batch(
        tokens=torch.zeros(2, 2, dtype=torch.long),
        primer=torch.zeros(2, 0, dtype=torch.long),
        mask=torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
        log_prior=half,
        reward=torch.tensor([[1.0, 3.0], [5.0, 0.0]]),
    )
    output = Output(torch.zeros(2, 2, 2), torch.zeros(2, 2))
    learner = LEARNERS["rloo"]
    loss = learner.loss(output, output, batch, learner.presets["default"]).item()
    assert loss == pytest.approx(((4 - 5) + 3 + (5 - 4)) * math.log(2))


@pytest.mark.parametrize("name", LEARNERS)
def test_what_stands_behind_an_end_counts_nothing(name: str) -> None:
    """Whatever tokens, probabilities and outputs padding has: the loss is the same, and no gradient goes there."""
    rng = torch.Generator().manual_seed(2)
    mask = (torch.arange(5) < torch.tensor([[5], [3], [1], [4]])).float()

    def drawn(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The same up to the ends, different behind them."""
        first, other = torch.randn(4, 5, *shape, generator=rng), 9 * torch.randn(4, 5, *shape, generator=rng)
        return first, torch.where(mask.reshape(4, 5, *(1 for _ in shape)) == 1, first, other)

    logits, value, log_prior, target_logits, target_value = (drawn(*shape) for shape in ((3,), (), (3,), (3,), ()))
    tokens, reward = drawn(), torch.randn(4, 5, generator=rng) * mask
    learner, losses, gradients = LEARNERS[name], [], []
    for i in range(2):
        online = Output(logits[i].requires_grad_(), value[i].requires_grad_())
        target = Output(target_logits[i], target_value[i])
        whole = (10 * tokens[i]).long() % 3
        batch = Batch(whole, whole[:, :0], mask, log_prior[i].log_softmax(-1), reward)
        losses.append(learner.loss(online, target, batch, learner.presets["default"]))
        (found,) = torch.autograd.grad(losses[-1], online.logits)
        gradients.append(found)
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*gradients)
    assert gradients[0].abs().amax(-1).gt(0).equal(mask == 1)


# ---------------------------------------------------------------- the optimum


@pytest.mark.parametrize(
    ("name", "updates", "settings"),
    [
        *(
            pytest.param(name, 500, {"lambda_": value}, marks=pytest.mark.slow)
            for name in ("psi", "g")
            for value in (0.0, 0.9)
        ),
        ("trajectory_balance", 200, {}),
        ("rloo", 200, {}),
    ],
)
def test_reaches_the_kl_optimum(name: str, updates: int, settings: dict[str, float]) -> None:
    """J comes within 0.05 nats of log Z = log sum p exp(R / c)."""
    c = 0.7
    tuner = tiny_tuner(name, updates=updates, weights=ONES, c=c, **settings)
    list(tune(tuner))
    log_p, log_pi = log_probabilities(tuner)
    log_z = (log_p + rewards() / c).logsumexp(0).item()
    j = (log_pi.exp() * (rewards() / c + log_p - log_pi)).sum().item()
    j_prior = (log_p.exp() * rewards() / c).sum().item()
    assert j_prior < log_z - 0.5  # there is something to learn
    assert log_z - 0.05 < j <= log_z + 1e-6


@pytest.mark.slow
def test_q_finds_the_best_sequence() -> None:
    """Acting greedily on Q gives argmax log p(x) + R(x) / c, and V its value."""
    c = 0.7
    tuner = tiny_tuner("q", updates=700, weights=ONES, c=c, lambda_=0.0)
    list(tune(tuner))
    log_p, _ = log_probabilities(tuner)
    worth = log_p + rewards() / c
    best = all_sequences()[worth.argmax()]
    with torch.no_grad():
        output = outputs(tuner.network, best.unsqueeze(0))
    assert output.logits.argmax(-1)[0].tolist() == best.tolist()
    q = PUBLISHED["q"].action_values(output, torch.empty(0), from_logits=False)
    assert q[0, 0].max().item() == pytest.approx(worth.max().item(), abs=0.1)


@pytest.mark.parametrize("name", ["psi", "g", "trajectory_balance", "rloo"])
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
