"""Runs by Slurm, through submitit: each is a job that is the worker's command, on a run home that all machines see."""

import math
import subprocess
from pathlib import Path
from typing import Any

from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import MissingPartError, RunError, SettingError
from seqtutor_core.rules import shown
from seqtutor_core.runs.store import Run
from seqtutor_core.sweeps.launchers import Cluster, has_begun, worker_command

JOBS = 16  # at a time, unless it is said
SPARE = 15  # minutes beyond the budget, for starting and measuring
LONGEST = 24 * 60  # minutes of a run whose budget is in updates or calls


class SlurmJob:
    """A job of submitit's."""

    def __init__(self, job: Any, run: Run) -> None:
        self.job, self.run = job, run

    @property
    def over(self) -> bool:
        """Whether the job has left the queue."""
        return bool(self.job.done())

    @property
    def waiting(self) -> bool:
        """Whether it waits in the queue."""
        return not has_begun(self.run) and not self.over

    def cancel(self) -> None:
        """Take it out of the queue, unless it has begun: a worker that learns is asked to stop."""
        if not has_begun(self.run):
            self.job.cancel()


class SlurmLauncher:
    """Slurm, or one of submitit's executors for one machine: local, debug."""

    def __init__(self, cluster: Cluster, folder: Path, slots: int | None = None, executor: str = "slurm") -> None:
        """Take where submitit keeps its files; slots: jobs at a time.

        MissingPartError without submitit or Slurm, SettingError for a parameter that submitit does not know.
        """
        try:
            import submitit
        except ModuleNotFoundError:
            raise MissingPartError(
                "submitit is not installed: python -m pip install -r requirements-cluster.txt"
            ) from None
        try:
            self.executor = submitit.AutoExecutor(folder=folder, cluster=executor)
            self.executor.update_parameters(cpus_per_task=cluster.cores, **cluster.parameters)
        except RuntimeError as error:
            raise MissingPartError(f"Slurm is not here ({error}); give this command where sbatch is") from None
        except (NameError, TypeError, ValueError, AssertionError) as error:
            parameters = ", ".join(cluster.parameters)
            raise SettingError(f"submitit does not take {parameters}: {shown(str(error))}") from None
        self.cluster, self.slots = cluster, slots or JOBS

    def start(self, run: Run) -> SlurmJob:
        """Put a job into the queue; RunError when it is refused."""
        config = run.config
        ours = {"name": run.id, "timeout_min": _minutes(config)}
        if config.device == "cuda":
            ours["gpus_per_node"] = 1
        try:
            given = self.cluster.parameters
            self.executor.update_parameters(**{name: value for name, value in ours.items() if name not in given})
            return SlurmJob(self.executor.submit(subprocess.call, worker_command(run, self.cluster.cores)), run)
        except Exception as error:  # noqa: BLE001  whatever sbatch answers
            raise RunError(f"run {run.id} was refused: {error}") from None

    def close(self) -> None:
        """Do nothing: jobs are their own."""


def _minutes(config: TuningConfig) -> int:
    """Return how long a job may take."""
    if config.updates or config.calls:
        return LONGEST
    return SPARE + math.ceil(config.seconds / 60)
