"""Runs that were deleted a moment ago: hidden, and restored on request, until a sweep finds them old."""

import os
import shutil
import time

from seqtutor_core.errors import RunError
from seqtutor_core.files import reason
from seqtutor_core.rules import shown
from seqtutor_core.runs.locks import exclusive_index_lock, runs_folder, shared_index_lock
from seqtutor_core.runs.schemas import ACTIVE
from seqtutor_core.runs.store import RUN_ID, Run

KEEP_SECONDS = 600.0  # seconds that a deleted run can come back
PREFIX = ".trash-"


def discard(run: Run) -> None:
    """Move a run to the trash; RunError while its worker lives, or when it is gone already."""
    if (state := run.state) in ACTIVE:
        raise RunError(f"run {run.id} is {state}; stop it before deleting it")
    hidden = runs_folder() / f"{PREFIX}{run.id}"
    try:
        with shared_index_lock():
            run.folder.rename(hidden)
            os.utime(hidden)  # its age, for the sweep
    except OSError as error:
        raise RunError(f"run {run.id} could not be deleted: {reason(error)}; see {run.folder}") from None


def restore(run_id: str) -> Run:
    """Restore a discarded run and return it; RunError when it was purged meanwhile."""
    run = Run(runs_folder() / run_id)
    hidden = runs_folder() / f"{PREFIX}{run_id}"
    if not RUN_ID.fullmatch(run_id) or not hidden.is_dir():
        raise RunError(
            f"no run named {shown(run_id)} was deleted in the last {KEEP_SECONDS / 60:.0f} minutes; it is gone, "
            "or it is back already"
        )
    try:
        with shared_index_lock():
            hidden.rename(run.folder)
    except OSError as error:
        raise RunError(f"run {run_id} could not be brought back: {reason(error)}; it lies in {hidden}") from None
    return run


def seconds_left(run_id: str) -> float | None:
    """Return for how many seconds a discarded run can still be restored; None when it is not in the trash."""
    try:
        age = time.time() - (runs_folder() / f"{PREFIX}{run_id}").stat().st_mtime
    except (OSError, ValueError):  # a name that no file can have
        return None
    return min(max(0.0, KEEP_SECONDS - age), KEEP_SECONDS) if RUN_ID.fullmatch(run_id) else None


def purge(kept: float = KEEP_SECONDS) -> None:
    """Delete for good what was discarded at least `kept` seconds ago."""
    if not runs_folder().is_dir():
        return
    with exclusive_index_lock() as unused:
        for folder in runs_folder().glob(f"{PREFIX}*") if unused else ():
            if time.time() - folder.stat().st_mtime >= kept:
                shutil.rmtree(folder, ignore_errors=True)
