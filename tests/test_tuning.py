"""The tuning loop: its figures, its steering, its budget, its checkpoints, and what it refuses."""

import json
import math
import weakref
from typing import Any

import pytest
import torch

from seqtutor_core.config import Change, TuningConfig, resolve_device
from seqtutor_core.errors import SettingError
from seqtutor_core.evaluation import evaluate
from seqtutor_core.objective import Objective
from seqtutor_core.replay import Batch
from seqtutor_core.tuning import Tuner, iterate, schedules, tune
from seqtutor_core.tuning.optim import Loss
from tests.tiny import Tiny, all_sequences, log_probabilities, outputs, tiny_prior, tiny_tuner

ONES = {"rise": 1.0, "close": 1.0}
PRIOR = tiny_prior()


def test_figures_are_what_they_say() -> None:
    """KL, entropy and J of a policy against sums over all 81 sequences."""
    tuner = tiny_tuner("psi", updates=60, weights=ONES, c=0.5)
    list(tune(tuner))
    log_p, log_pi = log_probabilities(tuner)
    reward = Tiny().score(all_sequences()).sum((1, 2))
    found = evaluate(tuner.policy, Objective(Tiny(), ONES, 0.5), 20_000)
    pi = log_pi.exp()
    assert found["kl"] == pytest.approx((pi * (log_pi - log_p)).sum().item(), abs=0.03)
    assert found["entropy"] == pytest.approx(-(pi * log_pi).sum().item() / 4, abs=0.03)
    assert found["reward"] == pytest.approx((pi * reward).sum().item(), abs=0.05)
    assert found["j"] == pytest.approx(found["reward"] / 0.5 - found["kl"])


def test_progress_adds_up() -> None:
    progress = list(tune(tiny_tuner("g", updates=12, weights={"rise": 2.0, "close": 0.5}, c=2.0)))
    assert [p.counters.update for p in progress] == list(range(1, 13))
    assert progress[-1].counters.environment_steps == 12 * 64 * 4
    for p in progress:
        m = p.metrics
        assert m.reward == pytest.approx(2.0 * m.terms["rise"] + 0.5 * m.terms["close"], rel=1e-5)
        assert m.j == pytest.approx(m.reward / 2.0 - m.kl, abs=1e-4)
        assert m.kl_per_token == pytest.approx(m.kl / 4)
        assert 0 < m.distinct <= 1


def test_same_seed_same_numbers() -> None:
    one, two = (list(tune(tiny_tuner("psi", updates=8, weights=ONES))) for _ in range(2))
    assert [p.metrics.j for p in one] == [p.metrics.j for p in two]
    assert torch.equal(one[-1].tokens, two[-1].tokens)


