"""What a worker does in its slot: learn from the last checkpoint on, record, sum up."""

import contextlib
import errno
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from seqtutor_core import priors
from seqtutor_core.admitted import check_admitted
from seqtutor_core.config import Change, resolve_device
from seqtutor_core.domains import build_domain
from seqtutor_core.environment import run_megabytes
from seqtutor_core.errors import RunError, SeqTutorError
from seqtutor_core.evaluation import figures, rollouts
from seqtutor_core.parallel import one_thread
from seqtutor_core.rollout import Rollout
from seqtutor_core.runs import trash
from seqtutor_core.runs.cadence import DEFAULT, Cadence
from seqtutor_core.runs.checkpoints import Checkpoint, delete_damaged, load_checkpoint, prune_checkpoints
from seqtutor_core.runs.collapse import COLLAPSE_MESSAGE
from seqtutor_core.runs.recorder import Recorder
from seqtutor_core.runs.steering import ControlReader
from seqtutor_core.runs.stop_watchdog import StopWatchdog
from seqtutor_core.runs.store import Run, Status, delete_unfinished
from seqtutor_core.tuning import Tuner, tune
from seqtutor_core.tuning.calls import EXHAUSTED_MESSAGE
from seqtutor_core.tuning.out_of_memory import halve_until_it_fits

PREPARING = "preparing the GPU: a few seconds, some 20 when this computer does it for the first time"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

ShouldStop = Callable[[], bool]
"""Whether the system asked this process to end."""


def execute_run(
    run: Run,
    should_stop: ShouldStop = lambda: False,
    watchdog: StopWatchdog | None = None,
    cadence: Cadence = DEFAULT,
) -> int:
    """Do a run to its end, record how it ended whatever happens, and return the exit code.

    The caller holds the run's lock and a slot. should_stop: asked between updates. watchdog: is told how to save the
    run from another thread. cadence: what is written when.
    """
    try:
        _run(run, should_stop, watchdog, cadence)
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


def _run(run: Run, should_stop: ShouldStop, watchdog: StopWatchdog | None, cadence: Cadence) -> None:
    status = replace(run.status, state="waiting", message="loading the prior", error="", pid=os.getpid())
    run.write_status(status)
    run_megabytes()  # refuses a limit that is none
    run.delete_partial_files()
    delete_unfinished()
    trash.purge()
    run.fill_reserve()
    config = run.config
    domain = build_domain(config.domain, config.settings)
    domain.vocabulary.check(config.primer)
    check_admitted(config.prior)
    prior = priors.load(config.prior, space=domain)
    status = replace(status, device=resolve_device(config.device).type)
    checkpoint = load_checkpoint(run.folder / "checkpoints")
    offset = checkpoint.plain.get("controls_offset", 0) if checkpoint else 0
    control_reader = ControlReader(run.folder / "controls.jsonl", domain.terms, offset)
    tuner = Tuner(config, domain, prior.network)
    restored = _restore(run, tuner, checkpoint)
    if tuner.device.type == "cuda":
        run.write_status(replace(status, message=PREPARING))
        halve_until_it_fits(tuner, tuner.prepare)
    status = replace(status, started=status.started or time.time(), message=restored)
    recorder = Recorder(run, tuner, control_reader, status, cadence)
    if watchdog:
        watchdog.on_stop = recorder.stop_now
    _learn(recorder, should_stop)


def _restore(run: Run, tuner: Tuner, checkpoint: Checkpoint | None) -> str:
    """Resume from a checkpoint, if there is one; return what the user should know about it."""
    if checkpoint is None:
        return ""
    delete_damaged(run.folder / "checkpoints", checkpoint)
    if not checkpoint.tensors:
        return "no checkpoint could be read; the run began again"
    plain = {name: value for name, value in checkpoint.plain.items() if name != "controls_offset"}
    try:
        tuner.load_state_dict(checkpoint.tensors, plain)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(
            f"the checkpoint of run {run.id} does not fit its prior and settings ({error}); "
            "put them back as they were, or start a new run"
        ) from None
    return f"the last checkpoint was damaged; went on from update {tuner.update}" if checkpoint.damaged else ""


