"""A real Ray cluster of two nodes on this machine, and what it takes to kill one; for the figures and for the tests."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def two_nodes() -> Iterator[tuple[str, int]]:
    """Yield the address of a cluster of two nodes of one core each, and the process of the second; nobody is told."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # or it warns of a change to come
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="ray")  # a short path, for it holds sockets
    before = os.environ.get("RAY_TMPDIR")
    os.environ["RAY_TMPDIR"] = folder  # where the address of this cluster is noted, too
    (Path(folder) / "ray").mkdir()
    node: dict[str, Any] = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80 * 2**20}
    cluster = None
    try:
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        second = cluster.add_node(**node)
        yield cluster.address, second.all_processes["raylet"][0].process.pid
    finally:
        if cluster is not None:
            cluster.shutdown()
        os.environ.pop("RAY_TMPDIR")
        if before is not None:
            os.environ["RAY_TMPDIR"] = before
        shutil.rmtree(folder, ignore_errors=True)


def descendants(process: int) -> list[int]:
    """Return a process, all that it has started, and what those have."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found = [process]
    for each in found:
        found += children.get(each, [])
    return found


def kill_node(process: int) -> None:
    """Kill a node with all that it runs, as when a machine loses its power."""
    for each in descendants(process):
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            continue
