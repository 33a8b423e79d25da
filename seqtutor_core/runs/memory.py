"""How much memory a run's processes use, and whether that is too much; without torch, as the watchdog that asks."""

import resource
import sys
from contextlib import suppress
from pathlib import Path

from seqtutor_core.environment import RUN_MEMORY, run_megabytes
from seqtutor_core.errors import SettingError

MB = 10**6  # bytes


def used_megabytes() -> float:
    """Return the resident memory of this process and of those that it started; of itself at its highest, off Linux."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used * (1 if sys.platform == "darwin" else 1024) / MB
    processes = ["self"]
    for task in tasks.iterdir():
        with suppress(OSError):  # a thread that has just ended
            processes += (task / "children").read_text().split()
    return sum(map(_resident, processes)) * resource.getpagesize() / MB


def _resident(process: str) -> int:
    """Return the pages of a process in memory; none of one that has just ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return 0


def too_much_memory() -> str:
    """Return why the run has to stop, in words; empty while its memory is within the limit, or where there is none."""
    try:
        limit = run_megabytes()
    except SettingError:  # the worker says so before it learns
        return ""
    if limit is None or (used := used_megabytes()) <= limit:
        return ""
    return (
        f"stopped: it used {used:,.0f} MB of memory, and this machine allows a run {limit:,} MB ({RUN_MEMORY}); "
        "start a run with a smaller batch or replay memory, or ask for a higher limit"
    )
