"""How a run stands, as one strip of a fixed height: its state in words, figures with sparklines, its gauge."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

from pages.ui import state
from pages.ui.gauge_panel import meter, newest
from pages.ui.studio import Studio
from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import store
from seqtutor_core.runs.index import RunInfo
from seqtutor_core.runs.names import run_name
from seqtutor_core.runs.slots import in_words

STATES = {
    "waiting": "Starting",
    "running": "Tuning",
    "paused": "Paused",
    "finished": "Finished",
    "stopped": "Stopped",
    "failed": "Failed",
    "interrupted": "Interrupted",
    "damaged": "Damaged",
}
"""What each state of a run is called."""


def state_words(run: RunInfo) -> str:
    """Return a run's state as lists say it, with its place in the line."""
    return STATES[run.state] if run.ahead is None else f"Waiting, {in_words(run.ahead)}"


POINTS = 40  # of a sparkline
WIDTH, HEIGHT = 72, 26  # of a sparkline, pixels
STROKE = "#2F8D95"  # seen on light and dark


class Figure(NamedTuple):
    """One number of the strip."""

    label: str
    value: str
    help: str
    past: Sequence[float] = ()


def html(studio: Studio, run: store.Run | None) -> str:
    """Return the strip; of the same height whatever it says."""
    if run is None:
        return _strip("", ("Ready", ""), studio.invitation, 0.0, _figures(studio, []), _gauge(None))
    try:
        status, config = run.status, run.config
    except SeqTutorError as error:
        return _strip("damaged", (STATES["damaged"], run.id), str(error), 0.0, _figures(studio, []), _gauge(None))
    now = run.state
    lines, problem = state.curves(run)
    gauge, _ = newest(run, lines)
    calls = lines[-1].get("calls", 0) if lines else 0
    return _strip(
        now,
        (run_name(run), run.id),
        _with(stage(now, status, config, calls, run.ahead), problem),
        min(1.0, calls / config.calls if config.calls else status.seconds / config.seconds),
        _figures(studio, lines),
        _gauge(gauge),
    )


def stage(now: str, status: store.Status, config: TuningConfig, calls: int = 0, ahead: int | None = None) -> str:
    """Return what a run does at this moment, in words.

    calls: those that it has used, 0 where they are not counted. ahead: how many runs wait before it, if it waits.
    """
    device = status.device.upper() or "its device"
    word = STATES[now]
    if now == "running":
        if status.message.startswith("measuring"):
            return status.message.capitalize()
        if config.calls:
            return _with(f"{word}: {calls:,} of {config.calls:,} calls on {device}", status.message)
        counted = f", {calls:,} calls" if calls else ""
        return _with(f"{word}: {status.seconds:.0f} of {config.seconds:.0f} s on {device}{counted}", status.message)
    if now == "waiting" and ahead is not None:
        return f"Waiting: {in_words(ahead)}"
    if now == "waiting":
        return word if status.message == "starting" else _with(word, status.message)
    if now == "interrupted":
        return f"{word} after {status.seconds:.0f} s: its worker is gone; Resume goes on from the last checkpoint"
    return _with(f"{word} after {status.seconds:.0f} s", status.error or status.message)


def _with(text: str, more: str) -> str:
    return f"{text}: {more}" if more else text


# ---------------------------------------------------------------- figures


def _figures(studio: Studio, lines: Sequence[Mapping[str, Any]]) -> list[Figure]:
    budget = lines[-1].get("kl_budget") if lines else None
    figures = [
        ("Reward", "reward", ".1f", f"weighted sum per {studio.one}"),
        ("KL", "kl", ".2f", f"nats per {studio.one} away from the prior, exact"),
        ("J", "j", ".2f", "the objective: reward / c - KL, in nats"),
        ("Distinct", "distinct", ".0%", f"share of different {studio.many} among the last 1,024"),
    ]
    if budget is not None:
        figures[3:3] = [("c", "kl_coefficient", ".2f", f"moved to keep KL at {budget:g} nats a {studio.one}")]
    return [_figure(label, name, form, help, lines) for label, name, form, help in figures]


def _figure(label: str, name: str, form: str, help: str, lines: Sequence[Mapping[str, Any]]) -> Figure:
    past = [line[name] for line in lines if line.get(name) is not None]
    return Figure(label, f"{past[-1]:z{form}}" if past else "–", help, past)


def sparkline(past: Sequence[float]) -> str:
    """Return the course of a figure as a small picture, decorative: the number beside it is what it says."""
    thin = list(past[:: max(1, len(past) // POINTS)])
    low, high = (min(thin), max(thin)) if thin else (0.0, 0.0)
    span = (high - low) or 1.0
    step = WIDTH / max(len(thin) - 1, 1)
    points = " ".join(f"{i * step:.1f},{HEIGHT - 3 - (y - low) / span * (HEIGHT - 6):.1f}" for i, y in enumerate(thin))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">'
        f'<polyline points="{points}" fill="none" stroke="{STROKE}" stroke-width="1.6"/></svg>'
    )
    return f'<img alt="" width="{WIDTH}" height="{HEIGHT}" src="data:image/svg+xml,{quote(svg)}">'


def _gauge(gauge: Mapping[str, Any] | None) -> str:
    """Return the gauge in short; the long form stands above the curves."""
    if gauge is None or gauge["at_most"] is None:
        return '<div class="figure gauge"><span class="label">Reached</span><span class="value">–</span></div>'
    return (
        f'<div class="figure gauge" title="{escape(gauge["sentence"], quote=True)}"><span class="label">Reached</span>'
        f'<span class="value">at most {100 * gauge["at_most"]:.0f} %</span>{meter(gauge)}</div>'
    )


def _strip(now: str, name: tuple[str, str], text: str, done: float, figures: Sequence[Figure], gauge: str) -> str:
    shown = "".join(
        f'<div class="figure" title="{escape(f"{one.label}: {one.help}", quote=True)}">'
        f'<span class="label">{one.label}</span><span class="value">{one.value}</span>{sparkline(one.past)}</div>'
        for one in figures
    )
    return (
        f'<section class="readout" data-state="{now}" aria-label="The run in view">'
        f'<div class="stage"><strong title="{escape(name[1], quote=True)}">{escape(name[0])}</strong>'
        f'<span tabindex="0">{escape(text)}</span>'
        f'<div class="bar" role="progressbar" aria-label="Learning time used" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * done:.0f}"><span style="width: {100 * done:.1f}%"></span></div></div>'
        f"{shown}{gauge}</section>"
    )
