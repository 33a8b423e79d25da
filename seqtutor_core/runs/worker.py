"""The worker process of one run: python -m seqtutor_core.runs.worker RUN_FOLDER_OR_ID [LOCK WORD]

It holds the run's lock for life, which is how others see that it lives. The launcher hands it down: descriptors of the
locked file, and of a pipe on which it waits for the worker's first word. SIGTERM and SIGINT end it with a checkpoint
and, as every request to stop, within two seconds.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.runs.cadence import DEFAULT, Cadence
from seqtutor_core.runs.locks import RUN_LOCK, acquire, runs_folder
from seqtutor_core.runs.stop_watchdog import StopWatchdog

LOCK_TIMEOUT = 5.0  # seconds; others who test the lock hold it for an instant
NICENESS = 5  # the page stays responsive


def main(arguments: list[str], cadence: Cadence = DEFAULT) -> int:
    """Execute a run and return the exit code: 0 unless it failed."""
    if len(arguments) not in (1, 3):
        print("usage: python -m seqtutor_core.runs.worker RUN_FOLDER_OR_ID [LOCK WORD]", file=sys.stderr)
        return 2
    folder = Path(arguments[0]) if os.sep in arguments[0] else runs_folder() / arguments[0]
    if not folder.is_dir():
        print(f"no run folder {folder}; python -m seqtutor_core runs list names the runs", file=sys.stderr)
        return 2
    signals: list[int] = []
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _: signals.append(number))
    lock = _inherit_lock(*map(int, arguments[1:])) if arguments[1:] else acquire(folder / RUN_LOCK, LOCK_TIMEOUT)
    if lock is None:
        print(f"run {folder.name} has a living worker already", file=sys.stderr)
        return 1
    try:
        watchdog = StopWatchdog(folder, lambda: bool(signals))
        watchdog.start()
        # only now: torch takes seconds to import, and a starter waits for the lock
        import torch

        from seqtutor_core.runs.run_loop import execute_run
        from seqtutor_core.runs.store import Run

        os.nice(NICENESS)
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or cpu_count()))
        code = execute_run(Run(folder), lambda: bool(signals), watchdog, cadence)
        watchdog.finished.set()
        return code
    finally:
        os.close(lock)


def _inherit_lock(lock: int, word: int) -> int:
    """Return the launcher's lock, withheld from processes that this one starts, and tell the launcher."""
    os.set_inheritable(lock, False)
    with contextlib.suppress(BrokenPipeError), open(word, "wb") as pipe:  # the launcher may be gone
        pipe.write(b"1")
    return lock


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