def test_resumed_is_as_if_never_stopped() -> None:
    whole = tiny_tuner("psi", updates=14, weights=ONES)
    list(tune(whole))
    first = tiny_tuner("psi", updates=14, weights=ONES)
    steps = tune(first)
    for _ in range(6):
        next(steps)
    second = tiny_tuner("psi", updates=14, weights=ONES)
    second.load_state_dict(*first.state_dict())
    list(tune(second))
    pairs = zip(whole.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_steering_pausing_and_stopping() -> None:
    script = {
        3: Change(weights={"close": 3.0}),
        5: Change(kl_coefficient=9.0, learning_rate=1e-4),
        6: Change(pause=True),
        8: Change(pause=False),
        10: Change(stop=True),
    }
    polls = iter(range(100))
    seen = list(tune(tiny_tuner("psi", 50, ONES), lambda: [script[n]] if (n := next(polls)) in script else []))
    assert [p.paused for p in seen] == [False] * 6 + [True] * 2 + [False] * 2
    assert seen[3].steering.objective.weights == {"rise": 0.0, "close": 3.0}
    assert (seen[5].steering.objective.c, seen[5].steering.learning_rate) == (9.0, 1e-4)
    assert seen[7].counters.update == seen[5].counters.update == 6


def test_out_of_memory_halves_the_batch_and_says_so() -> None:
    tuner = tiny_tuner("psi", 3, ONES, batch=64)
    sample, allocated = tuner.sampler.sample, list[weakref.ref[torch.Tensor]]()

    def scarce(n: int, epsilon: float | None) -> Any:
        assert all(each() is None for each in allocated), "what a failed attempt allocated is still there"
        if n > 16:
            tensor = torch.zeros(n)
            allocated.append(weakref.ref(tensor))
            try:
                raise torch.OutOfMemoryError("CUDA out of memory")
            except torch.OutOfMemoryError as error:
                held = error  # refers to this frame by its traceback, and the frame to it
                raise held from None
        return sample(n, epsilon)

    tuner.sampler.sample = scarce  # type: ignore[method-assign]
    first, *rest = tune(tuner)
    assert tuner.batch == 16
    assert "16 sequences" in first.message
    assert all(p.message == "" for p in rest)


class Slow(Tiny):
    """The tiny task, as if other processes found its scores."""

    slow_scoring = True

    def __init__(self) -> None:
        self.events: list[str] = []

    def score(self, tokens: torch.Tensor, lengths: torch.Tensor | None = None, only: object = None) -> torch.Tensor:
        self.events.append("score")
        return super().score(tokens)


def slow_tuner(learner: str, updates: int) -> Tuner:
    small = {"batch": 64, "minibatch": 64}
    return Tuner(TuningConfig("tiny", "tiny", learner, weights=ONES, updates=updates, overrides=small), Slow(), PRIOR)


def test_the_next_rollout_is_sampled_before_slow_scores_are_waited_for() -> None:
    """Nothing but the time depends on it: sampled later, the rollouts and all that is learned are the same."""

    def job(ahead: bool) -> tuple[list[float], list[str]]:
        tuner = slow_tuner("trajectory_balance", 4)
        sample, events = tuner.sampler.sample, tuner.domain.events  # type: ignore[attr-defined]

        def noted(n: int, epsilon: float | None) -> Any:
            events.append("sample")
            return sample(n, epsilon)

        tuner.sampler.sample = noted  # type: ignore[method-assign]
        if not ahead:
            tuner.sampler.sample_ahead = lambda n, epsilon: None  # type: ignore[method-assign]
        return [p.metrics.j for p in tune(tuner)], events

    (sooner, first), (later, second) = job(True), job(False)
    assert first == ["sample", *["sample", "score"] * 3, "score"]
    assert second == ["sample", "score"] * 4
    assert sooner == later


def test_a_run_that_sampled_ahead_goes_on_as_if_never_stopped() -> None:
    whole = [p.metrics.j for p in tune(slow_tuner("rloo", 6))]
    first, second = (slow_tuner("rloo", 6) for _ in range(2))
    begun = [iterate(first).metrics.j for _ in range(3)]
    assert first.sampler.ahead is not None
    tensors, plain = first.state_dict()
    second.load_state_dict(tensors, json.loads(json.dumps(plain)))
    assert begun + [p.metrics.j for p in tune(second)] == whole


def test_other_errors_are_not_taken_for_memory() -> None:
    tuner = tiny_tuner("psi", 3, ONES)

    def broken(n: int, epsilon: float | None) -> Any:
        raise RuntimeError("shapes do not fit")

    tuner.sampler.sample = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="shapes"):
        next(tune(tuner))


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("learner", ["q", "psi", "g"])
def test_every_learner_and_preset_runs(learner: str, preset: str) -> None:
    small = {"batch": 8, "minibatch": 8, "replay_steps": 512}
    config = TuningConfig("tiny", "tiny", learner, preset, ONES, updates=3, overrides=small)
    from seqtutor_core.tuning import Tuner

    *_, last = tune(Tuner(config, Tiny(), tiny_prior()))
    assert math.isfinite(last.metrics.j)


def test_the_learners_c_falls_to_what_was_asked() -> None:
    """It judges by four times c at first and by c from the middle on; what is reported is judged by c throughout."""
    tuner = tiny_tuner("rloo", 8, ONES, c=0.5, anneal=4.0)
    judged: list[float] = []
    drawn = tuner.replay.sample

    def noted(size: int, newest: int, objective: Objective, generator: torch.Generator) -> Batch:
        judged.append(objective.c)
        return drawn(size, newest, objective, generator)

    tuner.replay.sample = noted  # type: ignore[method-assign]
    seen = list(tune(tuner))
    assert judged == pytest.approx([2.0 * 4.0 ** (-update / 4) for update in range(4)] + [0.5] * 4)
    assert {p.steering.objective.c for p in seen} == {0.5}
    assert all(p.metrics.j == pytest.approx(p.metrics.reward / 0.5 - p.metrics.kl, abs=1e-4) for p in seen)


def test_on_policy_is_the_newest_rollout_and_nothing_else() -> None:
    tuner = tiny_tuner("rloo", 3, ONES, batch=16)
    learned = []
    gradient = tuner.optimizer.gradient

    def noted(batch: Batch, loss: Loss) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        learned.append(batch.tokens)
        return gradient(batch, loss)

    tuner.optimizer.gradient = noted  # type: ignore[method-assign]
    tuner.shards.pool = None  # shards in order
    for progress in tune(tuner):
        assert torch.equal(torch.cat(learned), progress.tokens)
        learned.clear()


