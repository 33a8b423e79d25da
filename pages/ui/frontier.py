"""Reward against KL: the frontier as particles show it, the place of the page's c on it, and where policies stand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.ui import interpolation, state
from pages.ui.charts import COLOURS, GRID, INK, dress
from pages.ui.previews import PreviewRequest
from pages.ui.sampling import has_policy
from pages.ui.studio import Studio
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.gauge import Frontier, frontier
from seqtutor_core.particles import Particles
from seqtutor_core.preview import FEW
from seqtutor_core.runs import store
from seqtutor_core.runs.records import ENDED

REACH = 12  # points on each side of the page's c, a quarter of an octave apart: from c / 8 to 8 c
LOWER = 0.5  # heights of the curve, by how much a point may lie below it to be shown at its place
PRIOR, FRONTIER, HERE, TANGENT, RUN = COLOURS[0], COLOURS[5], COLOURS[1], COLOURS[3], COLOURS[4]


@dataclass(frozen=True)
class Point:
    """Where a policy stands."""

    name: str
    kl: float
    """From the prior, nats per sequence."""
    reward: float
    colour: str = RUN
    symbol: str = "diamond"
    """One of plotly's markers."""


def panel(studio: Studio, wanted: PreviewRequest, found: Particles, prior_reward: float) -> None:
    """The chart under the preview's weights, with one sentence on how to read it."""
    if not wanted.rewarding:
        return
    with st.expander("Reward against KL: how much is there to gain?"):
        curve = frontier(found, around(wanted.c))
        points = [Point("prior", 0.0, prior_reward, PRIOR, "circle"), *alike(studio, wanted), *mixed(studio, wanted)]
        st.plotly_chart(frontier_figure(curve, REACH, points), key="frontier", config={"displayModeBar": False})
        st.caption(
            "The line is the most reward to be had for each KL from the prior, estimated from the preview; dotted "
            f"where fewer than {FEW:.0f} {studio.many} count. At your c its slope is c, dR/dKL = c: one more nat "
            f"buys {wanted.c:g} points, and no policy lies above the dashed line. Diamonds are such runs, "
            "the star is the run below at another tutor strength."
        )


def around(c: float) -> list[float]:
    """A logarithmic grid with c in its middle, at REACH."""
    return [c * 2 ** (k / 4) for k in range(-REACH, REACH + 1)]


# ---------------------------------------------------------------- runs


@dataclass(frozen=True)
class Standing:
    """A run that was measured at its end, and what it was measured under."""

    prior: str
    primer: tuple[int, ...] | None
    settings: Mapping[str, Any]
    weights: Mapping[str, float]
    point: Point


def alike(studio: Studio, wanted: PreviewRequest) -> list[Point]:
    """Runs that wrote and were rewarded as the page asks, whatever their c, learner and time."""
    draw = wanted.draw
    same = (draw.prior, draw.primer, json.loads(wanted.settings), json.loads(wanted.weights))
    ended = [run for run in store.runs() if run.state in ENDED]
    found = [stand for run in ended if (stand := _standing(run.id, run.status.ended, studio.domain, studio))]
    return [stand.point for stand in found if (stand.prior, stand.primer, stand.settings, stand.weights) == same]


@st.cache_data(max_entries=1024, show_spinner=False)
def _standing(run_id: str, ended: float | None, domain: str, _studio: Studio) -> Standing | None:
    """How a run of the domain stood when it ended, if it was measured then; read again when it has ended anew."""
    try:
        run = store.open_run(run_id)
        config, summary, lines = run.config, run.status.summary, run.metrics()[0]
        place: list[Any] = [(summary or {}).get(name) for name in ("kl", "reward", "kl_coefficient")]
        if config.domain != domain or None in place:
            return None
        settings = json.loads(json.dumps(_studio.objective_settings(config.settings)))
    except SeqTutorError:  # damaged, or settings of another version
        return None
    weights = lines[-1].get("weights", {}) if lines else config.weights  # sliders may have moved since it began
    kl, reward, c = place
    name = f"{run_id}: {config.learner}, c = {c:.3g}"
    return Standing(
        config.prior,
        config.sampling_primer,
        settings,
        {term: weight for term, weight in weights.items() if weight},
        Point(name, kl, reward),
    )


