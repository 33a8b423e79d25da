"""Runs on a Ray cluster: each is a task that is the worker's command, so that no code of ours is sent anywhere.

Every node has this program at the same place and sees the same run home. A node that goes loses its workers; their runs
are gone on with elsewhere, from their last checkpoints.
"""

import subprocess
from typing import Any

from seqtutor_core.cluster import connect
from seqtutor_core.runs.store import Run
from seqtutor_core.sweeps.launchers import WAITING, Cluster, has_begun, worker_command


class RayJob:
    """A task; Ray knows only whether it is over, the run's lock whether it has begun."""

    def __init__(self, task: Any, run: Run) -> None:
        self.task, self.run = task, run

    @property
    def over(self) -> bool:
        """Whether the task ended, or was lost with its node."""
        import ray

        return bool(ray.wait([self.task], timeout=0)[0])

    @property
    def waiting(self) -> str:
        """That it waits for cores."""
        return "" if has_begun(self.run) or self.over else WAITING

    def cancel(self) -> None:
        """Take it back, unless it has begun: a worker that learns is asked to stop, so that it saves the run."""
        import ray

        if not has_begun(self.run):
            ray.cancel(self.task)


class RayLauncher:
    """A connection to a Ray cluster."""

    def __init__(self, cluster: Cluster, slots: int | None = None) -> None:
        """Connect; slots: None for as many runs as the cluster has cores for.

        Errors as of `connect`.
        """
        connect(cluster.address)
        self.cluster, self._slots = cluster, slots

    @property
    def slots(self) -> int:
        """As many as fit on the nodes that are there now."""
        import ray

        return self._slots or max(1, int(ray.cluster_resources().get("CPU", 0)) // self.cluster.cores)

    def start(self, run: Run) -> RayJob:
        """Ask for a worker; it begins when a node has cores for it."""
        import ray

        on_gpu = run.config.device == "cuda"
        task = ray.remote(subprocess.call).options(
            num_cpus=self.cluster.cores, num_gpus=int(on_gpu), max_retries=0, name=run.id
        )
        return RayJob(task.remote(worker_command(run, self.cluster.cores)), run)

    def close(self) -> None:
        """Leave the cluster."""
        import ray

        ray.shutdown()
