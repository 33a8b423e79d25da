"""The folder of a sweep, beside the runs: its file as it was begun, and for each point what became of it.

SWEEP/sweep.toml          the file                SWEEP/journal.log     Optuna's study
SWEEP/points/0007.json    a point, replaced whole SWEEP/table.json      what the command ended with
SWEEP/points/0007.lock    who works on it         SWEEP/frontier.html   reward against KL
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seqtutor_core.errors import InputError, SettingError
from seqtutor_core.files import home, read_whole, reason, replace_text
from seqtutor_core.rules import by_name, check, flag, made, number, one_of, optional, parse_json, shown, text, whole
from seqtutor_core.runs.locks import acquire, is_held
from seqtutor_core.runs.schemas import COUNT, SECONDS
from seqtutor_core.sweeps.plan import MOST_BYTES, MOST_POINTS, Plan, parse_plan

OPEN, DONE, FAILED = STATES = ("open", "done", "failed")
FIGURES = ("reward", "kl", "j", "distinct", "gauge")
WORKING, STOP = "working.lock", "stop"
PATIENCE = 30.0  # seconds; others hold the lock for the time of drawing a point


@dataclass(frozen=True)
class Point:
    """One point of a sweep and its run."""

    number: int
    values: dict[str, Any]
    """What is set there."""
    run: str = ""
    """The run's id, once there is one."""
    state: str = OPEN
    """open until it is done or failed for good."""
    pruned: bool = False
    """Whether it was stopped early since its J lay below the median."""
    failures: int = 0
    interruptions: int = 0
    """How often its worker vanished since the run last got further."""
    reached: int = 0
    """The update of its newest checkpoint when its worker vanished."""
    why: str = ""
    """What went wrong last."""
    figures: dict[str, float | None] = field(default_factory=dict)
    began: float = 0.0
    ended: float = 0.0
    """Seconds since 1970."""

    def __post_init__(self) -> None:
        count = whole(0, MOST_POINTS)
        check(self, number=count, failures=count, interruptions=count, reached=COUNT)
        check(self, state=one_of(*STATES), pruned=flag)
        check(self, values=by_name(lambda _, value: value), run=text, why=text, began=SECONDS, ended=SECONDS)
        check(self, figures=by_name(optional(number())))

    @property
    def title(self) -> str:
        """What is set there, in one line."""
        return " ".join(f"{name}={_short(value)}" for name, value in self.values.items())


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class SweepFolder:
    """A sweep by its folder; everything is read when asked for."""

    path: Path

    @property
    def name(self) -> str:
        """What it is called: the tag of its runs."""
        return self.path.name

    @property
    def plan(self) -> Plan:
        """The plan that it was begun with; InputError or SettingError where its file is missing or damaged."""
        try:
            return parse_plan(self.name, read_whole(self.path / "sweep.toml", MOST_BYTES).decode())
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the sweep {self.name} cannot be read: {reason(error)}") from None

    def points(self) -> list[Point]:
        """Return all points so far, by number; SettingError for a damaged record."""
        return list(map(self.point, self.numbers()))

    def numbers(self) -> list[int]:
        """Return the numbers of all points so far."""
        return sorted(int(path.stem) for path in self.path.glob("points/[0-9]*.json"))

    def point(self, number: int) -> Point:
        """Return a point; SettingError, with the way out, for a damaged record: what is set there is lost."""
        path = self._record(number)
        try:
            return made(Point, parse_json(read_whole(path, MOST_BYTES)), "field of a point")
        except (OSError, ValueError) as error:  # SettingError is a ValueError
            raise SettingError(
                f"{path} is damaged ({reason(error)}); restore it, or delete the sweep's folder"
            ) from None

    def write(self, point: Point) -> None:
        """Replace a point's record; OSError when it cannot be written."""
        replace_text(self._record(point.number), json.dumps(asdict(point)))

    def claim(self, number: int) -> int | None:
        """Return a descriptor that holds a point, or None while another command does. The dead let go."""
        return acquire(self._record(number).with_suffix(".lock"))

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let others see that a command works on the sweep; any number may."""
        with open(self.path / WORKING, "a") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    @property
    def worked_on(self) -> bool:
        """Whether a command works on it; the dead do not."""
        return is_held(self.path / WORKING, fcntl.LOCK_EX)

    def ask_to_stop(self) -> None:
        """Ask all commands that work on it to stop, with their runs; OSError when it cannot be written."""
        (self.path / STOP).touch()

    def forget_stop(self) -> None:
        """Take the request to stop back."""
        (self.path / STOP).unlink(missing_ok=True)

    @property
    def is_to_stop(self) -> bool:
        """Whether the commands were asked to stop."""
        return (self.path / STOP).exists()

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Let nobody else add a point meanwhile; SettingError when another does not come to an end."""
        lock = acquire(self.path / "drawing.lock", PATIENCE)
        if lock is None:
            raise SettingError(f"another command has been drawing a point of {self.name} for {PATIENCE:.0f} s; end it")
        try:
            yield
        finally:
            os.close(lock)

    def _record(self, number: int) -> Path:
        return self.path / "points" / f"{number:04d}.json"


def sweeps_folder() -> Path:
    """Return the folder of all sweeps."""
    return home() / "sweeps"


def open_sweep(plan: Plan) -> SweepFolder:
    """Return the folder of a plan, made if need be; SettingError when it belongs to another file."""
    folder = SweepFolder(sweeps_folder() / plan.name)
    (folder.path / "points").mkdir(parents=True, exist_ok=True)
    if (folder.path / "sweep.toml").exists() and not plan.same_search(folder.plan):
        raise SettingError(
            f"{shown(str(folder.path))} belongs to a file that asked for something else, and has "
            f"{len(folder.points())} points; rename your file, or delete that folder"
        )
    replace_text(folder.path / "sweep.toml", plan.text)
    return folder


def all_sweeps() -> list[SweepFolder]:
    """Return all sweeps, the one that changed last first."""
    paths = [path.parent for path in sweeps_folder().glob("*/sweep.toml")]
    return [SweepFolder(path) for path in sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)]
