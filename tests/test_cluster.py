"""Sweeps on a real Ray cluster of two nodes, and through submitit's executors for one machine."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqtutor_core.cli.main import main
from seqtutor_core.errors import MissingPartError, SettingError
from seqtutor_core.runs.store import all_runs
from seqtutor_core.sweeps.folder import DONE
from seqtutor_core.sweeps.launchers import Cluster
from seqtutor_core.sweeps.plan import read_plan
from seqtutor_core.sweeps.ray_cluster import RayLauncher
from seqtutor_core.sweeps.slurm import SlurmLauncher
from tests.running import PATIENCE, tiny_prior
from tests.sweeping import Write, driven, writer

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return writer(tmp_path, tiny_prior(tmp_path))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """Two nodes of one core on this machine, and the second of them; nothing leaves the machine."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    from ray.cluster_utils import Cluster as RayCluster

    folder = tempfile.mkdtemp(prefix="ray")  # a short path, for it holds sockets
    monkeypatch.setenv("RAY_TMPDIR", folder)  # where the address of this cluster is noted, too
    (Path(folder) / "ray").mkdir()
    node = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80 * 2**20}
    try:
        started = RayCluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        try:
            yield started, started.add_node(**node)
        finally:
            started.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def descendants(process: int) -> list[int]:
    """A process and all that it has started, and those have."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found = [process]
    for each in found:
        found += children.get(each, [])
    return found


def test_no_point_is_lost_when_a_node_of_a_ray_cluster_is_killed(write: Write, cluster: tuple[Any, Any]) -> None:
    nodes, second = cluster
    plan = read_plan(write("[search.grid]\nseed = [1, 2, 3]\n"))
    launcher = RayLauncher(Cluster(cores=1, address=nodes.address))
    try:
        assert launcher.slots == 2
        driver, reported = driven(plan, launcher)
        raylet = second.all_processes["raylet"][0].process.pid
        deadline = time.monotonic() + PATIENCE
        lost: list[str] = []
        while not lost:  # until the second node has a worker that learns
            driver.step()
            there = descendants(raylet)
            lost = [run.id for run in all_runs() if run.alive and run.status.pid in there]
            assert time.monotonic() < deadline, [run.status for run in all_runs()]
        for process in there:
            os.kill(process, signal.SIGKILL)  # as when the machine loses its power
        driver.run()
        assert launcher.slots == 1
    finally:
        launcher.close()
    assert sorted(point.number for point in reported) == [0, 1, 2]
    assert all(point.state == DONE and point.figures["reward"] is not None for point in reported)
    assert [(p.run, p.interruptions) for p in reported if p.interruptions] == [(lost[0], 1)]
    assert {run.state for run in all_runs()} == {"finished"} and len(all_runs()) == 3


@pytest.mark.parametrize(("executor", "seeds"), [("local", [1]), ("debug", [1])])
def test_a_sweep_by_submitit(write: Write, tmp_path: Path, executor: str, seeds: list[int]) -> None:
    plan = read_plan(write(f"[search.grid]\nseed = {seeds}\n"))
    cluster = Cluster(cores=1, parameters={"mem_gb": 2} if executor == "local" else {})
    driver, reported = driven(plan, SlurmLauncher(cluster, tmp_path / "jobs", executor=executor))
    driver.run()
    assert [point.state for point in reported] == [DONE] * len(seeds)
    assert {run.config.seed for run in all_runs()} == set(seeds)
    assert all(run.state == "finished" for run in all_runs())


def test_what_is_not_there_is_told_in_a_line(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MissingPartError, match="Slurm is not here"):
        SlurmLauncher(Cluster(), tmp_path)
    with pytest.raises(SettingError, match="submitit does not take speed"):
        SlurmLauncher(Cluster(parameters={"speed": 1}), tmp_path, executor="local")
    for address in ("127.0.0.1:1", "nonsense:x"):
        with pytest.raises(SettingError, match=r"no Ray cluster at .* or name another by --address"):
            RayLauncher(Cluster(address=address))
    for name, launcher in (("ray", "ray"), ("submitit", "slurm")):
        monkeypatch.setitem(__import__("sys").modules, name, None)
        assert main(["sweep", str(write("[search.grid]\nseed = [1]\n")), "--launcher", launcher]) == 1
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and "pip install -r requirements-cluster.txt" in err
    assert not all_runs()
