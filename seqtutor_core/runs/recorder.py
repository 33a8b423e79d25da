"""What a worker writes down while it learns: state, curves, samples, checkpoints, each at its own pace."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from seqtutor_core.domains import Alarm
from seqtutor_core.files import replace_text
from seqtutor_core.objective import ZERO_ADVICE
from seqtutor_core.parallel import one_thread
from seqtutor_core.rollout import Rollout
from seqtutor_core.runs.cadence import DEFAULT, Cadence
from seqtutor_core.runs.checkpoints import save_checkpoint, save_policy
from seqtutor_core.runs.collapse import CollapseDetector
from seqtutor_core.runs.gauge_monitor import GaugeMonitor
from seqtutor_core.runs.jsonl import append_line
from seqtutor_core.runs.schemas import ENDED
from seqtutor_core.runs.steering import ControlReader
from seqtutor_core.runs.store import TOP_SEQUENCES_FILE, Run, Status
from seqtutor_core.runs.top_sequences import TopSequences
from seqtutor_core.tuning import Progress, Snapshot, Steering, Tuner
from seqtutor_core.tuning.optim import subset_by_prefix

SAMPLES_PER_FILE = 4  # sequences


class Recorder:
    """The only writer of a run's files while its worker lives."""

    def __init__(
        self, run: Run, tuner: Tuner, control_reader: ControlReader, status: Status, cadence: Cadence = DEFAULT
    ) -> None:
        self.run, self.tuner, self.control_reader, self.status = run, tuner, control_reader, status
        self.cadence = cadence
        now = time.monotonic()
        self.next_metrics = self.next_samples = now
        self.next_policy = now + cadence.policy_first
        self.next_checkpoint = now + cadence.checkpoint_first
        self.settings = _settings(tuner.steering)
        self.notices: list[str] = []
        self.last_progress: Progress | None = None
        self.top_sequences = TopSequences(run.top_sequences())
        self.gauge_monitor = GaugeMonitor(tuner, cadence)
        self.collapse_detector = CollapseDetector()
        self.first_line = next(iter(run.metrics()[0]), None)  # line, that alarms compare with
        self.written_update = self.saved_update = -1  # updates of the last line and checkpoint
        self.position = {"update": tuner.update, "seconds": tuner.seconds}  # of the last complete update
        self.snapshot: Snapshot | None = None
        """All that a checkpoint keeps of it; None before the first."""
        self.lock = threading.RLock()  # around everything that is written, for another thread may come to an end

    # ------------------------------------------------------------ after each update

    def on_update(self, progress: Progress) -> None:
        """Write what is due after an update; while paused, wait a little. OSError on a full disk."""
        self.notices += self.control_reader.errors + ([progress.message] if progress.message else [])
        self.control_reader.errors.clear()
        if progress.paused:
            self._pause()
            return
        with self.lock, one_thread():
            self.last_progress = progress
            self.position = {"update": progress.counters.update, "seconds": progress.counters.seconds}
            tensors, plain = self.tuner.snapshot()
            self.snapshot = tensors, {**plain, "controls_offset": self.control_reader.offset}
            self.top_sequences.add(progress, self.tuner.objective)
        if self.status.state != "running":
            self.write_status(state="running")
        gauge = self.gauge(self.cadence.gauge_samples) if self.gauge_monitor.due else None
        now = time.monotonic()
        if gauge or now >= self.next_metrics:
            self.write_metrics(gauge)
            self.next_metrics = now + self.cadence.metrics_every
        if now >= self.next_samples:
            self._write_samples(progress)
            self.next_samples = now + self.cadence.samples_every
        if now >= self.next_checkpoint:
            self.write_checkpoint()
        elif now >= self.next_policy:
            self._write_policy(self.snapshot[0])

    def _pause(self) -> None:
        if self.status.state != "paused":
            self.write_metrics()
            self.write_checkpoint()
            self.write_status(state="paused")
        elif self.notices:
            self.write_status(message=self.take_notices())
        time.sleep(0.1)

    def gauge(self, n: int, rollout: Rollout | None = None) -> dict[str, Any] | None:
        """Return the gauge of the policy over n sequences, None where there is none; its errors become notices."""
        gauge = self.gauge_monitor.measure(n, rollout)
        self.notices += [self.gauge_monitor.error] if self.gauge_monitor.error else []
        return gauge

    # ------------------------------------------------------------ files

    def write_status(self, **changes: Any) -> None:
        """Replace status.json, with these fields changed."""
        with self.lock:
            self.status = replace(self.status, **{**self.position, **changes})
            self.run.write_status(self.status)

    def write_metrics(self, gauge: Mapping[str, Any] | None = None) -> None:
        """Append the last update to metrics.jsonl, unless it is there, and write the status."""
        with self.lock:
            self._write_metrics(gauge)

    def _write_metrics(self, gauge: Mapping[str, Any] | None) -> None:
        last = self.last_progress
        if last is None or last.counters.update == self.written_update:
            return
        message = self.take_notices()
        settings = _settings(last.steering)
        changed = [name for name, value in settings.items() if value != self.settings.get(name)]
        fact = {**last.to_json(), "message": message, "time": time.time(), "changed": changed}
        if gauge:
            fact["gauge"] = dict(gauge)
        self.first_line = self.first_line or fact
        self.collapse_detector.update(self.first_line, fact)
        alarms = [*self.tuner.domain.alarms([self.first_line, fact]), *_zero_alarm(last)]
        fact["alarms"] = [vars(alarm) for alarm in alarms]
        self.top_sequences.save(self.run.folder / TOP_SEQUENCES_FILE)
        append_line(self.run.folder / "metrics.jsonl", fact)
        self.settings, self.written_update = settings, last.counters.update
        self.write_status(message=message or self.status.message)

    def write_checkpoint(self) -> None:
        """Save all that is needed to resume, and the policy alone, unless that is done; plan the next."""
        with self.lock:
            self._write_checkpoint()

    def _write_checkpoint(self) -> None:
        update = int(self.position["update"])
        if self.snapshot is None or update == self.saved_update:
            return
        began = time.monotonic()
        tensors, plain = self.tuner.state_dict(self.snapshot)
        if update == self.tuner.update and self.tuner.fraction_done >= 1:
            # the replay memory is tens of megabytes, and a finished run can do without
            tensors = {name: value for name, value in tensors.items() if not name.startswith("replay.")}
        save_checkpoint(self.run.folder / "checkpoints", tensors, plain, update)
        self._write_policy(tensors)
        self.saved_update = update
        now = time.monotonic()
        self.next_checkpoint = now + max(self.cadence.checkpoint_every, (now - began) / self.cadence.writing_share)

    def _write_policy(self, tensors: Mapping[str, Tensor]) -> None:
        """Write the policy alone, for whoever draws from it; a large one is written less often."""
        began = time.monotonic()
        path = self.run.folder / "policy.safetensors"
        with self.lock:
            save_policy(path, subset_by_prefix(tensors, "policy."), self.tuner.network.settings, self.position)
        now = time.monotonic()
        self.next_policy = now + max(self.cadence.policy_every, (now - began) / self.cadence.writing_share)

    def stop_now(self, why: str = "") -> None:
        """Save the last complete update from another thread, wherever this one stands, and write nothing from now on.

        why: the run stops, unless it was asked to. The process ends next.
        """
        self.lock.acquire()
        if self.status.state in ENDED:
            return
        self.write_metrics()
        self.write_checkpoint()
        message = "stopped before it was measured: gauge or evaluate the run for its figures, or resume it"
        message = why or ("" if self.status.summary else message)
        self.write_status(state="stopped", message=message, ended=time.time())

    def _write_samples(self, progress: Progress) -> None:
        folder = self.run.folder / "samples"
        folder.mkdir(exist_ok=True)
        facts = {"update": progress.counters.update, "seconds": progress.counters.seconds}
        rows = zip(progress.tokens[:SAMPLES_PER_FILE].tolist(), progress.lengths.tolist(), strict=False)
        lines = [json.dumps({**facts, "tokens": row[:length]}) for row, length in rows]
        replace_text(folder / f"{progress.counters.update:09d}.jsonl", "\n".join(lines) + "\n")
        files = sorted(folder.glob("*.jsonl"))
        if len(files) > self.cadence.sample_files:
            for path in files[1 : -self.cadence.newest_sample_files : 2]:
                path.unlink()

    def take_notices(self) -> str:
        """Return the notices since the last call, joined by semicolons."""
        notices, self.notices = "; ".join(dict.fromkeys(self.notices)), []
        return notices


def _settings(steering: Steering) -> dict[str, float | str]:
    """Return all that steering can change, by the name that a chart marks it with; a KL budget sets c itself."""
    objective, kl_budget = steering.objective, steering.kl_budget
    by_term = {f"weights.{name}": weight for name, weight in objective.weights.items()}
    strength = {"kl_coefficient": objective.c} if kl_budget is None else {"kl_budget": kl_budget}
    return {**by_term, "combination": objective.combination, **strength, "learning_rate": steering.learning_rate}


def _zero_alarm(progress: Progress) -> list[Alarm]:
    """Return the alarm of a geometric mean that is 0 because a term is 0 in the whole rollout; else none."""
    zero = progress.steering.objective.always_zero(progress.sums)
    return [Alarm(f"The reward is 0 everywhere, since {', '.join(zero)} is", ZERO_ADVICE)] if zero else []
