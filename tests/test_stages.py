"""Stages: when each ends, what holds then, what is said of one that is never reached, and what no stage can be."""

from dataclasses import replace

import pytest

from seqtutor_core.errors import SettingError
from seqtutor_core.stages import Stage
from seqtutor_core.tuning import iterate, tune
from seqtutor_core.tuning.curriculum import Curriculum
from tests.test_few_calls import BOTH, tuner_of


def test_stages_go_by_reward_and_by_calls() -> None:
    stages = (Stage({"close": 1.0}, calls=10), Stage({"rise": 1.0}, until=-100.0, kl_coefficient=2.0))
    tuner = tuner_of(calls=40, stages=stages)
    assert tuner.objective.weights == {"rise": 0.0, "close": 1.0}
    seen, messages = [], []
    for progress in tune(tuner):
        seen.append((dict(progress.steering.objective.weights), progress.steering.objective.c))
        messages.append(progress.message)
    changes = [one for one, before in zip(seen, [None, *seen], strict=False) if one != before]
    assert changes == [({"rise": 0.0, "close": 1.0}, 1.0), ({"rise": 1.0, "close": 0.0}, 2.0), (BOTH, 1.0)]
    assert any("stage 1 ended after" in each and "its 10 calls were used; stage 2 of 2" in each for each in messages)
    assert not tuner.curriculum.unreached


def test_each_stage_counts_its_own_calls() -> None:
    tuner = tuner_of(calls=100, stages=(Stage({"close": 1.0}, calls=10), Stage({"rise": 1.0}, calls=20)))
    progress, curriculum = iterate(tuner), Curriculum(tuner.config)

    def ended(calls: int) -> bool:
        counters = replace(progress.counters, calls=calls)
        return bool(curriculum.advance(replace(progress, counters=counters)))

    assert [calls for calls in (9, 10, 11, 29, 30, 31, 90) if ended(calls)] == [10, 30]


def test_a_stage_that_is_never_reached_is_told() -> None:
    tuner = tuner_of(calls=30, stages=(Stage({"close": 1.0}, until=1000.0),))
    *_, last = tune(tuner)
    assert last.counters.calls == 30
    assert "stage 1 of 1, whose mean reward of 1000 was not reached; the highest was" in tuner.curriculum.unreached


def test_a_run_resumes_in_its_stage() -> None:
    stages = (Stage({"close": 1.0}, calls=10), Stage({"rise": 1.0}, calls=1000))
    tuner, other = (tuner_of(calls=70, stages=stages) for _ in range(2))
    for _ in range(4):
        iterate(tuner)
    other.load_state_dict(*tuner.state_dict())
    assert other.curriculum.number == 1
    assert other.objective == tuner.objective


def test_a_stage_is_what_its_text_says() -> None:
    stage = Stage.of("qed=40, validity=20  until=45,calls=2000, kl=0.5")
    assert stage == Stage({"qed": 40, "validity": 20}, 45, 2000, 0.5)
    assert Stage.of(str(stage)) == stage


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("qed=40", "a stage ends at a reward or after a number of calls"),
        ("calls=100", "every weight of a stage is 0"),
        ("qed=40 calls=many", "calls must be a whole number from 1 to 10000000; got 'many'"),
        ("qed calls=100", "'qed' is not NAME=VALUE"),
        ("qed=40 calls=0.5", "calls must be a whole number"),
        ("qed=40 calls=10 kl=-1", "a KL coefficient of -1"),
    ],
)
def test_absurd_stages_are_refused(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Stage.of(text)


def test_a_stage_names_only_terms_that_there_are() -> None:
    with pytest.raises(SettingError, match="no reward term named qed"):
        tuner_of(stages=(Stage({"qed": 1.0}, calls=10),))