def _learn(recorder: Recorder, should_stop: ShouldStop) -> None:
    tuner = recorder.tuner
    recorder.write_status(state="running", ended=None, summary=None)

    def controls() -> list[Change]:
        changes = recorder.control_reader.read()
        return [*changes, Change(stop=True)] if should_stop() or has_collapsed() else changes

    def has_collapsed() -> bool:
        return tuner.config.stop_on_collapse and recorder.collapse_detector.collapsed

    with contextlib.closing(tune(tuner, controls)) as steps:  # at once, so that its core is free again
        for progress in steps:
            recorder.on_update(progress)
    recorder.write_metrics()
    recorder.write_checkpoint()
    state = "finished" if tuner.fraction_done >= 1 else "stopped"
    if why := EXHAUSTED_MESSAGE if tuner.calls.exhausted else tuner.curriculum.unreached:
        recorder.write_status(message=why)
    if state == "stopped" and has_collapsed():
        recorder.write_status(message=COLLAPSE_MESSAGE)
    if not should_stop():  # the system is in a hurry
        n = recorder.cadence.final_samples
        _measure(recorder, [n] if state == "finished" else [recorder.cadence.first_final_samples, n])
    recorder.write_status(state=state, ended=time.time())
    if state == "finished":
        prune_checkpoints(recorder.run.folder / "checkpoints", 1)
        recorder.run.free_reserve()


def _measure(recorder: Recorder, counts: list[int]) -> None:
    """Summarise n sequences of the tuned policy for each count, and gauge the last; write each result at once."""
    tuner, message = recorder.tuner, recorder.status.message
    seconds_each = recorder.gauge_monitor.last_duration / recorder.cadence.gauge_samples  # 0 without a gauge
    if tuner.config.calls is not None and tuner.last_rollout is not None:  # no call more than were asked for
        recorder.write_status(summary={**summarise(recorder.run, tuner, tuner.last_rollout), "gauge": None})
        return
    for n in counts:
        expected = seconds_each * n
        about = f", about {max(1, round(expected))} s" if expected else ""
        recorder.write_status(message=f"measuring {n:,} samples of the tuned policy{about}")
        with one_thread():
            rollout = sample_policy(tuner, n)
            summary = {**summarise(recorder.run, tuner, rollout), "gauge": None}
        recorder.write_status(summary=summary)
    gauge = recorder.gauge(n, rollout)
    recorder.write_status(summary={**summary, "gauge": gauge}, message=recorder.take_notices() or message)


def sample_policy(tuner: Tuner, n: int) -> Rollout:
    """Return n sequences of the tuned policy."""
    return Rollout.concat([*rollouts(tuner.policy, n, tuner.config.seed, tuner.config.sampling_primer)])


def summarise(run: Run, tuner: Tuner, rollout: Rollout) -> dict[str, Any]:
    """Return the figures of the tuned policy's sequences, with the weights and c as they stand."""
    config = tuner.config
    return {
        "run": run.id,
        "domain": config.domain,
        "learner": config.learner,
        "preset": config.preset,
        "combination": tuner.objective.combination,
        "kl_coefficient": tuner.objective.c,
        "kl_budget": tuner.adaptive_kl.target_kl,
        "seconds": tuner.seconds,
        "updates": tuner.update,
        **({"calls": tuner.calls.evaluated.count, "best": tuner.best} if tuner.calls.counted else {}),
        "environment_steps_per_second": tuner.environment_steps / tuner.seconds if tuner.seconds else 0.0,
        "shards": [str(choice) for choice in tuner.shards.choices.values()],
        **figures(tuner.objective, [rollout]),
    }


# ---------------------------------------------------------------- bad ends


def _end(run: Run, **changes: Any) -> None:
    """Write the last status, on a full disk into the bytes reserved for it."""
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
    last = load_checkpoint(run.folder / "checkpoints")
    saved = f"it is saved as of update {last.plain['update']}" if last and last.tensors else "nothing was saved yet"
    return f"the disk is full, so the run stopped; {saved}. Free some space, then resume it"
