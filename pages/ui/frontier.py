"""Reward against KL: the frontier from weighted samples, the place of the page's c on it, and where policies stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.ui import interpolation, state
from pages.ui.charts import BLUE, GREEN, GREY, GRID, PREVIEW, PRIOR, RASPBERRY, TUNED, dress
from pages.ui.learning import LEARNERS
from pages.ui.page import fragment, show_errors
from pages.ui.previews import BY_OBJECTIVE, FIRST_SEED, Draw, PreviewRequest, preview_request, previewed, prior_rollout
from pages.ui.sampling import can_draw, has_policy
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.evaluation import term_sums
from seqtutor_core.frontier import Frontier, frontier
from seqtutor_core.objective import Objective
from seqtutor_core.parallel import one_thread
from seqtutor_core.preview import FEW
from seqtutor_core.runs import store
from seqtutor_core.runs.names import run_name
from seqtutor_core.runs.policies import objective_of
from seqtutor_core.runs.schemas import ENDED

REACH = 12  # points on each side of the page's c, a quarter of an octave apart: from c / 8 to 8 c
LOWER = 0.5  # heights of the curve, by how much a point may lie below it to be shown at its place
EVERY = 5.0  # seconds between two drawings while a run lives
MOST_NUMBERED = 9  # runs that are told apart by a number
FRONTIER, TANGENT, RUN = BLUE, RASPBERRY, GREEN


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
    letter: str = ""
    """Stands beside it, so that it is known without its colour."""


def panel(studio: Studio) -> None:
    """Draw the frontier of the page's settings with prior, preview and runs; C moves on it while its run lives."""
    run = state.run(studio)
    living = run is not None and run.state in store.ACTIVE
    fragment(_frontier, studio, run, every=EVERY if living else None, steady=True)


def _frontier(studio: Studio, run: store.Run | None) -> None:
    if not can_draw(studio):
        st.caption("The frontier is estimated from the preview, which needs the prior.")
        return
    with show_errors():
        request = preview_request(studio)
        draw, objective = request
        if not objective.active_terms:
            st.caption("Every weight is 0, so there is nothing to gain. Move one, and reward stands against KL here.")
            return
        reward = _prior_reward(replace(draw, seed=FIRST_SEED), objective.replace(c=1.0))
        prior = Point("A prior", 0.0, reward, PRIOR, "circle", "A")
        others = numbered(comparable_runs(studio, request, run.id if run else ""))
        points = [prior, *in_view(studio, request, run), *others]
        figure = frontier_figure(frontier(previewed(request).samples, around(objective.c)), REACH, points)
        alt = "Reward against KL: the frontier, its tangent at your c, prior, preview and runs"
        st.plotly_chart(figure, key="frontier", config={"displayModeBar": False}, alt=alt)
        bought = "1 point" if objective.c == 1 else f"{objective.c:g} points"
        st.caption(
            "The line is the most reward to be had for each KL from the prior, estimated from the preview; dotted "
            f"where fewer than {FEW:.0f} {studio.many} count. At your c its slope is c, dR/dKL = c: one more nat "
            f"buys {bought}, and no policy lies above the dashed line. A is the prior, B the preview, "
            "C the run in view (a star at another tutor strength); diamonds are other runs under the same rewards."
        )
        if legend := [f"- **{point.letter}** {literal(point.name)}" for point in others if point.letter.isdigit()]:
            st.caption("\n".join(legend))


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_OBJECTIVE)
def _prior_reward(draw: Draw, objective: Objective) -> float:
    """Return the prior's mean reward, whatever c is."""
    objective.domain.set_active_terms(objective.weights)
    with one_thread():
        return objective.mean_reward(term_sums(objective.domain, prior_rollout(draw)))


def around(c: float) -> list[float]:
    """Return a logarithmic grid with c in its middle, at REACH."""
    return [c * 2 ** (k / 4) for k in range(-REACH, REACH + 1)]


# ---------------------------------------------------------------- runs


@dataclass(frozen=True)
class FinishedRun:
    """A run that was measured at its end, and what it was measured under."""

    prior: str
    primer: tuple[int, ...] | None
    objective: Objective
    point: Point


def comparable_runs(studio: Studio, request: PreviewRequest, viewed: str = "") -> list[Point]:
    """Return the runs that wrote and were rewarded as the page asks, whatever their c, learner and time.

    The run of the id `viewed` is C.
    """
    draw, objective = request
    points = []
    for run in store.all_runs():
        one = _finished(run.id, run.status.ended, studio.domain, studio) if run.state in ENDED else None
        if one is None or (one.prior, one.primer) != (draw.prior, draw.primer):
            continue
        if one.objective.replace(c=objective.c) == objective:
            point = replace(one.point, name=f"{run_name(run)}: {one.point.name}")
            viewing = run.id == viewed
            points.append(replace(point, name=f"C {point.name}", colour=TUNED, letter="C") if viewing else point)
    return points