@pytest.mark.parametrize("learner", ["trajectory_balance", "rloo"])
def test_learners_without_values_have_no_target_network(learner: str) -> None:
    tuner = tiny_tuner(learner, 3, ONES, batch=2, minibatch=2)
    before = tuner.network.value.bias.clone()
    *_, last = tune(tuner)
    assert tuner.optimizer.target is None
    assert torch.equal(tuner.network.value.bias, before)
    assert math.isfinite(last.metrics.loss) and last.metrics.loss != 0.0  # two sequences are never cut apart


def test_argmax_acting_explores_less_and_less() -> None:
    """The share of actions that are not the likeliest falls with epsilon, from 1 to 0.1 halfway; a third of what is
    explored is the likeliest again, there being three actions. The policy hardly learns, so it is known throughout."""
    tuner = tiny_tuner("q", 10, ONES, batch=1024, learning_rate=1e-9, argmax=True)
    for progress in tune(tuner):
        log_pi = outputs(tuner.prior, progress.tokens).logits
        explored = (progress.tokens != log_pi.argmax(-1)).double().mean().item()
        epsilon = max(0.1, 1 - 0.18 * (progress.counters.update - 1))
        assert explored == pytest.approx(2 / 3 * epsilon, abs=0.035)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kl_coefficient": 0.0}, "KL coefficient of 0"),
        ({"kl_coefficient": -1.0}, "KL coefficient"),
        ({"kl_coefficient": math.nan}, "KL coefficient of nan"),
        ({"seconds": 0.0}, "budget of 0"),
        ({"updates": 0}, "updates must be a whole number from 1"),
        ({"learner": "sarsa"}, "choose one of q, psi, g, trajectory_balance, rloo"),
        ({"learner": "rloo", "preset": "paper"}, "rloo is not in the paper; choose the preset default, or one of"),
        ({"overrides": {"random_primer": True}}, "no trajectory_balance setting named random_primer; there are: lear"),
        (
            {"learner": "rloo", "overrides": {"gamma": 0.9}},
            "no rloo setting named gamma; there are: learning_rate",
        ),
        ({"learner": "rloo", "overrides": {"updates": 2}}, "no rloo setting named updates"),
        ({"learner": "trajectory_balance", "overrides": {"minibatch": 1}}, "minibatch must be a whole number from 2"),
        ({"preset": "best"}, "no preset"),
        ({"weights": {"rise": math.inf}}, "weight of inf"),
        ({"overrides": {"momentum": 1}}, "momentum"),
        ({"overrides": {"batch": 0}}, "batch"),
        ({"learner": "psi", "overrides": {"gamma": 1.5}}, "gamma must be a number from 0 to 1"),
        ({"overrides": {"anneal": 0.5}}, "anneal must be a number from 1"),
        ({"overrides": {"batch": True}}, "batch must be a whole number from 1 to 100000; got True"),
        ({"overrides": ["batch"]}, "overrides must be values by name"),
        ({"seed": 10**22}, "seed must be a whole number"),
        ({"seed": None}, "seed must be a whole number"),
        ({"kl_coefficient": True}, "KL coefficient of True"),
        ({"kl_coefficient": 10**400}, "KL coefficient of 1000"),
        ({"kl_coefficient": [4]}, "KL coefficient"),
        ({"seconds": "60"}, "budget of '60' seconds"),
        ({"updates": 2.0}, "updates must be a whole number"),
        ({"primer": (14, True)}, "each of primer must be a whole number"),
        ({"primer": 14}, "primer must be a list"),
        ({"warm_start": 1}, "warm_start must be true or false"),
        ({"weights": None}, "weights must be values by name"),
        ({"weights": {"rise": True}}, "weight of True for rise"),
        ({"settings": []}, "settings must be values by name"),
        ({"learner": ["psi"]}, "no learner named"),
        ({"device": None}, "no device named None"),
        ({"device": "tpu"}, "no device named 'tpu'; choose one of auto, cpu, cuda"),
    ],
)
def test_absurd_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        TuningConfig("tiny", "tiny", **wrong)


def test_absurd_changes_are_refused() -> None:
    for wrong in ({"kl_coefficient": -2.0}, {"weights": {"rise": math.nan}}, {"learning_rate": 0.0}):
        with pytest.raises(SettingError):
            Change(**wrong)


def test_devices() -> None:
    assert resolve_device("cpu").type == "cpu"
    with pytest.raises(SettingError, match="choose auto, cpu or cuda"):
        resolve_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(SettingError, match="no CUDA device"):
            resolve_device("cuda")


# ---------------------------------------------------------------- parts


