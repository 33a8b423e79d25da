"""The KL budget: the rule that moves c, and that a run ends where it was told to stay."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from seqtutor_core.config import Change, TuningConfig
from seqtutor_core.domains.melody import Melody
from seqtutor_core.errors import SettingError
from seqtutor_core.runs.steering import ControlReader, append_change
from seqtutor_core.tuning import Tuner, tune
from seqtutor_core.tuning.adaptive_kl import DAMPING, GAIN, LARGEST_STEP, AdaptiveKL
from tests.tiny import Tiny, fitting, tiny_prior, tiny_tuner

ONES = {"rise": 1.0, "close": 1.0}


def budgeted(learner: str, updates: int, budget: float, c: float, domain: Tiny | None = None) -> Tuner:
    small = {"batch": 64, "minibatch": 64, "replay_steps": 4096, "learning_rate": 5e-3}
    small = fitting(learner, small)
    config = TuningConfig("tiny", "tiny", learner, "default", ONES, c, 60.0, updates, budget, overrides=small)
    return Tuner(config, domain or Tiny(), tiny_prior())


def moved(c: float, kl: float, before: float, target_kl: float) -> float:
    """The coefficient after rollouts of these two KLs."""
    adaptive = AdaptiveKL(target_kl)
    adaptive.update(1.0, before)
    return adaptive.update(c, kl)


# ---------------------------------------------------------------- the rule


def test_c_by_hand() -> None:
    """A tenth too much and steady; as much and rising by a tenth; on the budget and steady."""
    assert moved(4.0, 8.8, 8.8, 8.0) == pytest.approx(4.0 * math.exp(0.1 * GAIN))
    assert moved(4.0, 4.4, 4.0, 8.0) == pytest.approx(4.0 * math.exp(-0.45 * GAIN + 0.05 * DAMPING))
    assert moved(4.0, 8.0, 8.0, 8.0) == 4.0


def test_a_rollout_moves_c_by_a_tenth_at_most() -> None:
    assert moved(4.0, 1e6, 0.0, 8.0) == pytest.approx(4.0 * math.exp(LARGEST_STEP))
    assert moved(4.0, 0.0, 1e6, 8.0) == pytest.approx(4.0 * math.exp(-LARGEST_STEP))


def test_c_keeps_within_what_a_slider_may_set() -> None:
    assert moved(999.0, 50.0, 0.0, 8.0) == 1000.0
    assert moved(0.0101, 0.0, 0.0, 8.0) == 0.01


# ---------------------------------------------------------------- runs


@pytest.mark.parametrize("learner", ["psi", "rloo"])
@pytest.mark.slow
@pytest.mark.parametrize(("budget", "c"), [(1.0, 4.0), (0.4, 0.3)])
def test_a_run_ends_within_its_budget(learner: str, budget: float, c: float) -> None:
    """From a c that would have led to a third of the KL, and from one that would have led to three times as much."""
    seen = list(tune(budgeted(learner, 180, budget, c)))
    assert seen[0].steering.objective.c == c and seen[0].steering.kl_budget == budget
    last = [p.metrics.kl for p in seen[-40:]]
    assert sum(last) / len(last) == pytest.approx(budget, rel=0.15)
    for p in seen[-3:]:
        assert p.metrics.j == pytest.approx(p.metrics.reward / p.steering.objective.c - p.metrics.kl, abs=1e-4)


def test_without_a_budget_c_stays() -> None:
    assert {p.steering.objective.c for p in tune(tiny_tuner("psi", 5, ONES, c=0.5))} == {0.5}


def test_a_budget_is_steered_while_the_run_lives() -> None:
    script = {2: Change(kl_budget=0.5), 5: Change(kl_budget=0.0)}
    polls = iter(range(100))
    seen = list(tune(tiny_tuner("psi", 9, ONES), lambda: [script[n]] if (n := next(polls)) in script else []))
    assert [p.steering.kl_budget for p in seen] == [None] * 2 + [0.5] * 3 + [None] * 4
    c = [p.steering.objective.c for p in seen]
    assert c[0] == c[2] == 1.0  # a rollout is judged first
    assert all(before != after for before, after in pairwise(c[2:6]))  # then c moves after each
    assert len(set(c[5:])) == 1  # and stays where the budget left it


def test_resumed_keeps_c_and_its_way() -> None:
    whole = [p.steering.objective.c for p in tune(budgeted("rloo", 10, 0.5, 1.0))]
    first = budgeted("rloo", 10, 0.5, 1.0)
    steps = tune(first)
    for _ in range(4):
        next(steps)
    first.apply(Change(kl_budget=0.5))
    tensors, plain = first.state_dict()
    second = budgeted("rloo", 10, 3.0, 1.0)  # what was steered since holds, not what the run began with
    second.load_state_dict(tensors, json.loads(json.dumps(plain)))
    assert [p.steering.objective.c for p in tune(second)] == whole[4:]


def test_the_value_head_moves_with_c_where_all_is_paid_at_the_end() -> None:
    """V lies near R / c there, so c falling from 1 to 0.9 raises it by R (1 / 0.9 - 1)."""

    class Late(Tiny):
        terminal_reward = slow_scoring = True

    tuner = budgeted("psi", 3, 1.0, 1.0, Late())
    tuner.learning_rate = 1e-9
    first = next(tune(tuner))
    bias = tuner.network.value.bias.item()
    assert tuner.objective.c < 1.0
    assert bias == pytest.approx(float(tuner.objective.reward(first.sums).median()) / tuner.objective.c, rel=1e-4)
    assert tuner.value_offset.offset == pytest.approx(bias, rel=1e-4)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("wrong", [0, 0.0, -3.0, math.nan, math.inf, 1001.0, "8"])
def test_impossible_budgets_are_refused(wrong: Any) -> None:
    with pytest.raises(SettingError, match=r"a KL budget of .* choose more than 0, up to 1000"):
        TuningConfig("tiny", "tiny", kl_budget=wrong)
    if wrong != 0:  # which ends a budget
        with pytest.raises(SettingError, match="KL budget"):
            Change(kl_budget=wrong)


def test_a_budget_is_asked_for_in_the_controls(tmp_path: Path) -> None:
    path = tmp_path / "controls.jsonl"
    wanted = [Change(kl_budget=6.0), Change(kl_budget=0.0)]
    for change in wanted:
        append_change(path, change)
    with open(path, "a") as file:
        file.write('{"kl_budget": "much"}\n')
    reader = ControlReader(path, Melody().terms)
    assert reader.read() == wanted
    assert "a KL budget of 'much'" in reader.errors[0]
