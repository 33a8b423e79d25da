"""The run folder: one tuning job's settings, state, curves, samples and checkpoints, and the index of all runs.

RUN/config.json       settings            RUN/samples/       a few sequences as it learns
RUN/status.json       the only state      RUN/checkpoints/   what a killed run resumes from
RUN/metrics.jsonl     curves              RUN/policy.safetensors   the tuned policy
RUN/controls.jsonl    requests            RUN/best.jsonl     the best sequences so far
RUN/name.json         what it is called    RUN/owner.json     whose it is
RUN/tags.json         words to find it by
RUN/worker.lock, RUN/worker.log
"""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seqtutor_core.admitted import admit
from seqtutor_core.config import Change, TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.errors import DamagedRunError, RunError
from seqtutor_core.files import ABSENT, home, read_whole, reason, replace_text, size_of
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.rules import Rule, anything, by_name, made, parse_json, shown
from seqtutor_core.runs.checkpoints import read_policy
from seqtutor_core.runs.jsonl import parse_objects, read_lines, replace_nonfinite
from seqtutor_core.runs.locks import RUN_LOCK, exclusive_index_lock, is_held, runs_folder, shared_index_lock
from seqtutor_core.runs.older import current_config
from seqtutor_core.runs.schemas import ACTIVE, CURVE_LINE, METRICS_LINE, SAMPLE, STATUS, PolicySamples, Status
from seqtutor_core.runs.slots import places
from seqtutor_core.runs.steering import append_change
from seqtutor_core.runs.top_sequences import ScoredSequence
from seqtutor_core.runs.top_sequences import load_top_sequences as load_board
from seqtutor_core.vocabulary import Vocabulary

TOP_SEQUENCES_FILE = "best.jsonl"
MAX_JSON_BYTES = 2**24  # bytes of config.json and of status.json
LAUNCH_GRACE = 20.0  # seconds until a new run must have a worker, and its worker must answer
RESERVE_BYTES = 64 * 1024  # bytes given up when the disk is full, so that the last status can still be written
UNFINISHED = ".new-"  # how the folder of a run begins until all of it is there
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")


