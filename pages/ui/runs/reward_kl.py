"""Reward against KL: a point for each compared run, below the most reward that each KL can buy."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from pages.ui import state
from pages.ui.charts import GREY, GRID, dress
from pages.ui.previews import BY_OBJECTIVE
from pages.ui.runs.compared import Compared, curves
from pages.ui.runs.reuse import STUDIOS
from pages.ui.text import literal
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.frontier import frontier
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.preview import FEW, draw_preview
from seqtutor_core.runs.store import open_run

SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "star")  # a second cue beside the colour
HOVER = "KL %{x:.2f}, reward %{y:.1f}<extra>%{fullData.name}</extra>"
ALIKE = (
    "Higher is more reward, further right is further from the prior. The line is the most reward to be had for each "
    f"KL, estimated without training; it ends where fewer than {FEW:.0f} samples count."
)


class Task(NamedTuple):
    """What a run was rewarded for; of two runs with the same task the rewards can be compared."""

    prior: str
    primer: tuple[int, ...] | None
    objective: Objective
    """At a c of 1, whatever the run's was."""


def panel(runs: Sequence[Compared]) -> None:
    """Draw the runs' points, and the frontier if all had the same task; otherwise say that they had not."""
    placed = [one for one in runs if one.run.kl is not None and one.run.reward is not None]
    tasks = [task for one in placed if (task := _task(one))]
    alike = len(tasks) == len(placed) and len(set(tasks)) == 1
    if not placed:
        st.caption("They have learned nothing yet.")
        return
    line = _envelope(tasks[0], {one.run.kl_coefficient or 1.0 for one in placed}) if alike else []
    alt = "Reward against KL from the prior, a numbered point for each ticked run"
    st.plotly_chart(chart(placed, line), key="runs-reward-kl", config={"displayModeBar": False}, alt=alt)
    if alike:
        st.caption(ALIKE)
    else:
        st.info("These runs were rewarded differently, so a higher point is not a better run: see what differs below.")


def _task(one: Compared) -> Task | None:
    """Return what the run was rewarded for in the end; None, with the reason on the page, if it does not say."""
    try:
        config = open_run(one.run.id).config
        domain = STUDIOS[config.domain].objective_domain(config.settings)
        last = curves(one)
        objective = Objective(domain, last.weights, 1.0, last.combination)
        return Task(config.prior, config.sampling_primer, objective)
    except SeqTutorError as error:  # damaged, or settings of another version
        st.caption(literal(f"{one.run.name}: {error}"))
        return None


def _envelope(task: Task, cs: Iterable[float]) -> list[tuple[float, float]]:
    """Return each KL and the most reward that it buys, estimated around the runs' c; rising, so chance shows less."""
    line: list[tuple[float, float]] = []
    for kl, reward in sorted(point for c in cs for point in _frontier(task, c)):
        if not line or reward > line[-1][1]:
            line.append((kl, reward))
    return line


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_OBJECTIVE)
def _frontier(task: Task, c: float) -> list[tuple[float, float]]:
    """Return KL and reward of the best policies for c and larger ones, where enough samples count.

    An empty list where each sequence begins with a random note of its own, or the prior is no longer here.
    """
    if task.primer is None:
        return []
    try:
        domain = task.objective.domain
        prior = Policy(domain, state.prior(domain.name, task.prior).network)
        samples = draw_preview(prior, task.objective.replace(c=c), primer=task.primer).samples
    except SeqTutorError:
        return []
    curve = frontier(samples, [c * 2 ** (k / 4) for k in range(-4, 13)])
    points = zip(curve.kl.tolist(), curve.reward.tolist(), (curve.effective_sample_size >= FEW).tolist(), strict=True)
    return [(kl, reward) for kl, reward, enough in points if enough]


def chart(runs: Sequence[Compared], line: Sequence[tuple[float, float]]) -> go.Figure:
    """Return the figure: the frontier, if there is one, and a point for each run, named as it is called."""
    figure = go.Figure()
    if line:
        kl, reward = zip(*line, strict=True)
        stroke = {"color": GREY, "width": 3}
        figure.add_scatter(x=kl, y=reward, name="most reward", mode="lines", line=stroke, hovertemplate=HOVER)
    for one in runs:
        _point(figure, one)
    dress(figure, "reward-kl", 460, legend=-0.16)
    grid: Mapping[str, Any] = {"gridcolor": GRID, "zeroline": False}
    figure.update_xaxes(title="KL from the prior, nats a sequence", rangemode="tozero", **grid)
    figure.update_yaxes(title="Reward", **grid)
    return figure


def _point(figure: go.Figure, one: Compared) -> None:
    figure.add_scatter(
        x=[one.run.kl],
        y=[one.run.reward],
        name=one.shown,
        mode="markers+text",
        text=[one.mark],
        textposition="top center",
        textfont={"size": 13},
        marker={"color": one.colour, "symbol": SYMBOLS[one.place], "size": 13},
        hovertemplate=HOVER,
        cliponaxis=False,
    )
