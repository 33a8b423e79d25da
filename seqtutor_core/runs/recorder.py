"""What a worker writes down while it learns: state, curves, samples, checkpoints, each at its own pace."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from torch import Tensor

from seqtutor_core.descent import part
from seqtutor_core.files import replace_text
from seqtutor_core.progress import Progress
from seqtutor_core.rollout import Rollout
from seqtutor_core.runs.board import Board
from seqtutor_core.runs.checkpoints import save_checkpoint, save_policy
from seqtutor_core.runs.collapse import CollapseWatch
from seqtutor_core.runs.controls import Inbox
from seqtutor_core.runs.gauging import LIVE, Gauging
from seqtutor_core.runs.lines import append
from seqtutor_core.runs.records import ENDED
from seqtutor_core.runs.store import BEST, Run, Status
from seqtutor_core.tuning import Snapshot, Tuner

LINE_EVERY = 1.0  # seconds
SAMPLES_EVERY = 2.0
POLICY_EVERY = 3.0  # for those who listen while it learns
FIRST_POLICY = 0.5
CHECKPOINT_EVERY = 15.0
FIRST_CHECKPOINT = 2.0
CHECKPOINT_SHARE = 0.05  # most of the time that may go into checkpoints
SEQUENCES = 4  # kept of a rollout
MOMENTS = 48  # samples kept; beyond that every other one of the older is dropped
UNWRITTEN = ("tokens", "lengths", "sums", "message")  # of a Progress
RECENT = 16  # of which these many latest are never thinned


class Recorder:
    """The only writer of a run's files while its worker lives."""

    def __init__(self, run: Run, tuner: Tuner, inbox: Inbox, status: Status) -> None:
        self.run, self.tuner, self.inbox, self.status = run, tuner, inbox, status
        now = time.monotonic()
        self.next_line = self.next_samples = now
        self.next_policy = now + FIRST_POLICY
        self.next_checkpoint = now + FIRST_CHECKPOINT
        self.settings = _settings_at(tuner)
        self.notices: list[str] = []
        self.last: Progress | None = None
        self.board = Board(run.best())
        self.gauging = Gauging(tuner)
        self.collapse = CollapseWatch()
        self.first = next(iter(run.metrics()[0]), None)  # line, that alarms compare with
        self.written = self.saved = -1  # updates of the last line and checkpoint
        self.at = {"update": tuner.update, "seconds": tuner.seconds}  # of the last complete update
        self.snapshot: Snapshot | None = None
        """All that a checkpoint keeps of it; None before the first."""
        self.lock = threading.RLock()  # around everything that is written, for another thread may come to an end

    # ------------------------------------------------------------ after each update

    def heed(self, progress: Progress) -> None:
        """Take note of an update, writing what is due; while paused, wait a little. OSError on a full disk."""
        self.notices += self.inbox.wrong + ([progress.message] if progress.message else [])
        self.inbox.wrong.clear()
        if progress.paused:
            self._pause()
            return
        with self.lock:
            self.last = progress
            self.at = {"update": progress.update, "seconds": progress.seconds}
            tensors, plain = self.tuner.snapshot()
            self.snapshot = tensors, {**plain, "controls_offset": self.inbox.offset}
            self.board.add(progress)
        if self.status.state != "running":
            self.say(state="running")
        gauge = self.gauge(LIVE) if self.gauging.due else None
        now = time.monotonic()
        if gauge or now >= self.next_line:
            self.line(gauge)
            self.next_line = now + LINE_EVERY
        if now >= self.next_samples:
            self._samples(progress)
            self.next_samples = now + SAMPLES_EVERY
        if now >= self.next_checkpoint:
            self.checkpoint()
        elif now >= self.next_policy:
            self._policy(self.snapshot[0])

    def _pause(self) -> None:
        if self.status.state != "paused":
            self.line()
            self.checkpoint()
            self.say(state="paused")
        elif self.notices:
            self.say(message=self.news())
        time.sleep(0.1)

    def gauge(self, n: int, drawn: Rollout | None = None) -> dict[str, Any] | None:
        """How far the policy has come, over n sequences; what goes wrong with it is a notice."""
        found = self.gauging.take(n, drawn)
        self.notices += [self.gauging.problem] if self.gauging.problem else []
        return found

    # ------------------------------------------------------------ files

    def say(self, **changes: Any) -> None:
        """Replace the status."""
        with self.lock:
            self.status = replace(self.status, **{**self.at, **changes})
            self.run.write_status(self.status)

    def line(self, gauge: Mapping[str, Any] | None = None) -> None:
        """One line of metrics.jsonl for the last update, unless it has one, and the status with it."""
        with self.lock:
            self._line(gauge)

    def _line(self, gauge: Mapping[str, Any] | None) -> None:
        if self.last is None or self.last.update == self.written:
            return
        values = {f.name: getattr(self.last, f.name) for f in fields(self.last) if f.name not in UNWRITTEN}
        message = self.news()
        settings = _settings(self.last.weights, self.last.kl_coefficient, self.last.kl_budget, self.last.learning_rate)
        changed = [name for name, value in settings.items() if value != self.settings.get(name)]
        fact = {**values, "message": message, "time": time.time(), "changed": changed}
        if gauge:
            fact["gauge"] = dict(gauge)
        self.first = self.first or fact
        self.collapse.see(self.first, fact)
        fact["alarms"] = [vars(alarm) for alarm in self.tuner.domain.alarms([self.first, fact])]
        self.board.save(self.run.folder / BEST)
        append(self.run.folder / "metrics.jsonl", fact)
        self.settings, self.written = settings, self.last.update
        self.say(message=message or self.status.message)

    def checkpoint(self) -> None:
        """Save everything needed to go on, and the policy alone, unless that is done; plan the next."""
        with self.lock:
            self._checkpoint()

    def _checkpoint(self) -> None:
        update = int(self.at["update"])
        if self.snapshot is None or update == self.saved:
            return
        began = time.monotonic()
        tensors, plain = self.tuner.state(self.snapshot)
        if update == self.tuner.update and self.tuner.progress >= 1:
            # the replay memory is tens of megabytes, and a finished run can do without
            tensors = {name: value for name, value in tensors.items() if not name.startswith("replay.")}
        save_checkpoint(self.run.folder / "checkpoints", tensors, plain, update)
        self._policy(tensors)
        self.saved = update
        now = time.monotonic()
        self.next_checkpoint = now + max(CHECKPOINT_EVERY, (now - began) / CHECKPOINT_SHARE)

    def _policy(self, tensors: Mapping[str, Tensor]) -> None:
        """Write the policy alone, for whoever draws from it; a large one is written less often."""
        began = time.monotonic()
        path = self.run.folder / "policy.safetensors"
        with self.lock:
            save_policy(path, part(tensors, "policy."), self.tuner.policy.settings, self.at)
        now = time.monotonic()
        self.next_policy = now + max(POLICY_EVERY, (now - began) / CHECKPOINT_SHARE)

    def leave(self) -> None:
        """Save the last complete update from another thread, wherever this one stands, and write nothing from now on.

        The process ends next.
        """
        self.lock.acquire()
        if self.status.state in ENDED:
            return
        self.line()
        self.checkpoint()
        message = "stopped before it was measured: gauge or evaluate the run for its figures, or resume it"
        self.say(state="stopped", message="" if self.status.summary else message, ended=time.time())

    def _samples(self, progress: Progress) -> None:
        folder = self.run.folder / "samples"
        folder.mkdir(exist_ok=True)
        facts = {"update": progress.update, "seconds": progress.seconds}
        rows = zip(progress.tokens[:SEQUENCES].tolist(), progress.lengths.tolist(), strict=False)
        lines = [json.dumps({**facts, "tokens": row[:length]}) for row, length in rows]
        replace_text(folder / f"{progress.update:09d}.jsonl", "\n".join(lines) + "\n")
        moments = sorted(folder.glob("*.jsonl"))
        if len(moments) > MOMENTS:
            for path in moments[1:-RECENT:2]:
                path.unlink()

    def news(self) -> str:
        """The notices since the last call, as one sentence or more."""
        news, self.notices = "; ".join(dict.fromkeys(self.notices)), []
        return news


def _settings_at(tuner: Tuner) -> dict[str, float]:
    return _settings(tuner.weights_by_name, tuner.c, tuner.kl_budget, tuner.learning_rate)


def _settings(weights: dict[str, float], c: float, kl_budget: float | None, rate: float) -> dict[str, float]:
    """All that a control can change, by the name that a chart marks it with; a KL budget sets c itself."""
    by_term = {f"weights.{name}": weight for name, weight in weights.items()}
    strength = {"kl_coefficient": c} if kl_budget is None else {"kl_budget": kl_budget}
    return {**by_term, **strength, "learning_rate": rate}
