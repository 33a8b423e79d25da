"""The curves of a run as the browser draws them. They are fed: zoom, cursor and every node of the plots stay."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pages.ui.charts import BLUE, COLOURS, GREEN, GREY, OCHRE, RASPBERRY, TUNED, thinned
from pages.ui.components import component, source
from pages.ui.studio import Studio
from seqtutor_core.domains import Figure, RewardTerm

FIRST = 15.0  # seconds on the time axis; it doubles when they are over
ROWS = 5  # of the legend of the reward terms, two terms each; kept so that a weight moved from 0 moves nothing else
STROKES = ("", "7 4", "2 3", "9 3 2 3", "14 4")  # dashes of SVG, the second cue: with eight colours 40 looks
TERM_COLOURS = (*COLOURS[3:], *COLOURS[:3])

Line = Mapping[str, Any]


_chart = component(
    "sequence_tutor_curves",
    html=source("curves.html"),
    css=source("curves.css"),
    js=source("mount.js", "curves_scale.js", "curves_plot.js", "curves.js"),
)


def chart(studio: Studio, run_id: str, lines: Sequence[Line], calls: int | None = None) -> None:
    """Draw the curves of a run; without lines their places, empty. calls: see chart_data."""
    _chart(key="curves", data=chart_data(studio, run_id, lines, calls))


# ---------------------------------------------------------------- what is drawn


@dataclass(frozen=True)
class Series:
    """One line of a plot."""

    name: str
    values: Sequence[float | None]
    colour: str
    dash: str = ""
    """Of SVG."""
    right: bool = False
    """Whether it belongs to the axis at the right."""
    percent: bool = False


@dataclass(frozen=True)
class Axis:
    """The ends of an axis that do not follow the values."""

    from_zero: bool = False
    to: float | None = None
    percent: bool = False


@dataclass(frozen=True)
class Plot:
    """A plot with one axis or two."""

    title: str
    series: Sequence[Series]
    left: Axis = field(default_factory=Axis)
    right: Axis | None = None
    rows: int = 0
    """Rows kept for a legend below the title; 0 puts it beside the title."""


SHARE = Axis(from_zero=True, to=1.0, percent=True)


def chart_data(studio: Studio, run_id: str, lines: Sequence[Line], calls: int | None = None) -> dict[str, Any]:
    """Return all that the component draws, at most MOST_POINTS a series; without lines the plots are empty.

    calls: the run's budget of them, for curves by calls, the best so far among them; None: by seconds.
    """
    along, until, unit = ("calls", float(calls), "calls") if calls else ("seconds", FIRST, "s")
    lines = [line for line in lines if along in line]
    while lines and lines[-1][along] > until:
        until *= 2
    best = [_best(lines)] if calls else []
    return {
        "run": run_id,
        "seconds": [_short(line[along]) for line in thinned(lines)],
        "unit": unit,
        "until": until,
        "changes": [_short(line[along]) for line in thinned([line for line in lines if line.get("changed")])],
        "plots": [asdict(plot) for plot in [*best, *plots(lines, studio.terms, studio.figures)]],
    }


def plots(lines: Sequence[Line], terms: Sequence[RewardTerm], figures: Sequence[Figure]) -> list[Plot]:
    """Return J, reward and KL, reward by term, entropy and distinct share, and the domain's own figures."""
    shown = thinned(lines)

    def values(name: str) -> list[float | None]:
        return [_short(line[name]) for line in shown]

    reachable = [_short(limit) for limit in thinned(_reachable(lines))]
    objective = Series("J", values("j"), TUNED), Series("reachable", reachable, GREY, "5 4")
    reward, kl = Series("reward", values("reward"), BLUE), Series("KL, right", values("kl"), RASPBERRY, "7 4", True)
    entropy = Series("entropy", values("entropy"), GREEN)
    distinct = Series("distinct, right", values("distinct"), OCHRE, "7 4", True, percent=True)
    zero = Axis(from_zero=True)
    return [
        Plot("Objective J, nats", objective),
        Plot("Reward, KL in nats", (reward, kl), right=zero),
        Plot("Reward by term", _by_term(shown, terms), rows=ROWS),
        Plot("Entropy, distinct", (entropy, distinct), zero, SHARE),
        *_own(shown, figures),
    ]


def _best(lines: Sequence[Line]) -> Plot:
    """Return the mean reward of the ten best so far."""
    return Plot("Best ten so far", [Series("best ten", [_short(line.get("best")) for line in thinned(lines)], TUNED)])


def _by_term(shown: Sequence[Line], terms: Sequence[RewardTerm]) -> list[Series]:
    """Return a line for each term that had a weight at any time."""
    active = [term for term in terms if any(line["weights"].get(term.name) for line in shown)]
    return [
        Series(
            term.label,
            [_short(line["weights"].get(term.name, 0.0) * line["terms"].get(term.name, 0.0)) for line in shown],
            TERM_COLOURS[k % len(TERM_COLOURS)],
            STROKES[k % len(STROKES)],
        )
        for k, term in enumerate(active)
    ]


def _own(shown: Sequence[Line], figures: Sequence[Figure]) -> list[Plot]:
    """Return a plot of the domain's shares and one of its counts."""
    made = []
    for percent, axis in ((True, SHARE), (False, Axis(from_zero=True))):
        own = [figure for figure in figures if figure.percent == percent]
        series = [
            Series(
                figure.label.lower(),
                [_short(line.get("figures", {}).get(figure.name)) for line in shown],
                (GREEN, BLUE, RASPBERRY, OCHRE)[k % 4],
                STROKES[k % len(STROKES)],
                percent=percent,
            )
            for k, figure in enumerate(own)
        ]
        if series:
            made.append(Plot("Shares" if percent else "Counts", series, axis))
    return made


def _reachable(lines: Sequence[Line]) -> list[float | None]:
    """Return the J known to be reachable as of each line; None before it is measured, and after a slider was moved."""
    known, limits = None, []
    for line in lines:
        if gauge := line.get("gauge"):
            known = gauge["log_z_at_least"]
        elif line.get("changed"):
            known = None
        limits.append(known)
    return limits


def _short(value: float | None) -> float | None:
    """Return the number with as many digits as a chart can show; None for one that diverged."""
    return float(f"{value:.5g}") if value is not None and math.isfinite(value) else None
