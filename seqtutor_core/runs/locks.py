"""Where runs live, and who holds what.

Each run has a lock file, held by its worker for life, and each device has one, held by the run that computes on it.
"""

import fcntl
import json
from pathlib import Path

from filelock import FileLock

from seqtutor_core.files import home, read_whole, replace_text, without_waiting
from seqtutor_core.rules import parse_json

RUN_LOCK = "worker.lock"


def root() -> Path:
    """The folder of all runs."""
    return home() / "runs"


def run_lock(folder: Path) -> FileLock:
    """The lock that the worker of a run holds as long as it lives."""
    return FileLock(folder / RUN_LOCK)


def slot_lock(device: str) -> FileLock:
    """The lock of a device ("cpu", "cuda"): one run at a time."""
    folder = home() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"slot-{device}.lock")


def held(path: Path) -> bool:
    """Whether a process holds the lock file. The system frees a dead process's locks, so this cannot go stale.

    Tested by a shared lock, so that two readers testing at once do not take each other for the holder.
    """
    try:
        with open(path, opener=without_waiting) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is no such file, or it is none
        return False
    return False


def sign_slot(device: str, run_id: str) -> None:
    """Note who holds the device's slot; called by the holder."""
    replace_text(_signature(device), json.dumps({"run": run_id}))


def slot_signature(device: str) -> str:
    """The id of the run that took the slot last, or empty."""
    try:
        return str(parse_json(read_whole(_signature(device), 10_000))["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _signature(device: str) -> Path:
    return home() / "locks" / f"slot-{device}.json"
