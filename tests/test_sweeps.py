"""Sweeps: what a file may ask for, how points become runs, what is left when a command ends, and what it goes on with.

Runs are done in this process, at the moment they are started, but where a test says otherwise.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqtutor_core.cli.main import main
from seqtutor_core.errors import InputError, RunError, SettingError
from seqtutor_core.runs import launcher
from seqtutor_core.runs.index import all_run_info
from seqtutor_core.runs.locks import RUN_LOCK, acquire
from seqtutor_core.runs.store import Run, all_runs, open_run
from seqtutor_core.runs.tags import run_tags
from seqtutor_core.sweeps import driver as driver_module
from seqtutor_core.sweeps.driver import MOST_INTERRUPTIONS, Driver
from seqtutor_core.sweeps.folder import DONE, FAILED, OPEN, Point, SweepFolder, all_sweeps, open_sweep
from seqtutor_core.sweeps.launchers import LocalLauncher
from seqtutor_core.sweeps.plan import Plan, parse_plan, read_plan
from seqtutor_core.sweeps.progress import best_points, progress
from seqtutor_core.sweeps.pruning import is_behind, objective_key
from seqtutor_core.sweeps.study import JOURNAL, Study
from tests.running import execute, tiny_prior

BASE = """
domain = "melody"
prior = "PRIOR"
rewards = "none"
weights = { key = 1.0, motif = 1.0 }
updates = 2
device = "cpu"
settings.length = 16
overrides = { batch = 8, minibatch = 8, replay_steps = 512 }
"""
GRID = '[search.grid]\nkl_coefficient = [2, 4]\nlearner = ["g", "trajectory_balance"]\n'
STUDY = """[search]
points = 6
aims = ["j", "distinct"]
[search.ranges]
kl_coefficient = { log = [1, 8] }
weights.motif = { uniform = [0, 5] }
learner = { categorical = ["g", "psi"] }
seed = { int = [0, 9] }
"""


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_prior(tmp_path_factory.mktemp("priors"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def write(tmp_path: Path, prior: Path) -> Callable[..., Path]:
    """A sweep's file with the search that is given."""

    def written(search: str, name: str = "some", more: str = "") -> Path:
        path = tmp_path / f"{name}.toml"
        path.write_text(BASE.replace("PRIOR", str(prior)) + more + search)
        return path

    return written


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are done in this process."""
    monkeypatch.setattr(launcher, "launch", execute)
    monkeypatch.setattr(driver_module, "EVERY", 0.01)


def driven(plan: Plan, slots: int = 1) -> tuple[Driver, list[Point]]:
    """A driver, and the points that it reports."""
    reported: list[Point] = []
    return Driver(plan, open_sweep(plan), LocalLauncher(slots), reported.append), reported


# ---------------------------------------------------------------- what a file may ask for


def test_a_grid_is_the_product_of_its_values_over_the_settings_of_tune(write: Callable[..., Path]) -> None:
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


# ---------------------------------------------------------------- points are runs


def test_every_point_is_an_ordinary_run_and_the_best_are_named(
    write: Callable[..., Path], here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", str(write(GRID)), "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    runs = {run.id: run for run in all_runs()}
    assert {row["run"] for row in found["points"]} == set(runs) and len(runs) == 4
    assert all(run_tags(run) == ("some",) and run.state == "finished" for run in runs.values())
    for row in found["points"]:
        config, info = runs[row["run"]].config, next(i for i in all_run_info() if i.id == row["run"])
        assert (config.kl_coefficient, config.learner) == (row["kl_coefficient"], row["learner"])
        assert (info.reward, info.kl, info.j) == (row["reward"], row["kl"], row["j"])
    assert found["best"] and set(found["best"]) <= set(runs)
    assert "4 of 4 points done" in err and "left" in err
    plot = Path(found["frontier"]).read_text()
    assert all(run in plot for run in runs) and 'src="http' not in plot
    assert main(["sweep", str(write(GRID))]) == 0, "the same again"
    assert len(all_runs()) == 4, "points that are done are not repeated"
    assert found["best"][0] in capsys.readouterr().out


def test_an_interrupted_sweep_goes_on_with_what_is_missing(
    write: Callable[..., Path], here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = read_plan(write(GRID))
    driver, reported = driven(plan)
    while len(reported) < 2:
        driver.step()
    cut = [each.run for each in driver.living]  # the third has begun
    for each in driver.living:
        os.close(each.lock)  # as the system does when the command is killed
    assert len(cut) == 1
    cut[0].write_status(replace(cut[0].status, state="running", summary=None, handed=True))  # and its worker with it
    assert cut[0].state == "interrupted"
    before = {run.id for run in all_runs()}
    assert len(before) == 3
    driver, again = driven(plan)
    driver.run()
    assert len(again) == 2 and {point.number for point in (*reported, *again)} == {0, 1, 2, 3}
    assert cut[0].state == "finished" and cut[0].id in {point.run for point in again}
    assert len(all_runs()) == 4


def test_a_point_that_fails_is_tried_once_more_and_then_told(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[str] = []

    def launch(run: Run) -> None:
        tried.append(run.id)
        if run.config.learner == "g" and (run.config.kl_coefficient == 2 or tried.count(run.id) == 1):
            run.write_status(replace(run.status, state="failed", error="out of luck"))
        else:
            execute(run)

    monkeypatch.setattr(launcher, "launch", launch)
    assert main(["sweep", str(write(GRID)), "--json"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [row["state"] for row in found["points"]] == [FAILED, DONE, DONE, DONE]
    assert sorted(tried.count(run.id) for run in all_runs()) == [1, 1, 2, 2]
    assert "failed: out of luck" in err and found["failed"] == 1
    assert found["points"][0]["why"] == "out of luck" and found["points"][2]["why"] == ""


def test_a_run_whose_worker_cannot_start_costs_its_point_alone(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def launch(run: Run) -> None:
        if run.config.kl_coefficient == 2:
            run.write_status(replace(run.status, state="failed", error="no memory"))
            raise RunError("its worker ended at once")
        execute(run)

    monkeypatch.setattr(launcher, "launch", launch)
    driver, reported = driven(read_plan(write("[search.grid]\nkl_coefficient = [2, 4]\n")))
    driver.run()
    assert [(point.state, point.failures) for point in reported] == [(FAILED, 2), (DONE, 0)]


def test_a_point_whose_worker_vanishes_every_time_is_given_up(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(run: Run) -> None:
        run.write_status(replace(run.status, state="running", handed=True))

    monkeypatch.setattr(launcher, "launch", vanish)
    driver, reported = driven(read_plan(write("[search.grid]\nseed = [1]\n")))
    driver.run()
    assert [(p.state, p.interruptions) for p in reported] == [(FAILED, MOST_INTERRUPTIONS)]
    assert "vanished" in reported[0].why


def test_ctrl_c_stops_the_runs_and_the_same_command_goes_on(
    write: Callable[..., Path], here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(run: Run) -> None:
        run.write_status(replace(run.status, state="stopped", message="stopped"))
        raise KeyboardInterrupt

    file = write("[search.grid]\nseed = [1, 2]\n")
    with monkeypatch.context() as patched:
        patched.setattr(launcher, "launch", interrupted)
        assert main(["sweep", str(file)]) == 130
    assert [run.state for run in all_runs()] == ["stopped"]
    assert main(["sweep", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in found["points"]] == [DONE, DONE] and len(all_runs()) == 2


def test_two_commands_share_a_sweep_and_no_point_is_done_twice(write: Callable[..., Path], here: None) -> None:
    plan = read_plan(write(STUDY))
    (one, its), (other, others) = driven(plan), driven(plan)
    while one.step() | other.step():
        pass
    assert len(its) + len(others) == plan.search.size == len(all_runs())
    assert its and others
    assert sorted(p.number for p in (*its, *others)) == list(range(plan.search.size))


def test_a_folder_of_another_file_is_left_alone(write: Callable[..., Path], here: None) -> None:
    driver, _ = driven(read_plan(write(STUDY)))
    driver.step()
    open_sweep(read_plan(write(STUDY.replace("points = 6", "points = 7"))))  # more of the same
    with pytest.raises(SettingError, match=r"belongs to a file that asked for something else, and has 1 points"):
        open_sweep(read_plan(write(GRID)))
    assert [sweep.name for sweep in all_sweeps()] == ["some"]


def test_a_deleted_run_is_not_missed_and_a_damaged_record_is_named(write: Callable[..., Path], here: None) -> None:
    plan = read_plan(write("[search.grid]\nseed = [1, 2]\n"))
    driver, _ = driven(plan)
    driver.run()
    folder = open_sweep(plan)
    (open_run(folder.point(0).run).folder / "config.json").unlink()
    driver, again = driven(plan)
    driver.run()
    assert not again and folder.point(0).figures["reward"] is not None
    (folder.path / "points" / "0001.json").write_text('{"number": ')
    with pytest.raises(SettingError, match=r"0001.json is damaged .* or delete the sweep's folder"):
        driven(plan)


def test_a_full_disk_ends_the_sweep_with_words(
    write: Callable[..., Path], here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: SweepFolder, point: Point) -> None:
        raise OSError(28, "No space left on device", str(self.path))

    file = write(GRID)
    with monkeypatch.context() as patched:
        patched.setattr(SweepFolder, "write", full)
        assert main(["sweep", str(file)]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert main(["sweep", str(file)]) == 0


# ---------------------------------------------------------------- studies


def test_a_study_draws_within_its_ranges_and_learns_of_every_figure(write: Callable[..., Path], here: None) -> None:
    plan = read_plan(write(STUDY))
    driver, reported = driven(plan)
    driver.run()
    assert len(reported) == 6
    for point in reported:
        values = point.values
        assert 1 <= values["kl_coefficient"] <= 8 and 0 <= values["weights.motif"] <= 5
        assert values["learner"] in ("g", "psi") and values["seed"] in range(10)
        assert open_run(point.run).config.weights["motif"] == values["weights.motif"]
    assert driver.study is not None
    trials = driver.study.study.get_trials()
    told = [[point.figures["j"], point.figures["distinct"]] for point in sorted(reported, key=lambda p: p.number)]
    assert [trial.values for trial in trials] == told


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


def test_a_point_below_the_median_is_stopped_and_keeps_its_figures(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    def launch(run: Run) -> None:
        execute(run)
        if run.config.seed == 3:  # now it looks as if it were halfway, far below the others
            lines = [{**line, "j": -1e9} for line in run.curves()[0] if line["update"] == 1]
            (run.folder / "metrics.jsonl").write_text(json.dumps(lines[0]) + "\n")
            held.append(acquire(run.folder / RUN_LOCK) or 0)
            run.write_status(replace(run.status, state="running"))

    monkeypatch.setattr(launcher, "launch", launch)
    monkeypatch.setattr(driver_module, "NEWS", 0.0)
    driver, reported = driven(read_plan(write("[search]\nprune = true\n[search.grid]\nseed = [0, 1, 2, 3]\n")))
    while not held:
        driver.step()
    driver.step()
    run = driver.living[0].run
    assert '"stop": true' in (run.folder / "controls.jsonl").read_text()
    run.write_status(replace(run.status, state="stopped"))
    os.close(held[0])
    driver.run()
    assert [(point.number, point.pruned) for point in reported] == [(0, False), (1, False), (2, False), (3, True)]
    assert all(point.state == DONE and point.figures["j"] is not None for point in reported)


def test_only_points_of_one_objective_are_compared(write: Callable[..., Path]) -> None:
    plan = read_plan(write(GRID))
    one = plan.config({"seed": 1, "learner": "g"})
    assert objective_key(one) == objective_key(plan.config({"seed": 2, "learner": "psi", "updates": 9}))
    for values in ({"kl_coefficient": 2}, {"weights.motif": 2}, {"settings.length": 32}):
        assert objective_key(one) != objective_key(plan.config(values))
