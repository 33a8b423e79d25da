"""Sweeps on a real Ray cluster of two nodes, and through submitit's executors for one machine."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.ray_nodes import descendants, kill_node, two_nodes
from seqtutor_core import cluster
from seqtutor_core.cli.main import main
from seqtutor_core.environment import REWARDS_ON
from seqtutor_core.errors import MissingPartError, SettingError
from seqtutor_core.own_rewards import Score, find, folder
from seqtutor_core.own_rewards.scores import Scorer
from seqtutor_core.runs.store import all_runs
from seqtutor_core.sweeps.folder import DONE
from seqtutor_core.sweeps.launchers import Cluster
from seqtutor_core.sweeps.plan import read_plan
from seqtutor_core.sweeps.ray_cluster import RayLauncher
from seqtutor_core.sweeps.slurm import SlurmLauncher
from tests.running import PATIENCE, tiny_prior
from tests.sweeping import Write, driven, writer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home")]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return writer(tmp_path, tiny_prior(tmp_path))


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[str, int]]:
    with two_nodes() as found:
        yield found


REWARD = """
# seconds: 20
import os, pathlib
def reward(smiles):
    with open(pathlib.Path(__file__).parent / "calls.txt", "a") as file:
        file.write(smiles + "\\n")
    if smiles == "N" and open(file.name).read().split().count("N") < 2:
        raise ValueError("not yet")
    if smiles == "O":
        raise ValueError("never")
    return len(smiles)
"""


def test_an_own_reward_is_measured_by_a_cluster_in_order_and_once(
    nodes: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder("molecule") / "dear.py"
    path.parent.mkdir(parents=True)
    path.write_text(REWARD)
    monkeypatch.setenv(REWARDS_ON, nodes[0])
    sequences = ["CCC", "N", "C", "O", "CC", "C"]
    try:
        first, second = (measured(sequences) for _ in range(2))
    finally:
        import ray

        ray.shutdown()
    assert (
        [one.values for one in first] == [(3.0,), (1.0,), (1.0,), (), (2.0,), (1.0,)] == [one.values for one in second]
    )
    assert "never" in first[3].error
    calls = sorted((path.parent / "calls.txt").read_text().split())
    assert calls == ["C", "CC", "CCC", "N", "N", "O", "O", "O", "O"], "once each; what fails is tried once more"
    monkeypatch.setenv(REWARDS_ON, "127.0.0.1:1")
    assert [one.error[:9] for one in measured(["C", "S"])] == ["", "not tried"]


def measured(sequences: list[str]) -> list[Score]:
    """What a program that has just begun says of sequences."""
    scorer = Scorer(find("molecule", "dear.py"))
    try:
        return scorer.score(sequences)
    finally:
        scorer.close()


def test_no_point_is_lost_when_a_node_of_a_ray_cluster_is_killed(write: Write, nodes: tuple[str, int]) -> None:
    address, second = nodes
    plan = read_plan(write("[search.grid]\nseed = [1, 2, 3]\n"))
    launcher = RayLauncher(Cluster(cores=1, address=address))
    try:
        assert launcher.slots == 2
        driver, reported = driven(plan, launcher)
        deadline = time.monotonic() + PATIENCE
        lost: list[str] = []
        while not lost:  # until the second node has a worker that learns
            driver.step()
            there = descendants(second)
            lost = [run.id for run in all_runs() if run.alive and run.status.pid in there]
            assert time.monotonic() < deadline, [run.status for run in all_runs()]
        kill_node(second)
        driver.run()
        deadline = time.monotonic() + PATIENCE
        while launcher.slots != 1 and time.monotonic() < deadline:  # Ray may take longer to miss the node
            time.sleep(0.2)
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
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPartError, match="Slurm is not here"):
        SlurmLauncher(Cluster(), tmp_path)
    with pytest.raises(SettingError, match="submitit does not take speed"):
        SlurmLauncher(Cluster(parameters={"speed": 1}), tmp_path, executor="local")
    for address in ("127.0.0.1:1", "nonsense:x"):
        with pytest.raises(SettingError, match=r"no Ray cluster at .* or name another address"):
            RayLauncher(Cluster(address=address))
    with socket.create_server(("127.0.0.1", 0)) as other, ThreadPoolExecutor() as thread:
        address = "{}:{}".format(*other.getsockname())
        thread.submit(lambda: other.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n"))
        with pytest.raises(SettingError, match="something else answers there"):
            RayLauncher(Cluster(address=address))
        monkeypatch.setattr(cluster, "KNOCKING", 0.1)
        with pytest.raises(SettingError, match="timed out"):  # connected, and no word
            RayLauncher(Cluster(address=address))
    for name, launcher in (("ray", "ray"), ("submitit", "slurm")):
        monkeypatch.setitem(__import__("sys").modules, name, None)
        assert main(["sweep", str(write("[search.grid]\nseed = [1]\n")), "--launcher", launcher]) == 1
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and "pip install -r requirements-cluster.txt" in err
    assert not all_runs()
