"""Sweeps on a real Slurm without a database, of two nodes on this machine."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqtutor_core.cli.main import main
from seqtutor_core.runs.store import all_runs
from seqtutor_core.sweeps.folder import DONE, OPEN, open_sweep
from seqtutor_core.sweeps.launchers import Cluster
from seqtutor_core.sweeps.plan import read_plan
from seqtutor_core.sweeps.slurm import Queue, SlurmLauncher
from tests.running import tiny_prior, wait_for
from tests.slurm_nodes import needs_slurm, slurm
from tests.sweeping import Write, driven, writer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home")]


@pytest.fixture(scope="module")
def nodes() -> Iterator[None]:
    with slurm():
        yield


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return writer(tmp_path, tiny_prior(tmp_path))


def jobs(state: str) -> list[str]:
    """The jobs of a state that Slurm has."""
    return subprocess.check_output(["squeue", "--noheader", f"--states={state}", "--format=%A"], text=True).split()


@needs_slurm
def test_a_job_that_is_lost_from_the_queue_costs_a_try(nodes: None, write: Write, tmp_path: Path) -> None:
    plan = read_plan(write("[search.grid]\nseed = [1, 2, 3]\n"))
    driver, reported = driven(plan, SlurmLauncher(Cluster(cores=1), tmp_path / "jobs"))
    driver.step()
    wait_for(lambda: len(jobs("running")) == 2, driver.living[0].run)  # a core for each
    subprocess.check_call(["scancel", *jobs("pending")])
    driver.run()
    assert sorted((point.number, point.state) for point in reported) == [(0, DONE), (1, DONE), (2, DONE)]
    assert [point.interruptions for point in sorted(reported, key=lambda point: point.number)] == [0, 0, 1]
    assert {run.state for run in all_runs()} == {"finished"} and len(all_runs()) == 3


@needs_slurm
def test_why_a_job_waits_is_told_and_one_that_waits_is_taken_back(nodes: None, write: Write, tmp_path: Path) -> None:
    plan = read_plan(write("[search.grid]\nseed = [1]\n"))
    cluster = Cluster(cores=1, parameters={"slurm_partition": "brief", "timeout_min": 5})
    driver, _ = driven(plan, SlurmLauncher(cluster, tmp_path / "jobs"))
    told: list[str] = []
    driver.say = told.append
    driver.step()
    living = driver.living[0]
    why = "waiting for a machine (Slurm: PartitionTimeLimit)"
    wait_for(lambda: driver.step() and f"seed=1 is {why}" in told, living.run)
    assert all_runs()[0].status.message == why
    living.job.cancel()
    wait_for(lambda: not jobs("pending"), living.run)


@needs_slurm
def test_where_slurm_takes_no_job_the_command_says_why_and_no_point_is_lost(
    nodes: None, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write("[search.grid]\nseed = [1, 2, 3]\n")
    sweep = ["sweep", str(file), "--launcher", "slurm", "--cores", "1"]
    assert main([*sweep, "--parameter", "slurm_partition=nowhere"]) == 1
    assert "error: Slurm takes no job: sbatch: error: invalid partition specified: nowhere" in capsys.readouterr().err
    assert [(point.state, point.failures) for point in open_sweep(read_plan(file)).points()] == [(OPEN, 0)]
    assert main(sweep) == 0
    assert [point.state for point in open_sweep(read_plan(file)).points()] == [DONE] * 3


def test_the_queue_is_asked_now_and_then_and_what_it_said_stands_while_it_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    squeue, asked = tmp_path / "squeue", tmp_path / "asked"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def answers(*lines: str) -> None:
        squeue.write_text(f"#!/bin/sh\necho >>{asked}\n" + "\n".join(lines))
        squeue.chmod(0o755)

    answers("echo '7|Resources'", "echo '8|ReqNodeNotAvail, UnavailableNodes:two'")
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    queue = Queue()
    queue.add("9")
    assert queue.jobs() == {"7": "Resources", "8": "ReqNodeNotAvail, UnavailableNodes:two"}
    queue.add("10")
    assert set(queue.jobs()) == {"7", "8", "10"} and len(asked.read_text()) == 1
    now += 60
    answers("echo 'Unable to contact slurm controller' >&2; exit 1")
    assert set(queue.jobs()) == {"7", "8", "10"} and len(asked.read_text()) == 2
    now += 60
    answers("exit 0")
    assert queue.jobs() == {}
