"""Where the runs of a sweep are computed. A launcher does nothing but start ordinary workers on ordinary runs.

All machines see one run home, so a run's folder says how it stands wherever it is computed.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from seqtutor_core.config import resolve_device
from seqtutor_core.environment import CORES, MOST_SLOTS, SLOTS, for_processes, slot_count
from seqtutor_core.errors import RunError
from seqtutor_core.runs import launcher
from seqtutor_core.runs.store import Run


class Job(Protocol):
    """A worker that was asked for."""

    @property
    def waiting(self) -> str:
        """What it waits for, in words: nobody holds the run meanwhile. Empty once it has begun, or is over."""

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected of it: its worker ended, or was lost with its machine."""

    def cancel(self) -> None:
        """Let it not begin any more."""


class Launcher(Protocol):
    """What starts workers."""

    @property
    def slots(self) -> int:
        """How many are asked for at a time."""

    def start(self, run: Run) -> Job:
        """Ask for a worker of a run that has none.

        RunError when there will be none, JobRefusedError when no job at all is taken, or none more for now.
        """

    def close(self) -> None:
        """Let go of the machines; no worker is ended."""


class JobRefusedError(RunError):
    """A cluster that takes no job, or no further one while others are there; the message says what it answered."""


class NoJob:
    """Nothing beside the run's folder, whose lock says whether it has a living worker."""

    waiting, over = "", True

    def cancel(self) -> None:
        """Do nothing: it has begun."""


class LocalLauncher:
    """Worker processes on this machine, started as any run's; they outlive the command."""

    def __init__(self, slots: int | None = None, device: str = "auto") -> None:
        """Take the number of workers at a time; None: as many as learn at a time on such a device."""
        self.slots = slots or slot_count(resolve_device(device).type)

    def start(self, run: Run) -> NoJob:
        """Start the worker; RunError when it does not start."""
        launcher.launch(run)
        return NoJob()

    def close(self) -> None:
        """Do nothing."""


# ---------------------------------------------------------------- on other machines


@dataclass(frozen=True)
class Cluster:
    """What a cluster is told of a sweep's runs."""

    cores: int = 2
    """Of one run."""
    address: str = "auto"
    """Of a Ray cluster; auto: the one that this machine belongs to."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Of submitit, as slurm_partition and mem_gb."""


def worker_command(run: Run, cores: int) -> list[str]:
    """Return the command that is a run's worker on any machine that has this program and this run home.

    It adds to its environment instead of replacing it: a cluster says there which GPU is whose.
    """
    settings = {
        **for_processes(),
        "OMP_NUM_THREADS": str(cores),
        CORES: str(cores),
        SLOTS: str(MOST_SLOTS),  # the cluster says how many learn on a machine
    }
    log = str(run.folder / "worker.log")
    worker = [sys.executable, "-m", "seqtutor_core.runs.worker", str(run.folder.resolve())]
    pairs = [f"{name}={value}" for name, value in settings.items()]
    return ["env", *pairs, "sh", "-c", 'exec "$@" >>"$0" 2>&1', log, *worker]


WAITING = "waiting for a machine"


def has_begun(run: Run) -> bool:
    """Return whether a worker has taken the run up since it was made ready for one."""
    try:
        return run.alive or run.status.pid is not None
    except RunError:  # damaged: whoever looks at its state hears of it
        return True
