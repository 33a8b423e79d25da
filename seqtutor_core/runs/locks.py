"""Where runs live, and who holds what: each run has a lock file, held by its worker for life."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seqtutor_core.files import home, without_waiting

RUN_LOCK = "worker.lock"


def runs_folder() -> Path:
    """Return the folder of all runs."""
    return home() / "runs"


def acquire(path: Path, timeout: float = 0.0) -> int | None:
    """Lock a file and return the descriptor: it is held until that is closed here and wherever it was handed on.

    None when another process still holds it after `timeout` seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o644)
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
            time.sleep(0.01)


@contextmanager
def shared_index_lock() -> Iterator[None]:
    """Hold the index while hidden folders of runs are made or deleted, so that nobody removes them meanwhile."""
    with open(_index_lock(), "a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def exclusive_index_lock() -> Iterator[bool]:
    """Yield whether nobody is within `shared_index_lock`; if so, nobody enters it meanwhile. The dead free it.

    False as well in a home that takes no files: nothing can be removed from it either.
    """
    descriptor = None
    with suppress(OSError):
        descriptor = acquire(_index_lock())
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _index_lock() -> Path:
    folder = home() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "runs.lock"


def is_held(path: Path, how: int = fcntl.LOCK_SH) -> bool:
    """Return whether a process holds the lock file. The system frees a dead process's locks, so this cannot go stale.

    how: tested by a shared lock, so that two readers testing at once do not take each other for the holder; by LOCK_EX
    for a file whose holders share it.
    """
    with suppress(OSError), free(path, how) as found:
        return not found
    return False  # there is no such file, or it is none


@contextmanager
def free(path: Path, how: int = fcntl.LOCK_SH) -> Iterator[bool]:
    """Yield whether nobody holds the lock file; if so, nobody takes it meanwhile. OSError where there is no file."""
    with open(path, opener=without_waiting) as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
