"""How long a sweep of 24 points takes in one process, in two, and on a Ray cluster of two nodes, one of them killed.

python -m benchmarks.sweep [POINTS]: some minutes on two cores. Prints a table as Markdown. Each point is a run of 20
updates of a small untrained prior, so that most of the time is what a sweep adds: starting a worker and measuring.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from benchmarks.ray_nodes import descendants, kill_node, two_nodes
from seqtutor_core.domains import build_domain
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.priors import Prior, save
from seqtutor_core.runs.store import all_runs
from seqtutor_core.sweeps.driver import EVERY, Driver
from seqtutor_core.sweeps.folder import DONE, Point, open_sweep
from seqtutor_core.sweeps.launchers import Cluster, Launcher, LocalLauncher
from seqtutor_core.sweeps.plan import parse_plan
from seqtutor_core.sweeps.ray_cluster import RayLauncher

PLAN = """
domain = "melody"
prior = "{prior}"
rewards = "none"
weights = {{ key = 1.0, motif = 1.0 }}
updates = 20
device = "cpu"
settings.length = 16
overrides = {{ batch = 8, minibatch = 8, replay_steps = 512 }}
[search.grid]
seed = {seeds}
"""


def main(points: int) -> None:
    """Measure and print all rows."""
    os.environ["OMP_NUM_THREADS"] = "1"
    print("| where | seconds | points done | points lost | runs gone on with elsewhere |\n|---|---|---|---|---|")
    for slots, name in ((1, "one process"), (2, "two processes")):
        os.environ["SEQTUTOR_SLOTS"] = str(slots)
        measure(name, points, LocalLauncher(slots), None)
    with two_nodes() as (address, _), connected(address) as launcher:
        measure("Ray, two nodes", points, launcher, None)
    with two_nodes() as (address, second), connected(address) as launcher:
        measure("Ray, two nodes, one killed halfway", points, launcher, second)


@contextmanager
def connected(address: str) -> Iterator[Launcher]:
    """Yield a launcher for the cluster."""
    launcher = RayLauncher(Cluster(cores=1, address=address))
    try:
        yield launcher
    finally:
        launcher.close()


def measure(name: str, points: int, launcher: Launcher, doomed: int | None) -> None:
    """Do the sweep in a home of its own and print its row; doomed: the node to kill when half the points are done."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEQTUTOR_HOME"] = str(Path(folder) / "home")
        plan = parse_plan("timed", PLAN.format(prior=small_prior(Path(folder)), seeds=list(range(points))))
        reported: list[Point] = []
        driver = Driver(plan, open_sweep(plan), launcher, reported.append)
        began = time.monotonic()
        while driver.step():
            time.sleep(EVERY)
            if doomed and len(reported) >= points // 2 and works_on(doomed):
                kill_node(doomed)
                doomed = None
        seconds = time.monotonic() - began
        done = sum(point.state == DONE for point in reported)
        moved = sum(bool(point.interruptions) for point in reported)
        print(f"| {name} | {seconds:.0f} | {done} | {points - done} | {moved} |", flush=True)


def works_on(node: int) -> bool:
    """Return whether a worker on this node learns now."""
    there = descendants(node)
    return any(run.alive and run.status.pid in there for run in all_runs())


def small_prior(folder: Path) -> Path:
    """Write an untrained prior of 16 units and return its folder."""
    torch.manual_seed(5)
    settings = NetworkSettings(len(build_domain("melody").vocabulary), hidden=16)
    return save(Prior("small", RecurrentNetwork(settings), {}), folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 24)
