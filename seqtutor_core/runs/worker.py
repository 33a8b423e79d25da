"""The worker process of one run: python -m seqtutor_core.runs.worker RUN_FOLDER_OR_ID [LOCK WORD]

It holds the run's lock for life, which is how others see that it lives, and its place in the line or its slot. The
launcher hands the lock down: descriptors of the locked file, and of a pipe on which it waits for the worker's first
word, which says that the run stands in line. Until its turn the worker is small: torch is imported in a slot only.
SIGTERM and SIGINT end it with a checkpoint and, as every request to stop, within two seconds.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.environment import CORES, VISIBLE_GPUS, core_share, gpu_of, slot_count
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.files import reason
from seqtutor_core.memory_pressure import end_this_first
from seqtutor_core.runs.cadence import DEFAULT, Cadence
from seqtutor_core.runs.locks import RUN_LOCK, acquire, runs_folder
from seqtutor_core.runs.slots import Ticket, places
from seqtutor_core.runs.status_file import status_fields, update_status
from seqtutor_core.runs.stop_watchdog import StopWatchdog

KINDS = ("cpu", "cuda")
LOCK_TIMEOUT = 5.0  # seconds; others who test the lock hold it for an instant
POLL_SECONDS = 0.1  # between two looks whether it is this run's turn
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
    lock, word = map(int, arguments[1:]) if arguments[1:] else (acquire(folder / RUN_LOCK, LOCK_TIMEOUT), None)
    if lock is None:
        print(f"run {folder.name} has a living worker already", file=sys.stderr)
        return 1
    os.set_inheritable(lock, False)  # withheld from processes that this one starts
    try:
        watchdog = StopWatchdog(folder, lambda: bool(signals))
        watchdog.start()
        ticket = Ticket(kind := _kind(folder), folder.name)
        if word is not None:
            _tell_launcher(word)
        try:
            return _wait_and_work(folder, ticket, kind, watchdog, cadence)
        finally:
            watchdog.finished.set()
            ticket.give_back()
    finally:
        os.close(lock)


def _kind(folder: Path) -> str:
    """Return the kind of device that the run is for; the launcher wrote it down, if there was one."""
    if (device := status_fields(folder).get("device")) in KINDS:
        return str(device)
    # torch then looks for GPUs without beginning to use them, so that the slot can still say which
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    from seqtutor_core.config import resolve_device
    from seqtutor_core.runs.store import Run

    with contextlib.suppress(SeqTutorError):  # in a slot it will be said
        return resolve_device(Run(folder).config.device).type
    return "cpu"


def _tell_launcher(word: int) -> None:
    with contextlib.suppress(BrokenPipeError), open(word, "wb") as pipe:  # the launcher may be gone
        pipe.write(b"1")


def _wait_and_work(folder: Path, ticket: Ticket, kind: str, watchdog: StopWatchdog, cadence: Cadence) -> int:
    """Wait for a slot and do the run in it; return the exit code."""
    try:
        update_status(folder, pid=os.getpid())
        slot = _wait_for_slot(ticket, slot_count(kind), watchdog)
    except OSError as error:
        why = f"it lost its place in the line ({reason(error)}); resume it"
        update_status(folder, state="failed", error=why, ended=time.time())
        return 1
    if slot is None:
        update_status(folder, state="stopped", message="stopped while waiting", ended=time.time())
        return 0
    if kind == "cuda":
        os.environ[VISIBLE_GPUS] = gpu_of(slot)
    import torch

    from seqtutor_core.runs.run_loop import execute_run
    from seqtutor_core.runs.store import Run

    _give_way()
    os.environ.setdefault(CORES, str(_share_of_cores(kind)))  # a cluster may have said it
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or core_share()))
    return execute_run(Run(folder), watchdog.should_stop, watchdog, cadence)


def _give_way() -> None:
    """Let others have processor and memory first, pages above all.

    Linux weighs processes of one session against each other, and whole sessions by a niceness of their own
    (sched(7), autogroup); a worker that shares its session leaves that alone.
    """
    end_this_first()
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # not Linux, or without autogroups
            Path("/proc/self/autogroup").write_text(str(NICENESS))


def _wait_for_slot(ticket: Ticket, count: int, watchdog: StopWatchdog) -> int | None:
    """Return the slot once it is this run's turn; None when it is to stop before."""
    while (slot := ticket.take_slot(count)) is None:
        if watchdog.requested.wait(POLL_SECONDS):
            return None
    return slot


def _share_of_cores(kind: str) -> int:
    """Return the cores for each run that learns now, this one among them: alone it has all of them."""
    learning = sum(slot.startswith(f"{kind}:") for slot in places().slots.values())
    return max(1, cpu_count() // max(1, learning))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
