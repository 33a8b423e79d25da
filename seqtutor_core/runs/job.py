"""What a worker does: wait for the device, learn from the last checkpoint on, record, sum up."""

import contextlib
import errno
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from filelock import FileLock, Timeout

from seqtutor_core import prior as priors
from seqtutor_core.admitted import check_admitted
from seqtutor_core.config import Change, resolve_device
from seqtutor_core.domains import domain
from seqtutor_core.errors import RunError, SeqTutorError
from seqtutor_core.evaluation import figures, rollouts
from seqtutor_core.parallel import one_thread
from seqtutor_core.rollout import Rollout
from seqtutor_core.runs import trash
from seqtutor_core.runs.checkpoints import Checkpoint, drop_damaged, load_checkpoint, thin
from seqtutor_core.runs.collapse import MESSAGE
from seqtutor_core.runs.controls import Inbox
from seqtutor_core.runs.gauging import LIVE
from seqtutor_core.runs.leaving import Leaving
from seqtutor_core.runs.locks import sign_slot, slot_lock, slot_signature
from seqtutor_core.runs.recorder import Recorder
from seqtutor_core.runs.store import Run, Status, sweep
from seqtutor_core.tuning import Tuner, tune

MEASURED = 2048  # sequences that summary and last gauge are over
FIRST_MEASURED = 256  # those of a run that is stopped: should its two seconds not be enough for more
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Stopping = Callable[[], bool]
"""Whether the system asked this process to end."""


def work(run: Run, stopping: Stopping = lambda: False, leaving: Leaving | None = None) -> int:
    """Do a run to its end, record how it ended whatever happens, and return the exit code.

    The caller holds the run's lock. `leaving` is told how to save the run from another thread.
    """
    try:
        _work(run, stopping, leaving)
        return 0
    except SeqTutorError as error:
        _end(run, state="failed", error=str(error))
    except Exception as error:  # noqa: BLE001  whatever it was, whoever watches the run must hear of it
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            _end(run, state="stopped", message=_disk_full(run))
        else:
            _end(run, state="failed", error=f"{type(error).__name__}: {error}")
            with contextlib.suppress(OSError), open(run.folder / "worker.log", "a", encoding="utf-8") as log:
                traceback.print_exc(file=log)
    return 1


def _work(run: Run, stopping: Stopping, leaving: Leaving | None) -> None:
    status = replace(run.status, state="waiting", message="loading the prior", error="", pid=os.getpid())
    run.write_status(status)
    run.sweep()
    sweep()
    trash.sweep()
    run.fill_reserve()
    config = run.config
    world = domain(config.domain, config.settings)
    world.vocabulary.check(config.primer)
    check_admitted(config.prior)
    prior = priors.load(config.prior, vocabulary=world.vocabulary)
    status = replace(status, device=resolve_device(config.device).type)
    checkpoint = load_checkpoint(run.folder / "checkpoints")
    offset = checkpoint.plain.get("controls_offset", 0) if checkpoint else 0
    inbox = Inbox(run.folder / "controls.jsonl", world.terms, offset)

    slot = _wait_for_slot(run, status, inbox, stopping)
    if slot is None:
        run.write_status(replace(status, state="stopped", message="stopped while waiting", ended=time.time()))
        return
    with slot:
        tuner = Tuner(config, world, prior.network)
        status = replace(status, started=status.started or time.time(), message=_restore(run, tuner, checkpoint))
        recorder = Recorder(run, tuner, inbox, status)
        if leaving:
            leaving.save = recorder.leave
        _learn(recorder, stopping)


def _wait_for_slot(run: Run, status: Status, inbox: Inbox, stopping: Stopping) -> FileLock | None:
    """The device's lock, held, when it is this run's turn; None when the run is stopped before."""
    lock, said = slot_lock(status.device), ""
    while True:
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            sign_slot(status.device, run.id)
            return lock
        inbox.kept = inbox.read()
        if stopping() or any(change.stop for change in inbox.kept):
            return None
        message = f"waiting for run {slot_signature(status.device) or 'of another program'} on {status.device}"
        if message != said:
            run.write_status(replace(status, message=message))
            said = message
        time.sleep(0.1)


