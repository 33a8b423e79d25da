"""The exact mini task: dynamic programming against enumeration, and every learner against the optimum."""

import math
from collections.abc import Mapping
from itertools import product

import pytest
import torch
from torch import Tensor

from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.mini import DEFAULT_WEIGHTS, LENGTH, TERMS, Mini, text
from seqtutor_core.domains.mini.exact_task import SHUT, mini_prior, mini_task
from seqtutor_core.errors import SettingError
from seqtutor_core.exact import MarkovTask, sum_over_time, top_sequences
from seqtutor_core.learners import LEARNERS
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.rollout import gather_actions
from seqtutor_core.tuning import Tuner, tune
from tests.tiny import fitting, outputs

CHUNK = 16_384
NO_RISE = {"stutter": 0.5, "close": 4.0}
CS = (0.01, 0.3, 1.0, 4.0, 1000.0)


def word(letters: str) -> Tensor:
    """(1, T)."""
    return torch.tensor([["abcd".index(letter) for letter in letters]])


@pytest.fixture(scope="module")
def sequences() -> Tensor:
    """All of them, (65536, 8)."""
    return torch.tensor(list(product(range(4), repeat=LENGTH)))


@torch.no_grad()
def log_probabilities(network: RecurrentNetwork, tokens: Tensor) -> Tensor:
    """log p (N, T, V) by the network itself, whatever it remembers of each sequence."""
    parts = (outputs(network, part, space=Mini).logits for part in tokens.split(CHUNK))
    return torch.cat([logits.double().log_softmax(-1) for logits in parts])


@pytest.fixture(scope="module")
def log_prior(sequences: Tensor) -> Tensor:
    """(65536, 8, 4)."""
    return log_probabilities(mini_prior(), sequences)


def rewards(tokens: Tensor, weights: Mapping[str, float]) -> Tensor:
    """R(x), (N,)."""
    return Mini().score(tokens).sum(1) @ torch.tensor([weights.get(t.name, 0.0) for t in TERMS], dtype=torch.float64)


# ---------------------------------------------------------------- the task


def test_terms_by_hand() -> None:
    """Letters rise, stutter and close where one sees it."""
    score = Mini().score(word("abbdccaa"))[0].T.tolist()
    assert score == [[0, 1, 0, 1, 0, 0, 0, 0], [0, 0, -2, 0, 0, -2, 0, -2], [0, 0, 0, 0, 0, 0, 0, 3]]


def test_bounds_are_the_least_and_the_most_of_all_words(sequences: Tensor) -> None:
    sums = Mini().score(sequences).sum(1)  # (65536, K)
    assert [term.bounds for term in TERMS] == [*zip(sums.amin(0).tolist(), sums.amax(0).tolist(), strict=True)]


def test_score_is_causal(sequences: Tensor) -> None:
    """A prefix earns what it earns, whatever follows."""
    some = sequences[::977]
    whole = Mini().score(some)
    for t in range(1, LENGTH):
        torch.testing.assert_close(Mini().score(some[:, :t]), whole[:, :t], rtol=0, atol=0)


def test_lines_are_scored_and_wrong_ones_named() -> None:
    right, short, strange = Mini().score_lines(["abbdccaa", "abc", "abcdabcx"])
    assert right["text"] == "abbdccaa"
    assert {name: sum(values) for name, values in right["terms"].items()} == {"rise": 2, "stutter": -6, "close": 3}
    assert short["line"] == 2 and "3 letters" in short["error"]
    assert strange["line"] == 3 and "'x'" in strange["error"]


def test_prior_is_markov(sequences: Tensor, log_prior: Tensor) -> None:
    """Whatever came earlier, the same letter at the same step is followed by the same probabilities, to the bit."""
    for t in range(1, LENGTH):
        by_letter = log_prior[:, t].reshape(-1, 4, 4 ** (LENGTH - t), 4)  # (history, letter before t, what follows, V)
        torch.testing.assert_close(by_letter, by_letter[:1, :, :1].expand_as(by_letter), rtol=0, atol=0)
    assert log_prior[0].std(0).min() > 0.1  # and it depends on the step
    assert (log_prior[0, 4] - log_prior[-1, 4]).abs().max() > 0.1  # and on the letter


