"""SIGKILL at random moments of a run's life, from its worker's first to its last, and what becomes of the run."""

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from benchmarks.browser import Row
from benchmarks.reliability.inputs import temporary_home
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import launcher
from seqtutor_core.runs.checkpoints import check_checkpoint, read_policy
from seqtutor_core.runs.store import ACTIVE, Run, all_runs
from tests.running import small, tiny_prior, wait_for
from tests.test_faults import UPDATES, policy_bytes

KILLS = 200
STARTING, LEARNING, MEASURING = "while it started", "while it learned", "while it was measured"


def kills(count: int) -> list[Row]:
    """Kill workers `count` times, resume each, and compare what becomes of them with a run that nothing befell."""
    chance, moments = random.Random(17), Counter[str]()
    lost = unreadable = equal = 0
    with temporary_home() as home:
        prior = tiny_prior(home / "own")
        whole, began = launcher.start(small(prior, updates=UPDATES)), time.monotonic()
        wait_for(lambda: whole.status.state != "waiting", whole)
        starts = time.monotonic() - began
        wait_for(lambda: whole.state not in ACTIVE, whole)
        reference, learns = policy_bytes(whole), time.monotonic() - began - starts
        while sum(moments.values()) < count:
            run, killed = launcher.start(small(prior, updates=UPDATES)), 0
            while sum(moments.values()) < count:
                late = chance.random() < 0.5  # a worker that resumes starts for longer than it has left to learn
                moment = _killed(run, chance.uniform(0, learns if late else starts), late)
                if not moment:
                    break
                moments[moment] += 1
                killed += 1
                lost += run.id not in [each.id for each in all_runs()] or run.state == "damaged"
                unreadable += _unreadable(run)
                print(f"kill {sum(moments.values())}, {moment}", file=sys.stderr, flush=True)
                launcher.resume(run)
            wait_for(lambda run=run: run.state not in ACTIVE, run)  # type: ignore[misc]
            equal += killed if run.state == "finished" and policy_bytes(run) == reference else 0
    row = {"kills": count, **{moment: moments[moment] for moment in (STARTING, LEARNING, MEASURING)}}
    return [{**row, "runs lost": lost, "unreadable files": unreadable, "resumed as uninterrupted": equal}]


def _killed(run: Run, after: float, late: bool) -> str:
    """Kill the run's worker some seconds after it was started, or, late, after it began to learn; say when that was.

    Empty where it had ended by itself.
    """
    if late:
        wait_for(lambda: run.state not in ACTIVE or run.status.state != "waiting", run)
    deadline = time.monotonic() + after
    while time.monotonic() < deadline:
        if run.state not in ACTIVE:
            return ""
        time.sleep(0.02)
    status = run.status
    worker = _worker(run)
    if worker is None:
        return ""
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not run.alive, run)
    if run.state != "interrupted":  # it had just ended
        return ""
    return STARTING if status.state == "waiting" else MEASURING if "measuring" in status.message else LEARNING


def _worker(run: Run) -> int | None:
    """Return the number of the process that has the run's folder among its arguments; None when there is none."""
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            with suppress(OSError):
                if run.id.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    return None


def _unreadable(run: Run) -> int:
    """Return how many of a killed run's files cannot be read."""
    readers: list[Callable[[], object]] = [lambda: run.config, lambda: run.status]
    readers += [run.curves, run.samples, run.top_sequences]
    readers += [partial(check_checkpoint, path) for path in (run.folder / "checkpoints").glob("update-*")]
    readers += [partial(read_policy, path) for path in run.folder.glob("policy.safetensors")]
    wrong = 0
    for read in readers:
        try:
            read()
        except SeqTutorError as error:
            wrong += 1
            print(error, file=sys.stderr, flush=True)
    return wrong
