"""Runs by Slurm, through submitit: each is a job that is the worker's command, on a run home that all machines see."""

import math
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import MissingPartError, SettingError
from seqtutor_core.rules import shown
from seqtutor_core.runs.store import Run
from seqtutor_core.sweeps.launchers import WAITING, Cluster, JobRefusedError, has_begun, worker_command

JOBS = 16  # at a time, unless it is said
SPARE = 15  # minutes beyond the budget, for starting and measuring
UNKNOWN = 60  # minutes for a budget in updates or calls; a run that takes longer goes on in another job
ASKED_EVERY = 5.0  # seconds between two questions to Slurm, whatever the number of jobs
SILENCE = 30.0  # seconds that Slurm may take to answer


class Queue:
    """This user's jobs that run or will: squeue names them on every Slurm, sacct only on one with a database."""

    def __init__(self) -> None:
        self._jobs: dict[str, str] = {}
        self._asked = -math.inf

    def add(self, job: str) -> None:
        """Take a job that Slurm has just taken."""
        self._jobs[job] = ""

    def jobs(self) -> Mapping[str, str]:
        """Return each job by its number, with the reason why it waits; as last heard while Slurm does not answer."""
        if time.monotonic() - self._asked >= ASKED_EVERY:
            question = ["squeue", "--noheader", f"--user={os.getuid()}", "--format=%A|%r"]
            try:
                answer = subprocess.run(question, capture_output=True, text=True, check=True, timeout=SILENCE)
                self._jobs = dict(line.split("|", 1) for line in answer.stdout.splitlines())
            except (OSError, subprocess.SubprocessError):
                pass
            self._asked = time.monotonic()
        return self._jobs


class SlurmJob:
    """A job of submitit's; queue: None for one that is no job of Slurm's."""

    def __init__(self, job: Any, run: Run, queue: Queue | None) -> None:
        self.job, self.run, self.queue = job, run, queue

    @property
    def over(self) -> bool:
        """Whether the job has left the queue."""
        return bool(self.job.done()) if self.queue is None else self.job.job_id not in self.queue.jobs()

    @property
    def waiting(self) -> str:
        """That it waits in the queue, and why, if Slurm says so."""
        if has_begun(self.run) or self.over:
            return ""
        reason = self.queue.jobs().get(self.job.job_id, "") if self.queue else ""
        return WAITING if reason in ("", "None") else f"{WAITING} (Slurm: {reason})"

    def cancel(self) -> None:
        """Take it out of the queue, unless it has begun: a worker that learns is asked to stop."""
        if not has_begun(self.run):
            self.job.cancel(check=False)


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
        self.queue = Queue() if executor == "slurm" else None

    def start(self, run: Run) -> SlurmJob:
        """Put a job into the queue; JobRefusedError when Slurm does not take it."""
        config = run.config
        ours = {"name": run.id, "timeout_min": _minutes(config)}
        if config.device == "cuda":
            ours["gpus_per_node"] = 1
        try:
            given = self.cluster.parameters
            self.executor.update_parameters(**{name: value for name, value in ours.items() if name not in given})
            job = self.executor.submit(subprocess.call, worker_command(run, self.cluster.cores))
        except Exception as error:  # noqa: BLE001  whatever sbatch answers
            raise JobRefusedError(f"Slurm takes no job: {' '.join(str(error).split())}") from None
        if self.queue:
            self.queue.add(job.job_id)
        return SlurmJob(job, run, self.queue)

    def close(self) -> None:
        """Do nothing: jobs are their own."""


def _minutes(config: TuningConfig) -> int:
    """Return how long a job may take."""
    if config.updates or config.calls:
        return UNKNOWN
    return SPARE + math.ceil(config.seconds / 60)