def mixed(studio: Studio, wanted: PreviewRequest) -> list[Point]:
    """The run in view at a tutor strength other than 1, if it was rewarded for what the page asks."""
    run = state.run(studio)
    if run is None or state.value(studio, state.STRENGTH) == 1 or not has_policy(run):
        return []
    try:
        settings = json.loads(json.dumps(studio.objective_settings(run.config.settings)))
        if settings != json.loads(wanted.settings):
            return []
        here = interpolation.point(studio, run, json.loads(wanted.weights))
    except SeqTutorError:  # damaged, or settings of another version
        return []
    return [Point(here.label, here.kl, here.reward, HERE, "star")]


# ---------------------------------------------------------------- the picture


def frontier_figure(curve: Frontier, here: int, points: Sequence[Point]) -> go.Figure:
    """The frontier, its tangent at the place `here` in the curve, and policies as points named on hover.

    A point far below the frontier, as the prior often is, hangs at the lower edge and says its reward on hover.
    """
    figure = go.Figure()
    kl, reward, c = curve.kl.tolist(), curve.reward.tolist(), float(curve.c[here])
    enough = (curve.effective_sample_size >= FEW).tolist()
    sure = [height if known else None for height, known in zip(reward, enough, strict=True)]
    _line(figure, "frontier, unsure", (kl, reward), {"color": INK, "width": 2, "dash": "dot"})
    _line(figure, "frontier", (kl, sure), {"color": FRONTIER, "width": 3})
    far = max([*kl, *(point.kl for point in points)])
    tangent = [reward[here] + c * (x - kl[here]) for x in (0.0, far)]
    _line(figure, f"slope c = {c:g}", ([0.0, far], tangent), {"color": TANGENT, "width": 1.5, "dash": "dash"})
    span = (max(reward) - min(reward)) or 1.0
    floor = min(reward) - LOWER * span
    for point in (*points, Point("preview at your c", kl[here], reward[here], HERE, "circle")):
        _mark(figure, point, floor)
    heights = [max(point.reward, floor) for point in points]
    _lay_out(figure, far, (min([*reward, *heights]) - 0.06 * span, max([*reward, *heights]) + 0.06 * span))
    return figure


def _line(
    figure: go.Figure, name: str, points: tuple[Sequence[float], Sequence[float | None]], stroke: Mapping[str, Any]
) -> None:
    hover = "KL %{x:.2f}, reward %{y:.1f}<extra>" + name + "</extra>"
    figure.add_scatter(x=points[0], y=points[1], name=name, mode="lines", line=stroke, hovertemplate=hover)


def _mark(figure: go.Figure, point: Point, floor: float) -> None:
    below = point.reward < floor
    figure.add_scatter(
        x=[point.kl],
        y=[floor if below else point.reward],
        name=point.name,
        mode="markers",
        marker={"color": point.colour, "symbol": "triangle-down" if below else point.symbol, "size": 11},
        hovertemplate=f"KL {point.kl:.2f}, reward {point.reward:.1f}<extra>{point.name}</extra>",
        showlegend=point.symbol == "circle",  # runs have long names and may be many
        cliponaxis=False,
    )


def _lay_out(figure: go.Figure, far: float, heights: tuple[float, float]) -> None:
    dress(figure, "frontier", 340, legend=-0.2)
    grid = {"gridcolor": GRID, "zeroline": False}
    figure.update_xaxes(title="KL from the prior, nats a sequence", range=[-0.03 * far, 1.03 * far], **grid)
    figure.update_yaxes(title="Reward", range=list(heights), **grid)
