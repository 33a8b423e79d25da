"""What a sweep's file may ask for, where a study's points lie, which are best, and which are stopped early."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqtutor_core.errors import InputError, SettingError
from seqtutor_core.sweeps.folder import DONE, FAILED, OPEN, Point
from seqtutor_core.sweeps.plan import parse_plan, read_plan
from seqtutor_core.sweeps.progress import best_points, progress
from seqtutor_core.sweeps.pruning import is_behind, objective_key
from seqtutor_core.sweeps.study import JOURNAL, Study
from tests.running import tiny_prior
from tests.sweeping import GRID, STUDY, Write, writer


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return writer(tmp_path, tiny_prior(tmp_path))


# ---------------------------------------------------------------- what a file may ask for


def test_a_grid_is_the_product_of_its_values_over_the_settings_of_tune(write: Write) -> None:
    plan = read_plan(write(GRID + "weights.key = [0.5]\n"))
    plan.check()
    points = [plan.config(plan.grid_point(number)) for number in range(plan.search.size)]
    chosen = [(p.kl_coefficient, p.learner, dict(p.weights)) for p in points]
    weights = {"key": 0.5, "motif": 1.0}
    assert chosen == [(c, learner, weights) for c in (2, 4) for learner in ("g", "trajectory_balance")]
    assert points[0].settings == {"length": 16}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("domain = [", "is no TOML"),
        ('domain = "melody"\n', r"no table \[search\]"),
        ('domain = "opera"\n[search.grid]\nseed = [1]', "no domain named 'opera'"),
        ('domain = "melody"\nspeed = 3\n[search.grid]\nseed = [1]', "no setting named 'speed'"),
        ('domain = "melody"\n[search]\nspeed = 3', r"no setting of \[search\] named speed"),
        ('domain = "melody"\n[search]\npoints = 3', "either a grid or ranges"),
        ('domain = "melody"\n[search.grid]\nseed = []', "is empty"),
        ('domain = "melody"\n[search.grid]\nseed = [1, 1]', "twice"),
        ('domain = "melody"\n[search.grid]\nkl_coefficient = [nan]', "finite number"),
        ('domain = "melody"\n[search.grid]\nseed = [[1]]', "a number, a text"),
        ('domain = "melody"\n[search.grid]\nc = [1]', "no setting named 'c' that can vary"),
        ('domain = "melody"\n[search.grid]\nweights.moti = [1]', "no reward term named moti"),
        ('domain = "melody"\n[search.grid]\nweights = [1]', "weights needs a name"),
        ('domain = "melody"\n[search.grid]\nseed = [1, "x"]', "at seed = x: seed must be a whole number"),
        ('domain = "melody"\nprior = "nowhere"\n[search.grid]\nseed = [1]', "no prior named 'nowhere'"),
        ('domain = "melody"\n[search]\n[search.ranges]\nseed = {int = [1, 2]}', "points must be a whole number"),
        ('domain = "melody"\n[search]\npoints = 2000\n[search.ranges]\nseed = {int = [1, 2]}', "from 1 to 1000"),
        ('domain = "melody"\n[search]\npoints = 2\n[search.ranges]\nseed = {int = [2, 1]}', "in this order"),
        ('domain = "melody"\n[search]\npoints = 2\n[search.ranges]\nseed = {log = [0, 1]}', "lies above 0"),
        ('domain = "melody"\n[search]\npoints = 2\n[search.ranges]\nseed = {of = [0, 1]}', "no kind of range"),
        ('domain = "melody"\n[search]\npoints = 2\n[search.ranges]\nkl_coefficient = {log = [1, 1e9]}', "1000000000"),
        ('domain = "melody"\n[search]\naims = ["speed"]\n[search.grid]\nseed = [1]', "choose one of reward, kl"),
        (
            'domain = "melody"\n[search]\npoints = 9\nprune = true\n[search.ranges]\nkl_coefficient = {log = [1, 8]}',
            "J",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(Exception, match=words) as refused:
        parse_plan("some", text).check()
    assert type(refused.value).__module__ == "seqtutor_core.errors"


def test_a_grid_of_a_million_points_is_refused_at_once() -> None:
    values = list(range(1, 1001))
    with pytest.raises(SettingError, match=r"1,000,000 points and a sweep at most 1,000"):
        parse_plan("some", f'domain = "melody"\n[search.grid]\nseed = {values}\nkl_coefficient = {values}')


def test_a_file_that_is_none_and_a_name_that_is_no_tag_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_plan(tmp_path)
    (tmp_path / "data.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        read_plan(tmp_path / "data.toml")
    with pytest.raises(SettingError, match="rename the file"):
        parse_plan("a name with blanks", "")


# ---------------------------------------------------------------- studies


def study_of(folder: Path, points: list[Point]) -> Study:
    return Study(parse_plan("some", 'domain = "melody"\n' + STUDY), folder, points)


def ended(number: int, values: dict[str, Any]) -> Point:
    return Point(number, values, state=DONE, figures={"j": float(number), "distinct": 0.5})


def test_a_journal_that_was_cut_short_is_made_anew_from_the_points(tmp_path: Path) -> None:
    study = study_of(tmp_path, [])
    points = []
    for number in range(4):
        points.append(ended(number, study.ask(number)))
        study.tell(points[-1])
    drawn = study.ask(4)
    journal = tmp_path / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-40] + b"\n{}\n")
    assert study_of(tmp_path, points).ask(4) == drawn
    journal.unlink()
    again = study_of(tmp_path, [*points, Point(4, drawn)])
    assert [trial.values for trial in again.study.get_trials()] == [*([p.figures["j"], 0.5] for p in points), None]


def test_a_point_without_a_figure_has_failed_for_the_study(tmp_path: Path) -> None:
    study = study_of(tmp_path, [])
    study.tell(replace(ended(0, study.ask(0)), figures={"j": 1.0, "distinct": None}))
    study.tell(replace(ended(1, study.ask(1)), state=FAILED))
    assert [trial.state.name for trial in study.study.get_trials()] == ["FAIL", "FAIL"]


# ---------------------------------------------------------------- figures


def point(number: int, reward: float, kl: float, **changes: Any) -> Point:
    figures: dict[str, float | None] = {"reward": reward, "kl": kl, "j": reward - kl}
    return replace(Point(number, {}, state=DONE, figures=figures, began=10.0, ended=14.0), **changes)


def test_the_best_are_those_that_none_exceeds() -> None:
    points = [point(0, 5, 2), point(1, 4, 2), point(2, 4, 1), point(3, 9, 9, state=FAILED), point(4, 5, 2)]
    assert [p.number for p in best_points(points, ("reward", "kl"))] == [0, 4, 2]
    assert [p.number for p in best_points(points, ("j",))] == [0, 2, 4, 1]
    assert [p.number for p in best_points(points, ("kl", "reward"))] == [2, 0, 4]


def test_the_time_left_follows_from_the_points_that_are_done() -> None:
    points = [point(0, 1, 1), point(1, 1, 1, ended=16.0), point(2, 1, 1, state=OPEN, run="r")]
    found = progress(points, size=7, slots=2)
    assert (found.done, found.living, found.seconds_left) == (2, 1, 15.0)
    assert found.sentence == "2 of 7 points done, 1 running, about 15 s left"
    assert progress([], 7, 2).seconds_left is None


def test_a_point_is_behind_when_its_best_is_below_the_median_of_the_others_by_then() -> None:
    others = [[(0.2, 1.0), (0.5, j), (0.9, 99.0)] for j in (2.0, 3.0, 4.0)]
    assert is_behind([(0.3, 2.5), (0.6, 2.9)], others)
    assert not is_behind([(0.3, 3.1), (0.6, 0.0)], others), "its best so far counts"
    assert not is_behind([(0.3, 0.0)], others), "too early"
    assert not is_behind([(0.6, 0.0)], others[:2]), "too few to compare with"


def test_only_points_of_one_objective_are_compared(write: Write) -> None:
    plan = read_plan(write(GRID))
    one = plan.config({"seed": 1, "learner": "g"})
    assert objective_key(one) == objective_key(plan.config({"seed": 2, "learner": "psi", "updates": 9}))
    for values in ({"kl_coefficient": 2}, {"weights.motif": 2}, {"settings.length": 32}):
        assert objective_key(one) != objective_key(plan.config(values))