def numbered(points: Sequence[Point]) -> list[Point]:
    """Return the points, numbered if they are few enough for numbers to help; C keeps its letter."""
    others = [point for point in points if not point.letter]
    if len(others) > MOST_NUMBERED:
        return list(points)
    numbers = {point: str(k) for k, point in enumerate(others, start=1)}
    return [replace(point, letter=numbers.get(point, point.letter)) for point in points]


@st.cache_resource(max_entries=1024, show_spinner=False)
def _finished(run_id: str, ended: float | None, domain_name: str, _studio: Studio) -> FinishedRun | None:
    """Return a run of the domain as it was measured when it ended, if it was; read again when it has ended anew."""
    try:
        run = store.open_run(run_id)
        config, summary, lines = run.config, run.status.summary, run.metrics()[0]
        place: list[Any] = [(summary or {}).get(name) for name in ("kl", "reward", "kl_coefficient")]
        if config.domain != domain_name or None in place:
            return None
        kl, reward, c = place
        # sliders may have moved since it began
        objective = objective_of(config, lines).replace(domain=_studio.objective_domain(config.settings), c=c)
    except SeqTutorError:  # damaged, or settings of another version
        return None
    point = Point(f"{LEARNERS[config.learner][0]}, c = {c:.3g}", kl, reward)
    return FinishedRun(config.prior, config.sampling_primer, objective, point)


def in_view(studio: Studio, request: PreviewRequest, run: store.Run | None) -> list[Point]:
    """Return the run in view as C, at the chosen tutor strength, if it is rewarded for what the page asks.

    At strength 1 a run that has ended is not among them: `comparable_runs` has it, measured on more sequences.
    """
    if run is None or not has_policy(run):
        return []
    whole = state.value(studio, state.STRENGTH) == 1
    if whole and run.state in ENDED:
        return []
    try:
        if studio.objective_domain(run.config.settings).settings != request.objective.domain.settings:
            return []
        here = interpolation.point(studio, run, request.objective)
    except SeqTutorError:  # damaged, or settings of another version
        return []
    return [Point(f"C {here.label}", here.kl, here.reward, TUNED, "diamond" if whole else "star", "C")]


# ---------------------------------------------------------------- the picture


def frontier_figure(curve: Frontier, here: int, points: Sequence[Point]) -> go.Figure:
    """Return the frontier, its tangent at the place `here` in the curve, and policies as points named on hover.

    A point far below the frontier, as the prior often is, hangs at the lower edge and says its reward on hover.
    """
    figure = go.Figure()
    kl, reward, c = curve.kl.tolist(), curve.reward.tolist(), float(curve.c[here])
    enough = (curve.effective_sample_size >= FEW).tolist()
    sure = [height if counts else None for height, counts in zip(reward, enough, strict=True)]
    _line(figure, "frontier, unsure", (kl, reward), {"color": GREY, "width": 2, "dash": "dot"})
    _line(figure, "frontier", (kl, sure), {"color": FRONTIER, "width": 3})
    far = max([*kl, *(point.kl for point in points)])
    tangent = [reward[here] + c * (x - kl[here]) for x in (0.0, far)]
    _line(figure, f"slope c = {c:g}", ([0.0, far], tangent), {"color": TANGENT, "width": 1.5, "dash": "dash"})
    span = (max(reward) - min(reward)) or 1.0
    floor = min(reward) - LOWER * span
    for point in (*points, Point("B preview at your c", kl[here], reward[here], PREVIEW, "circle", "B")):
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
        name=escape(point.name, quote=False),
        mode="markers+text" if point.letter else "markers",
        text=[point.letter],
        textposition="top center",
        marker={"color": point.colour, "symbol": "triangle-down" if below else point.symbol, "size": 11},
        hovertemplate=f"KL {point.kl:.2f}, reward {point.reward:.1f}<extra>%{{fullData.name}}</extra>",
        showlegend=point.letter in ("A", "B", "C"),  # other runs have long names and may be many
        cliponaxis=False,
    )


def _lay_out(figure: go.Figure, far: float, heights: tuple[float, float]) -> None:
    dress(figure, "frontier", 420, legend=-0.2)
    grid = {"gridcolor": GRID, "zeroline": False}
    figure.update_xaxes(title="KL from the prior, nats a sequence", range=[-0.03 * far, 1.03 * far], **grid)
    figure.update_yaxes(title="Reward", range=list(heights), **grid)
