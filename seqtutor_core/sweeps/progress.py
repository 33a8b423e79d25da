"""How far a sweep is, and what it found: an estimate, a table, the best points."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqtutor_core.sweeps.folder import DONE, FAILED, FIGURES, OPEN, Point
from seqtutor_core.sweeps.plan import AIMS

MOST_BEST = 10


@dataclass(frozen=True)
class Progress:
    """How many points there are, how they stand, and how long the others may take."""

    size: int
    done: int
    failed: int
    living: int
    seconds_left: float | None
    """Estimated from the points that are done; None before the first."""

    @property
    def sentence(self) -> str:
        """All of it in words."""
        failed = f", {self.failed} failed" if self.failed else ""
        left = f", about {in_words(self.seconds_left)} left" if self.seconds_left else ""
        return f"{self.done} of {self.size} points done{failed}, {self.living} running{left}"


def progress(points: Sequence[Point], size: int, slots: int) -> Progress:
    """Return how a sweep of `size` points stands, of which `slots` are computed at a time."""
    done = [point for point in points if point.state == DONE]
    failed = sum(point.state == FAILED for point in points)
    living = sum(point.state == OPEN and bool(point.run) for point in points)
    durations = [point.ended - point.began for point in done]
    rounds = math.ceil((size - len(done) - failed) / slots)
    left = rounds * sum(durations) / len(durations) if durations else None
    return Progress(size, len(done), failed, living, left)


def in_words(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def best_points(points: Sequence[Point], aims: Sequence[str]) -> list[Point]:
    """Return the points that no other exceeds in one aim without falling behind in another, the first aim's best first.

    At most ten, and of one aim the ten highest.
    """
    measured = [p for p in points if p.state == DONE and all(p.figures.get(aim) is not None for aim in aims)]
    measured.sort(key=lambda point: _merits(point, aims), reverse=True)
    if len(aims) == 1:
        return measured[:MOST_BEST]
    best = [p for p in measured if not any(_exceeds(other, p, aims) for other in measured)]
    return best[:MOST_BEST]


def _merits(point: Point, aims: Sequence[str]) -> tuple[float, ...]:
    """Return the aims' figures, each so that more is better."""
    return tuple((1 if AIMS[aim] else -1) * (point.figures[aim] or 0.0) for aim in aims)


def _exceeds(one: Point, other: Point, aims: Sequence[str]) -> bool:
    a, b = _merits(one, aims), _merits(other, aims)
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))


# ---------------------------------------------------------------- the table


def facts(point: Point) -> dict[str, Any]:
    """Return a point as a row of the table."""
    state = "pruned" if point.pruned else point.state
    return {
        "point": point.number,
        **point.values,
        **_figures(point),
        "state": state,
        "run": point.run,
        "why": point.why,
    }


def _figures(point: Point) -> Mapping[str, float | None]:
    return {name: point.figures.get(name) for name in FIGURES}


def table(points: Sequence[Point], best: Sequence[Point]) -> str:
    """Return all points as lines of columns, the best marked by a star."""
    if not points:
        return "no points"
    marked = {point.number for point in best}
    names = [name for name in facts(points[0]) if name != "why"]
    rows = [["", *names]]
    for point in points:
        row = facts(point)
        rows.append(["*" if point.number in marked else "", *(_cell(row[name]) for name in names)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(f"{cell:<{n}}" for cell, n in zip(row, widths, strict=True)).rstrip() for row in rows)


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
