"""The worker process of one run: python -m seqtutor_core.runs.worker RUN_FOLDER_OR_ID

It holds the run's lock for life, which is how others see that it lives. SIGTERM and SIGINT end it with a checkpoint.
"""

import os
import signal
import sys
from pathlib import Path

from filelock import Timeout

from seqtutor_core.cores import cores
from seqtutor_core.runs.locks import root, run_lock

LOCK_TIMEOUT = 5.0  # seconds; others who test the lock hold it for an instant
NICENESS = 5  # the page stays responsive


def main(arguments: list[str]) -> int:
    """Work on a run; the exit code is 0 unless it failed."""
    if len(arguments) != 1:
        print("usage: python -m seqtutor_core.runs.worker RUN_FOLDER_OR_ID", file=sys.stderr)
        return 2
    folder = Path(arguments[0]) if os.sep in arguments[0] else root() / arguments[0]
    if not folder.is_dir():
        print(f"no run folder {folder}; python -m seqtutor_core runs list names the runs", file=sys.stderr)
        return 2
    signals: list[int] = []
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _: signals.append(number))
    lock = run_lock(folder)
    try:
        lock.acquire(timeout=LOCK_TIMEOUT)
    except Timeout:
        print(f"run {folder.name} has a living worker already", file=sys.stderr)
        return 1
    with lock:
        # only now: torch takes seconds to import, and a starter waits for the lock
        import torch

        from seqtutor_core.runs.job import work
        from seqtutor_core.runs.store import Run

        os.nice(NICENESS)
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or cores()))
        return work(Run(folder), lambda: bool(signals))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
