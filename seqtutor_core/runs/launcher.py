"""Start, resume and stop runs; each has a worker process of its own that outlives whoever started it."""

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from seqtutor_core.batch_size import for_device
from seqtutor_core.config import LARGEST_BUDGET, Change, TuningConfig, check_rewarding, resolve_device
from seqtutor_core.domains import build_domain
from seqtutor_core.environment import PACKAGE_PARENT, SLOTS, VISIBLE_GPUS, for_processes, gpus, slot_count
from seqtutor_core.errors import RunError
from seqtutor_core.files import reason
from seqtutor_core.objective import Objective
from seqtutor_core.priors import domain_settings
from seqtutor_core.rules import number
from seqtutor_core.runs.locks import RUN_LOCK, acquire
from seqtutor_core.runs.steering import append_resume
from seqtutor_core.runs.store import ACTIVE, LAUNCH_GRACE, Run, Status, create_run

LOCK_TIMEOUT = 5.0  # seconds; others who test the lock hold it for an instant


def start(config: TuningConfig, claim: Callable[[Run], None] = lambda run: None) -> Run:
    """Create a run, start its worker and return the run, which waits its turn while all slots are taken.

    `claim` is called with the run before the worker starts, so that nobody else makes the run their own meanwhile.
    Errors as of `checked`; RunError when the worker does not start.
    """
    run = create_run(checked(config))
    claim(run)
    launch(run)
    return run


def checked(config: TuningConfig) -> TuningConfig:
    """Return a config that can be tuned: its settings are those that its prior was trained for, and its own over them;
    its batch suits the device, where none was asked for.

    SettingError for an unknown device, domain, setting, reward term or number of slots, or without any reward;
    TokenError for a primer of foreign tokens; PriorError for a prior that cannot be read.
    """
    slot_count(resolve_device(config.device).type)
    check_rewarding(config.weights)
    config = replace(config, settings=domain_settings(config.prior, config.settings))
    domain = build_domain(config.domain, config.settings)
    Objective(domain, config.weights, config.kl_coefficient, config.combination)  # refuses what cannot be rewarded
    domain.vocabulary.check(config.primer)
    return for_device(config)


def resume(run: Run, extra_seconds: float = 0.0) -> None:
    """Resume from the last checkpoint with what is left of the budget, and `extra_seconds` on top.

    A budget in updates or calls becomes one in seconds when seconds are added. Errors as of `renew`; SettingError
    also for a device that is not here, and for an impossible number of slots.
    """
    slot_count(resolve_device(run.config.device).type)
    renew(run, extra_seconds)
    launch(run)


def renew(run: Run, extra_seconds: float = 0.0) -> None:
    """Make a run that has ended ready for another worker, which goes on from the last checkpoint.

    RunError for a run that is alive, damaged, or without budget; SettingError for a budget of more than a day.
    """
    number(0, LARGEST_BUDGET, " seconds")("the time added", extra_seconds)
    state = run.state
    if state in ACTIVE:
        raise RunError(f"run {run.id} is {state} already; there is nothing to resume")
    config, status = run.config, run.status  # RunError when damaged
    if extra_seconds <= 0 and state == "finished":
        raise RunError(f"run {run.id} has used its budget; resume it with extra seconds")
    with _writing(run):
        append_resume(run.folder / "controls.jsonl")
        if extra_seconds > 0:
            spent = status.seconds if config.updates or config.calls else max(config.seconds, status.seconds)
            run.write_config(replace(config, updates=None, calls=None, seconds=spent + extra_seconds))
        fresh = Status(message="starting", launched=time.time())
        run.write_status(replace(fresh, update=status.update, seconds=status.seconds, started=status.started))


def stop(run: Run, wait: float = 0.0) -> bool:
    """Ask a living run to stop, wait up to `wait` seconds, and return whether it ended. RunError when it is over."""
    run.change(Change(stop=True))
    deadline = time.monotonic() + wait
    while run.state in ACTIVE:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def launch(run: Run) -> None:
    """Start the worker of a run that has none; RunError as of `_begin`.

    Ctrl-C meanwhile stops the run, since nobody would follow it.
    """
    try:
        with _writing(run):
            _begin(run)
    except KeyboardInterrupt:
        with suppress(RunError):  # there is no worker yet
            run.change(Change(stop=True))
        raise


@contextmanager
def _writing(run: Run) -> Iterator[None]:
    """Turn an error of writing the run's files, as on a full disk, into a RunError with the way out."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"run {run.id} cannot learn: {reason(error)}; free some space, or check its folder {run.folder}"
        ) from None


def _begin(run: Run) -> None:
    """Start the worker, hand the run's lock down to it, and wait until it says so; RunError when it does not.

    There is no moment at which nobody holds the lock: whoever finds it free from now on knows that the worker is dead.
    """
    lock = acquire(run.folder / RUN_LOCK, LOCK_TIMEOUT)
    if lock is None:
        raise RunError(f"run {run.id} has a living worker already")
    heard, word = os.pipe()
    with open(heard, "rb") as answer:
        try:
            device = resolve_device(run.config.device).type
            run.write_status(replace(run.status, handed=True, device=device))
            process = _spawn(run, device, lock, word)
        finally:
            os.close(lock)
            os.close(word)
        # somebody has to collect its exit code, or it stays a zombie under an app that runs for days
        threading.Thread(target=process.wait, daemon=True).start()
        in_time = select.select([answer], [], [], LAUNCH_GRACE)[0]
        if not (in_time and answer.read(1)):  # the pipe's other end was closed without a word
            process.kill()
            process.wait()  # until the system has freed its lock: a run that failed is not alive for another moment
            why = "ended at once" if in_time else f"did not start within {LAUNCH_GRACE:.0f} seconds"
            raise RunError(_report(run, f"its worker {why}"))


def _spawn(run: Run, device: str, lock: int, word: int) -> subprocess.Popen[bytes]:
    """Start the worker's process, which inherits both descriptors, and return it.

    It is told how many slots and which GPUs there are, and so need not import torch to wait for one.
    """
    there = {SLOTS: str(slot_count(device)), **({VISIBLE_GPUS: ",".join(gpus())} if device == "cuda" else {})}
    with open(run.folder / "worker.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "seqtutor_core.runs.worker", str(run.folder.resolve()), str(lock), str(word)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # closing the app's terminal does not reach it
            cwd=PACKAGE_PARENT,
            env={**os.environ, **there, **for_processes()},
            pass_fds=(lock, word),
        )


def _report(run: Run, why: str) -> str:
    """Record that the run failed; return the message, with the last line of the worker's log."""
    lines = (run.folder / "worker.log").read_text(errors="replace").splitlines()
    message = f"run {run.id} could not be started: {why}" + (f" ({lines[-1]})" if lines else "")
    run.write_status(replace(run.status, state="failed", error=message, ended=time.time()))
    return message