def test_prior_step_by_step(sequences: Tensor, log_prior: Tensor) -> None:
    """What sampling sees, one token at a time, is the same table."""
    rollout = Policy(Mini(), mini_prior()).sample(200, torch.Generator().manual_seed(3))
    rows = (rollout.tokens * 4 ** torch.arange(LENGTH - 1, -1, -1)).sum(1)
    torch.testing.assert_close(rollout.log_prior.double(), log_prior[rows], rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- the solution


@pytest.mark.parametrize("weights", [DEFAULT_WEIGHTS, NO_RISE, {}], ids=["default", "no rise", "none"])
@pytest.mark.parametrize("c", CS)
def test_against_enumeration(weights: dict[str, float], c: float, sequences: Tensor, log_prior: Tensor) -> None:
    """log Z, E[R], KL, J of the prior and pi*, from all 65,536 sequences and the network itself."""
    log_p, r = gather_actions(log_prior, sequences).sum(1), rewards(sequences, weights)
    log_z = (log_p + r / c).logsumexp(0)
    log_best = log_p + r / c - log_z
    best = log_best.exp()
    exact = mini_task(weights).solve(c)
    assert exact.log_z == pytest.approx(log_z.item(), rel=1e-9, abs=1e-9)
    assert exact.reward == pytest.approx((best @ r).item(), rel=1e-9, abs=1e-9)
    assert exact.kl == pytest.approx((best @ (log_best - log_p)).item(), rel=1e-9, abs=1e-9)
    assert exact.j_prior == pytest.approx((log_p.exp() @ r).item() / c, rel=1e-9, abs=1e-9)
    torch.testing.assert_close(sum_over_time(exact.log_policy, sequences), log_best)
    for t in range(1, LENGTH):  # pi*(a | t, b) is the share of a among all that come to t by b
        pairs = torch.zeros(16, dtype=torch.float64).index_add(0, 4 * sequences[:, t - 1] + sequences[:, t], best)
        come = pairs.view(4, 4).sum(1, keepdim=True)
        torch.testing.assert_close(come * exact.log_policy[t, :4].exp(), pairs.view(4, 4))


@pytest.mark.parametrize("c", CS)
def test_identities_of_the_optimum(c: float) -> None:
    """J = E[R]/c - KL = log Z, pi* is normalised, and what is missing to log Z is KL(pi || pi*)."""
    task = mini_task(DEFAULT_WEIGHTS)
    exact = task.solve(c)
    assert exact.reward / c - exact.kl == pytest.approx(exact.log_z, rel=1e-12)
    torch.testing.assert_close(exact.log_policy.exp().sum(-1), torch.ones(LENGTH, 5, dtype=torch.float64))
    towards_best = MarkovTask(exact.log_policy, task.reward)
    for strength in (0.0, 0.5, 1.5):
        policy = task.geometric_mixture(exact.log_policy, strength)
        missing = exact.log_z - Objective(Mini(), DEFAULT_WEIGHTS, c).j(*task.evaluate(policy))
        assert missing == pytest.approx(towards_best.evaluate(policy).kl, rel=1e-9, abs=1e-9)
        assert missing > 0 or c == 1000


def test_one_token_by_hand() -> None:
    """Chances 1/4 and 3/4 and a reward of c log 5 for the first: Z = 5/4 + 3/4 = 2, pi* = (5/8, 3/8)."""
    log_p = torch.tensor([[[0.25, 0.75]]], dtype=torch.float64).log().expand(1, 3, 2).contiguous()
    reward = torch.tensor([2 * math.log(5), 0.0], dtype=torch.float64).expand(1, 3, 2)
    exact = MarkovTask(log_p, reward).solve(2.0)
    assert exact.log_z == pytest.approx(math.log(2))
    assert exact.log_policy[0, -1].exp().tolist() == pytest.approx([5 / 8, 3 / 8])
    assert exact.kl == pytest.approx(5 / 8 * math.log(5 / 2) + 3 / 8 * math.log(1 / 2))


def test_the_prior_stands_where_the_frontier_begins() -> None:
    task = mini_task(DEFAULT_WEIGHTS)
    prior = task.evaluate(task.log_prior)
    assert prior.kl == 0.0
    (far,) = task.frontier([1e6])
    assert far.reward == pytest.approx(prior.reward, abs=1e-4)
    assert far.kl == pytest.approx(0.0, abs=1e-9)


def test_the_frontier_rises_with_slope_c() -> None:
    """d reward / d KL = c, and the tangent meets KL 0 at c log Z."""
    task = mini_task(DEFAULT_WEIGHTS)
    for c in (0.5, 1.0, 3.0):
        left, at, right = task.frontier([c * 1.001, c, c / 1.001])
        assert left.kl < at.kl < right.kl
        assert (right.reward - left.reward) / (right.kl - left.kl) == pytest.approx(c, rel=1e-5)
        assert at.reward - c * at.kl == pytest.approx(c * at.log_z)


@pytest.mark.parametrize("c", [0.5, 1.0, 2.0, 4.0])
def test_mixtures_stay_just_below_the_frontier(c: float) -> None:
    """Mixing at each step leads from prior to pi*; the frontier's reward at its KL is min over c of c (log Z + KL)."""
    task = mini_task(DEFAULT_WEIGHTS)
    best = task.solve(c).log_policy
    torch.testing.assert_close(task.geometric_mixture(best, 0.0), task.log_prior)
    torch.testing.assert_close(task.geometric_mixture(best, 1.0), best)
    frontier = task.frontier([0.05 * 1.05**i for i in range(150)])
    for strength in (0.25, 0.5, 0.75, 1.25, 1.5):
        mixed = task.evaluate(task.geometric_mixture(best, strength))
        assert 0 < min(at.c * (at.log_z + mixed.kl) for at in frontier) - mixed.reward < 0.055


def test_top_sequences_against_enumeration(sequences: Tensor) -> None:
    policy = mini_task(DEFAULT_WEIGHTS).solve(0.6).log_policy
    values, rows = sum_over_time(policy, sequences).topk(7)
    found = top_sequences(policy, 7)
    torch.testing.assert_close(sum_over_time(policy, found), values)
    assert found.tolist() == sequences[rows].tolist()


@pytest.mark.parametrize("c", [0.0, -1.0, math.inf, math.nan])
def test_a_c_without_an_optimum_is_refused(c: float) -> None:
    with pytest.raises(SettingError, match="positive"):
        mini_task(DEFAULT_WEIGHTS).solve(c)


# ---------------------------------------------------------------- the learners


def tuned(learner: str, c: float, updates: int, **overrides: float) -> Tuner:
    """A finished tuning job."""
    fast = {"batch": 256, "minibatch": 256, "replay_steps": 32_768, "learning_rate": 1e-2, "clip": 1.0} | overrides
    fast = fitting(learner, fast)
    config = TuningConfig("mini", "mini", learner, "default", DEFAULT_WEIGHTS, c, updates=updates, overrides=fast)
    tuner = Tuner(config, Mini(), mini_prior())
    list(tune(tuner))
    return tuner


@pytest.mark.parametrize("name", sorted(set(LEARNERS) - {"q"}))
@pytest.mark.slow
def test_reaches_log_z(name: str, sequences: Tensor, log_prior: Tensor) -> None:
    """J of the tuned policy, over all sequences, comes within 0.05 nats of log Z, from 3.8 below it."""
    c = 1.0
    tuner = tuned(name, c, updates=150)
    exact = mini_task(DEFAULT_WEIGHTS).solve(c)
    assert exact.j_prior < exact.log_z - 3
    with torch.no_grad():
        log_policies = (
            tuner.learner.log_policy(outputs(tuner.network, x, space=Mini), log_p)
            for x, log_p in zip(sequences.split(CHUNK), log_prior.float().split(CHUNK), strict=True)
        )
        log_pi = gather_actions(torch.cat(list(log_policies)).double(), sequences).sum(1)
    log_p, pi = gather_actions(log_prior, sequences).sum(1), log_pi.exp()
    assert pi.sum().item() == pytest.approx(1.0, abs=1e-4)
    j = (pi @ (rewards(sequences, DEFAULT_WEIGHTS) / c + log_p - log_pi)).item()
    assert exact.log_z - 0.05 < j <= exact.log_z + 1e-4


def test_the_copy_learns_to_remember_but_never_opens_its_forget_gate() -> None:
    """The gate without a slope stays shut; recurrent weights leave zero."""
    lstm = tuned("psi", 1.0, updates=3).network.lstm
    _, recurrent, bias, _ = lstm.all_weights[0]
    hidden = lstm.hidden_size
    assert bias[hidden : 2 * hidden].tolist() == [SHUT] * hidden
    assert recurrent[:hidden].abs().max() > 1e-3


@pytest.mark.slow
def test_q_finds_the_best_sequence() -> None:
    """Acting greedily on Q gives the x with the largest log p(x) + R(x)/c."""
    c = 0.5
    best = top_sequences(mini_task(DEFAULT_WEIGHTS).solve(c).log_policy, 1)
    network = tuned("q", c, updates=250, lambda_=0.0).network
    with torch.no_grad():
        greedy = outputs(network, best, space=Mini).logits.argmax(-1)
    assert text(greedy[0]) == text(best[0])
