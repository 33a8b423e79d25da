"""Sweeps from their first point to their last, what is left when a command ends, and what the next goes on with.

Runs are done in this process, at the moment they are started.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from seqtutor_core.cli.main import main
from seqtutor_core.errors import RunError, SettingError
from seqtutor_core.runs import launcher
from seqtutor_core.runs.checkpoints import save_checkpoint
from seqtutor_core.runs.index import all_run_info
from seqtutor_core.runs.locks import RUN_LOCK, acquire
from seqtutor_core.runs.store import Run, all_runs, open_run
from seqtutor_core.runs.tags import run_tags
from seqtutor_core.sweeps import driver as driver_module
from seqtutor_core.sweeps.driver import MOST_INTERRUPTIONS
from seqtutor_core.sweeps.folder import DONE, FAILED, Point, SweepFolder, all_sweeps, open_sweep
from seqtutor_core.sweeps.launchers import Job, JobRefusedError, NoJob
from seqtutor_core.sweeps.plan import read_plan
from tests.running import execute, tiny_prior
from tests.sweeping import GRID, STUDY, Write, driven, writer

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_prior(tmp_path_factory.mktemp("priors"))


@pytest.fixture
def write(tmp_path: Path, prior: Path) -> Write:
    return writer(tmp_path, prior)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are done in this process."""
    monkeypatch.setattr(launcher, "launch", execute)
    monkeypatch.setattr(driver_module, "EVERY", 0.01)


# ---------------------------------------------------------------- points are runs


def test_every_point_is_an_ordinary_run_and_the_best_are_named(
    write: Write, here: None, capsys: pytest.CaptureFixture[str]
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
    write: Write, here: None, monkeypatch: pytest.MonkeyPatch
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
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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


def test_a_run_whose_worker_cannot_start_costs_its_point_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def launch(run: Run) -> None:
        if run.config.kl_coefficient == 2:
            run.write_status(replace(run.status, state="failed", error="no memory"))
            raise RunError("its worker ended at once")
        execute(run)

    monkeypatch.setattr(launcher, "launch", launch)
    driver, reported = driven(read_plan(write("[search.grid]\nkl_coefficient = [2, 4]\n")))
    driver.run()
    assert [(point.state, point.failures) for point in reported] == [(FAILED, 2), (DONE, 0)]


def test_a_point_whose_worker_vanishes_every_time_is_given_up(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanish(run: Run) -> None:
        run.write_status(replace(run.status, state="running", handed=True))

    monkeypatch.setattr(launcher, "launch", vanish)
    driver, reported = driven(read_plan(write("[search.grid]\nseed = [1]\n")))
    driver.run()
    assert [(p.state, p.interruptions) for p in reported] == [(FAILED, MOST_INTERRUPTIONS)]
    assert "vanished" in reported[0].why


def test_a_run_that_gets_further_each_time_is_gone_on_with(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    times = 0

    def vanish(run: Run) -> None:
        nonlocal times
        times += 1
        if times <= MOST_INTERRUPTIONS + 2:  # as in jobs of a time limit that is shorter than the run
            save_checkpoint(run.folder / "checkpoints", {}, {}, times)
            run.write_status(replace(run.status, state="running", handed=True))
        else:
            (run.folder / "checkpoints" / f"update-{times - 1:09d}.safetensors").unlink()
            execute(run)

    monkeypatch.setattr(launcher, "launch", vanish)
    driver, reported = driven(read_plan(write("[search.grid]\nseed = [1]\n")))
    driver.run()
    assert [(point.state, point.interruptions) for point in reported] == [(DONE, 1)]
    assert len(all_runs()) == 1


class SmallCluster:
    """A launcher of ten jobs, of a cluster that takes fewer."""

    slots = 10

    def __init__(self, taken: int) -> None:
        self.taken, self.most, self.refused = taken, 0, 0
        self.jobs: list[Run] = []

    def start(self, run: Run) -> Job:
        """Take a job and do it when it is looked at, or refuse it."""
        if len(self.jobs) == self.taken:
            self.refused += 1
            raise JobRefusedError("no more")
        self.jobs.append(run)
        self.most = max(self.most, len(self.jobs))
        return DoneWhenLookedAt(self, run)

    def close(self) -> None:
        """Do nothing."""


class DoneWhenLookedAt(NoJob):
    """A job of a small cluster."""

    def __init__(self, cluster: SmallCluster, run: Run) -> None:
        self.cluster, self.run = cluster, run

    @property
    def over(self) -> bool:  # type: ignore[override]
        """Do the run, which makes room."""
        execute(self.run)
        self.cluster.jobs.remove(self.run)
        return True


def test_what_a_cluster_has_no_room_for_waits(write: Write, here: None) -> None:
    cluster = SmallCluster(taken=2)
    driver, reported = driven(read_plan(write("[search.grid]\nseed = [1, 2, 3, 4, 5]\n")), cluster)
    driver.run()
    assert [(point.state, point.failures) for point in reported] == [(DONE, 0)] * 5
    assert (cluster.most, cluster.refused, len(all_runs())) == (2, 1, 5)


def test_a_cluster_that_takes_nothing_ends_the_command_and_no_point(write: Write, here: None) -> None:
    plan = read_plan(write("[search.grid]\nseed = [1, 2]\n"))
    with pytest.raises(JobRefusedError, match="no more"):
        driven(plan, SmallCluster(taken=0))[0].run()
    driver, reported = driven(plan)
    driver.run()
    assert [(point.state, point.failures) for point in reported] == [(DONE, 0)] * 2 and len(all_runs()) == 2


def test_ctrl_c_stops_the_runs_and_the_same_command_goes_on(
    write: Write, here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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


def test_two_commands_share_a_sweep_and_no_point_is_done_twice(write: Write, here: None) -> None:
    plan = read_plan(write(STUDY))
    (one, its), (other, others) = driven(plan), driven(plan)
    while one.step() | other.step():
        pass
    assert len(its) + len(others) == plan.search.size == len(all_runs())
    assert its and others
    assert sorted(p.number for p in (*its, *others)) == list(range(plan.search.size))


def test_a_folder_of_another_file_is_left_alone(write: Write, here: None) -> None:
    driver, _ = driven(read_plan(write(STUDY)))
    driver.step()
    open_sweep(read_plan(write(STUDY.replace("points = 6", "points = 7"))))  # more of the same
    with pytest.raises(SettingError, match=r"belongs to a file that asked for something else, and has 1 points"):
        open_sweep(read_plan(write(GRID)))
    assert [sweep.name for sweep in all_sweeps()] == ["some"]


def test_a_deleted_run_is_not_missed_and_a_damaged_record_is_named(write: Write, here: None) -> None:
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
    write: Write, here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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


def test_a_study_draws_within_its_ranges_and_learns_of_every_figure(write: Write, here: None) -> None:
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


def test_a_point_below_the_median_is_stopped_and_keeps_its_figures(
    write: Write, monkeypatch: pytest.MonkeyPatch
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
