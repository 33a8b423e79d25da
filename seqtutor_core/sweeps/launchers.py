"""Where the runs of a sweep are computed. A launcher does nothing but start ordinary workers on ordinary runs.

All machines see one run home, so a run's folder says how it stands wherever it is computed.
"""

from typing import Protocol

from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.runs import launcher
from seqtutor_core.runs.store import Run


class Job(Protocol):
    """A worker that was asked for."""

    @property
    def waiting(self) -> bool:
        """Whether it has not begun yet: nobody holds the run meanwhile."""

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected of it: its worker ended, or was lost with its machine."""

    def cancel(self) -> None:
        """Let it not begin any more."""


class Launcher(Protocol):
    """What starts workers."""

    slots: int
    """How many are asked for at a time."""

    def start(self, run: Run) -> Job:
        """Ask for a worker of a run that has none; RunError when there will be none."""

    def close(self) -> None:
        """Let go of the machines; no worker is ended."""


class NoJob:
    """Nothing beside the run's folder, whose lock says whether it has a living worker."""

    waiting, over = False, True

    def cancel(self) -> None:
        """Do nothing: it has begun."""


class LocalLauncher:
    """Worker processes on this machine, started as any run's; they outlive the command."""

    def __init__(self, slots: int | None = None) -> None:
        self.slots = slots or max(1, cpu_count() // 2)

    def start(self, run: Run) -> NoJob:
        """Start the worker; RunError when it does not start."""
        launcher.launch(run)
        return NoJob()

    def close(self) -> None:
        """Do nothing."""