@dataclass(frozen=True)
class Run:
    """One run, by its folder; everything is read when asked for."""

    folder: Path

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.folder.name

    # ------------------------------------------------------------ settings and state

    @property
    def config(self) -> TuningConfig:
        """The settings; RunError when config.json is missing, damaged or of another version."""
        with self._reading("config.json"):
            return made(TuningConfig, current_config(self._json("config.json")), "setting")

    def write_config(self, config: TuningConfig) -> None:
        """Replace config.json."""
        replace_text(self.folder / "config.json", json.dumps(config_values(config), indent=2))

    @property
    def status(self) -> Status:
        """What the worker wrote last; RunError when status.json is missing or damaged."""
        with self._reading("status.json"):
            return made(Status, STATUS("it", self._json("status.json")), "status")

    def write_status(self, status: Status) -> None:
        """Replace status.json: for the worker, or for the launcher while there is no worker."""
        replace_text(
            self.folder / "status.json", json.dumps(replace_nonfinite(asdict(status)), indent=2, allow_nan=False)
        )

    @property
    def alive(self) -> bool:
        """Whether a worker holds the run's lock."""
        return is_held(self.folder / RUN_LOCK)

    @property
    def state(self) -> str:
        """The status's state, or "interrupted" when its worker is dead, or "damaged"; never raises."""
        try:
            # twice: between a lock found free and the status read a worker may have started
            return self._state() if (state := self._state()) == "interrupted" else state
        except RunError:
            return "damaged"

    def _state(self) -> str:
        _ = self.config
        if (state := self.status.state) not in ACTIVE:
            return state
        alive = self.alive
        status = self.status  # again: the last thing a worker does under its lock is to write it
        fresh = abs(time.time() - status.launched) < LAUNCH_GRACE
        launching = fresh and not status.handed and status.pid is None
        return "interrupted" if status.state in ACTIVE and not (alive or launching) else status.state

    @property
    def ahead(self) -> int | None:
        """How many runs wait for a slot before this one; None when it does not wait for one."""
        return places().ahead.get(self.id) if self.state == "waiting" else None

    @property
    def problem(self) -> str:
        """Why this run is damaged, with the way out; empty when it is sound."""
        try:
            _ = self.config, self.status
        except RunError as error:
            return str(error)
        return ""

    # ------------------------------------------------------------ what it left

    def metrics(self, since: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Return the complete lines of metrics.jsonl from a byte offset on, and the offset to continue from.

        RunError for a line that breaks its rule.

        A line is a Progress without its tokens, plus `time` and `changed`. See `consistent` for a resumed run.
        """
        return self._lines(METRICS_LINE, since)

    def curves(self, since: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Return the same as `metrics`; RunError also for a line that lacks what curves are drawn from."""
        return self._lines(CURVE_LINE, since)

    def _lines(self, rule: Rule, since: int) -> tuple[list[dict[str, Any]], int]:
        with self._reading("metrics.jsonl"):
            lines, offset = read_lines(self.folder / "metrics.jsonl", since)
            return drop_superseded([rule("a line", fact) for fact in parse_objects(lines)]), offset

    def samples(self) -> list[PolicySamples]:
        """Return sequences sampled as it learned, oldest first, older ones sparser; RunError for a damaged file."""
        moments = []
        for path in sorted((self.folder / "samples").glob("*.jsonl")):
            with self._reading(f"samples/{path.name}"):
                lines = [SAMPLE("a sample", fact) for fact in parse_objects(read_lines(path, 0)[0])]
                sequences = [self._vocabulary.check(line["tokens"]) for line in lines]
            if lines:  # none: thinned meanwhile
                moments.append(PolicySamples(lines[0]["update"], lines[0]["seconds"], sequences))
        return moments

    def top_sequences(self) -> list[ScoredSequence]:
        """Return the best sequences so far, in no order, for the reader to rank; RunError for a damaged file."""
        with self._reading(TOP_SEQUENCES_FILE):
            entries = load_board(self.folder / TOP_SEQUENCES_FILE)
            for entry in entries:
                self._vocabulary.check(entry.tokens)
        return entries

    @property
    def _vocabulary(self) -> Vocabulary:
        """What its sequences are written in; SettingError for a domain, or a setting of it, that is not known."""
        return build_domain(self.config.domain, self.config.settings).vocabulary

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return size_of(self.folder)

    # ------------------------------------------------------------ acting on it

    def change(self, change: Change) -> None:
        """Request a change of the living run; RunError when it is over."""
        state = self.state
        if state not in ACTIVE:
            raise RunError(f"run {self.id} is {state} and takes no changes; resume it or start a new one")
        try:
            append_change(self.folder / "controls.jsonl", change)
        except OSError as error:
            raise RunError(f"the request to run {self.id} could not be written: {error.strerror}") from None

    def delete_partial_files(self) -> None:
        """Delete half-written files that a killed worker left; for the worker, under its lock."""
        for folder in (self.folder, self.folder / "checkpoints", self.folder / "samples"):
            for path in folder.glob(".*.tmp"):
                path.unlink(missing_ok=True)

    def free_reserve(self) -> None:
        """Delete the reserved bytes: the disk is full and the status must be written."""
        (self.folder / ".reserve").unlink(missing_ok=True)

    def fill_reserve(self) -> None:
        """Reserve bytes for the day when the disk is full; OSError when it is full already."""
        path = self.folder / ".reserve"
        if not path.exists():
            path.write_bytes(os.urandom(RESERVE_BYTES))  # random, so that no file system stores it in no space

    def _json(self, name: str) -> dict[str, Any]:
        return by_name(anything)("it", parse_json(read_whole(self.folder / name, MAX_JSON_BYTES)))

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Turn errors of reading a file into a RunError that names the file and the way out."""
        try:
            yield
        except (ValueError, OSError) as error:  # SettingError and TokenError are ValueErrors
            problem = f"{name}: {reason(error)}"
            raise DamagedRunError(
                f"run {self.id} is damaged: {problem}; restore the file {self.folder / name} or delete the run", problem
            ) from None


# ---------------------------------------------------------------- the index


def create_run(config: TuningConfig) -> Run:
    """Create a run's folder, in state waiting, and return the run. It appears whole, or not at all with a RunError."""
    run_id = new_run_id(config)
    hidden = Run(runs_folder() / f"{UNFINISHED}{run_id}")
    try:
        home().mkdir(parents=True, exist_ok=True)
        admit(config.prior)
        with shared_index_lock():
            hidden.folder.mkdir(parents=True)
            for name in ("samples", "checkpoints"):
                (hidden.folder / name).mkdir()
            hidden.write_config(config)
            hidden.write_status(Status(message="starting", launched=time.time()))
            (hidden.folder / RUN_LOCK).touch()
            hidden.fill_reserve()
            hidden.folder.rename(runs_folder() / run_id)
    except OSError as error:
        shutil.rmtree(hidden.folder, ignore_errors=True)
        raise RunError(
            f"no run can be kept in {runs_folder()}: {error.strerror}; free some space, "
            "or set SEQTUTOR_HOME to another folder"
        ) from None
    return Run(runs_folder() / run_id)


def new_run_id(config: TuningConfig) -> str:
    """Return an id that no run has: the moment, the learner and four digits of chance."""
    moment = datetime.now(UTC)
    return f"{moment:%Y%m%d-%H%M%S}-{moment.microsecond // 1000:03d}-{config.learner}-{secrets.token_hex(2)}"


def delete_unfinished() -> None:
    """Delete folders of runs whose creator died before they were complete."""
    with exclusive_index_lock() as unused:
        for folder in runs_folder().glob(f"{UNFINISHED}*") if unused else ():
            shutil.rmtree(folder, ignore_errors=True)


def all_runs() -> list[Run]:
    """Return all runs, newest first; damaged ones too, with the state "damaged"."""
    try:
        paths = sorted(runs_folder().iterdir(), reverse=True)
    except ABSENT:  # none yet; any other error is the caller's to tell
        return []
    return [Run(p) for p in paths if p.is_dir() and RUN_ID.fullmatch(p.name)]


def open_run(run_id: str) -> Run:
    """Return a run by its id; RunError names those there are."""
    run = Run(runs_folder() / run_id)
    if not RUN_ID.fullmatch(run_id) or not run.folder.is_dir():
        ids = [r.id for r in all_runs()]
        there = ", ".join(ids[:5]) + (f" and {len(ids) - 5} older ones" if len(ids) > 5 else "")
        raise RunError(f"no run named {shown(run_id)}; " + (f"there are: {there}" if ids else "there is none yet"))
    return run


def load_policy(run: Run) -> RecurrentNetwork:
    """Return the tuned policy's network as last written, frozen, on the CPU; RunError when there is none yet."""
    path = run.folder / "policy.safetensors"
    if not path.exists():
        raise RunError(f"run {run.id} has no tuned policy yet ({run.state}); let it learn for some seconds")
    return read_policy(path)


def drop_superseded(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lines of metrics without those that a killed worker wrote after the checkpoint that was resumed from.

    Readers that collect lines by offset apply it to all they have.
    """
    kept: list[dict[str, Any]] = []
    for line in lines:
        while kept and kept[-1]["update"] >= line["update"]:
            kept.pop()
        kept.append(line)
    return kept


def config_values(config: TuningConfig) -> dict[str, Any]:
    """Return a config as JSON values, as config.json has them."""
    values = {f.name: getattr(config, f.name) for f in fields(config)}
    mappings = {name: dict(values[name]) for name in ("weights", "settings", "overrides")}
    return {**values, **mappings, "primer": list(config.primer), "stages": [str(stage) for stage in config.stages]}