def _restore(run: Run, tuner: Tuner, checkpoint: Checkpoint | None) -> str:
    """Go on from a checkpoint; returns what the user should know about it."""
    if checkpoint is None:
        return ""
    drop_damaged(run.folder / "checkpoints", checkpoint)
    if not checkpoint.tensors:
        return "no checkpoint could be read; the run began again"
    plain = {name: value for name, value in checkpoint.plain.items() if name != "controls_offset"}
    try:
        tuner.restore(checkpoint.tensors, plain)
    except (KeyError, ValueError, RuntimeError) as error:
        raise RunError(
            f"the checkpoint of run {run.id} does not fit its prior and settings ({error}); "
            "put them back as they were, or start a new run"
        ) from None
    return f"the last checkpoint was damaged; went on from update {tuner.update}" if checkpoint.damaged else ""


def _learn(recorder: Recorder, stopping: Stopping) -> None:
    tuner = recorder.tuner
    recorder.say(state="running", ended=None, summary=None)

    def controls() -> list[Change]:
        changes = recorder.inbox.read()
        return [*changes, Change(stop=True)] if stopping() or gave_up() else changes

    def gave_up() -> bool:
        return tuner.config.stop_on_collapse and recorder.collapse.collapsed

    for progress in tune(tuner, controls):
        recorder.heed(progress)
    recorder.line()
    recorder.checkpoint()
    state = "finished" if tuner.progress >= 1 else "stopped"
    if state == "stopped" and gave_up():
        recorder.say(message=MESSAGE)
    if not stopping():  # the system is in a hurry
        _measure(recorder, [MEASURED] if state == "finished" else [FIRST_MEASURED, MEASURED])
    recorder.say(state=state, ended=time.time())
    if state == "finished":
        thin(recorder.run.folder / "checkpoints", 1)
        recorder.run.free_reserve()


def _measure(recorder: Recorder, counts: list[int]) -> None:
    """Sum up so many sequences of the tuned policy, then more of them, and gauge the last; all is written at once."""
    tuner, message = recorder.tuner, recorder.status.message
    for n in counts:
        recorder.say(message=f"measuring {n:,} samples of the tuned policy{_about(recorder.gauging.took * n / LIVE)}")
        with one_thread():
            drawn = policy_sample(tuner, n)
            summary = {**summarise(recorder.run, tuner, drawn), "gauge": None}
        recorder.say(summary=summary)
    gauge = recorder.gauge(n, drawn)
    recorder.say(summary={**summary, "gauge": gauge}, message=recorder.news() or message)


def _about(seconds: float) -> str:
    """Return how long it will take, going by the last gauge of the run; nothing without one."""
    return f", about {max(1, round(seconds))} s" if seconds else ""


def policy_sample(tuner: Tuner, n: int) -> Rollout:
    """n sequences of the tuned policy."""
    config, before = tuner.config, tuner.config.sampling_primer
    drawn = rollouts(tuner.domain, tuner.prior, tuner.policy, config.learner, n, config.seed, before)
    return Rollout.concat([*drawn])


def summarise(run: Run, tuner: Tuner, drawn: Rollout) -> dict[str, Any]:
    """The figures of the tuned policy's sequences, with the weights and c as they stand."""
    config = tuner.config
    return {
        "run": run.id,
        "domain": config.domain,
        "learner": config.learner,
        "preset": config.preset,
        "kl_coefficient": tuner.c,
        "kl_budget": tuner.kl_budget,
        "seconds": tuner.seconds,
        "updates": tuner.update,
        "environment_steps_per_second": tuner.environment_steps / tuner.seconds if tuner.seconds else 0.0,
        **figures(tuner.domain, [drawn], tuner.weights_by_name, tuner.c),
    }


# ---------------------------------------------------------------- bad ends


def _end(run: Run, **changes: Any) -> None:
    """Write the last status, if need be into the room kept for it."""
    try:
        status = run.status
    except RunError:
        status = Status()
    status = replace(status, ended=time.time(), **changes)
    try:
        run.write_status(status)
    except OSError:
        run.free_reserve()
        with contextlib.suppress(OSError):  # then the free lock alone tells of the end: interrupted
            run.write_status(status)


def _disk_full(run: Run) -> str:
    found = load_checkpoint(run.folder / "checkpoints")
    saved = f"it is saved as of update {found.plain['update']}" if found and found.tensors else "nothing was saved yet"
    return f"the disk is full, so the run stopped; {saved}. Free some space, then resume it"