def test_schedules_by_hand() -> None:
    """At the start, a quarter, half and three quarters of the budget, and at its end."""
    along = (0.0, 0.25, 0.5, 0.75, 1.0)
    assert [schedules.learning_rate(0.4, t) for t in along] == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.02])
    assert [schedules.annealed_c(0.5, 4.0, t) for t in along] == pytest.approx([2.0, 1.0, 0.5, 0.5, 0.5])
    assert [schedules.epsilon(t) for t in along] == pytest.approx([1.0, 0.55, 0.1, 0.1, 0.1])
    assert [schedules.is_warm_start(t) for t in (0.0, 0.149, 0.15, 1.0)] == [True, True, False, False]


def test_a_line_of_metrics_is_flat_as_it_has_always_been() -> None:
    """Readers, other programs and older runs know these names, in this order."""
    names = "update environment_steps seconds steps_per_second terms reward kl kl_per_token entropy j distinct loss"
    more = "weights combination kl_coefficient kl_budget learning_rate paused figures"
    (progress,) = tune(tiny_tuner("psi", 1, ONES, c=0.5))
    line = progress.to_json()
    assert [*line] == [*names.split(), *more.split()]
    assert (line["update"], line["weights"], line["kl_coefficient"], line["kl_budget"]) == (1, ONES, 0.5, None)
    assert json.loads(json.dumps(line)) == line


# ---------------------------------------------------------------- checkpoints of older versions

# What a checkpoint of the last version with one flat Tuner held, of a psi run with a rollout behind it.
OLD_PLAIN = {
    "update": 2,
    "environment_steps": 512,
    "seconds": 0.25,
    "weights_by_name": {"rise": 1.2, "close": 0.1},
    "batch": 32,
    "learning_rate": 0.002,
    "c": 0.5,
    "kl_budget": 3.0,
    "kl_before": 0.75,
    "level": 1.5,
    "level_holds": True,
    "memory": {},
}
OLD_TENSORS = {"policy.", "target.", "optimiser.", "replay.", "generators", "recent"}


def old_checkpoint() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """In the old layout, which a run of today writes as well."""
    tuner = tiny_tuner("psi", 8, ONES)
    steps = tune(tuner)
    next(steps), next(steps)
    tensors, plain = tuner.state_dict()
    assert {name.partition(".")[0] + "." * ("." in name) for name in tensors} == OLD_TENSORS
    assert plain.keys() == {*OLD_PLAIN, "combination"}
    return tensors, OLD_PLAIN


def test_a_checkpoint_in_the_old_layout_is_taken_over() -> None:
    tensors, plain = old_checkpoint()
    tuner = tiny_tuner("psi", 8, ONES)
    tuner.load_state_dict(tensors, json.loads(json.dumps(plain)))
    assert (tuner.update, tuner.environment_steps, tuner.seconds, tuner.batch) == (2, 512, 0.25, 32)
    assert (tuner.objective.weights, tuner.objective.c, tuner.learning_rate) == (
        {"rise": 1.2, "close": 0.1},
        0.5,
        0.002,
    )
    assert (tuner.adaptive_kl.target_kl, tuner.adaptive_kl.last_kl) == (3.0, 0.75)
    assert (tuner.value_offset.offset, tuner.value_offset.settled) == (1.5, True)
    again, written = tuner.state_dict()
    assert written == {**plain, "combination": "weighted_sum"}
    assert again.keys() == tensors.keys() and all(torch.equal(again[name], tensors[name]) for name in tensors)
    assert [p.counters.update for p in tune(tuner)] == [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("name", ["optimiser.0.exp_avg", "optimiser.1.step", "replay.tokens", "replay.lengths"])
def test_a_state_of_other_shapes_is_refused_before_anything_is_learned_from_it(name: str) -> None:
    tensors, plain = old_checkpoint()
    with pytest.raises(ValueError, match="memory"):
        tiny_tuner("psi", 8, ONES).load_state_dict({**tensors, name: tensors[name].unsqueeze(0)}, plain)


def test_a_checkpoint_from_before_weights_had_names_restores() -> None:
    """It has them as a tensor in single precision, in the order of the terms, and knows neither budget nor offset."""
    tensors, plain = old_checkpoint()
    older = {name: plain[name] for name in ("update", "environment_steps", "seconds", "batch", "learning_rate", "c")}
    later = tiny_tuner("psi", 8, ONES)
    later.load_state_dict({**tensors, "weights": torch.tensor([3.0, 0.5])}, older)
    assert later.objective.weights == {"rise": 3.0, "close": 0.5}
    assert (later.adaptive_kl.target_kl, later.value_offset.offset, later.update) == (None, 0.0, 2)
