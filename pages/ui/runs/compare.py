"""Up to six runs side by side: their curves in one chart, their figures, and what differs in their settings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from pages.ui.charts import COLOURS, GRID, dress, thinned
from pages.ui.readout import STATES
from pages.ui.text import literal
from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs.index import Summary, differences
from seqtutor_core.runs.store import open_run

MOST = 6
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")  # a second cue beside the colour
SHORT = 40  # characters of a name in the legend
CURVES = {"reward": "Reward", "kl": "KL in nats", "j": "Objective J in nats", "distinct": "Distinct share"}
ALONG = {"Seconds": "seconds", "Updates": "update"}

Curve = Mapping[str, list[float]]


def panel(chosen: Sequence[Summary]) -> None:
    """The comparison of the ticked runs."""
    if len(chosen) > MOST:
        st.info(f"{len(chosen)} runs are ticked; the first {MOST} of them are compared.")
    compared = chosen[:MOST]
    if not compared:
        return
    labels = labelled(compared)
    st.markdown("##### Curves")
    along = st.segmented_control("Along", list(ALONG), default="Seconds", key="runs-along", required=True)
    curves = {label: curve for label, run in labels.items() if (curve := _curve(run))}
    if curves:
        figure = overlay(curves, ALONG[along], along)
        alt = "Reward, KL, J and distinct share of the ticked runs"
        st.plotly_chart(figure, key="runs-curves", config={"displayModeBar": False}, alt=alt)
    else:
        st.caption("They have learned nothing yet.")
    st.markdown("##### Figures")
    st.dataframe(
        [_figures(label, run) for label, run in labels.items()], key="runs-figures", hide_index=True, placeholder="–"
    )
    if len(compared) > 1:
        st.markdown("##### What differs in their settings")
        _differences(labels)


def labelled(runs: Sequence[Summary]) -> dict[str, Summary]:
    """Runs by their names; where two share one, with their ids."""
    often = Counter(run.name for run in runs)
    return {run.name if often[run.name] == 1 else f"{run.name} ({run.id})": run for run in runs}


def _curve(summary: Summary) -> Curve:
    """The curves of a run, thinned; none, with the reason on the page, for one that cannot be read."""
    try:
        return _read(summary.id, summary)
    except SeqTutorError as error:
        st.warning(literal(f"{summary.name}: {error}"), icon=":material/warning:")
        return {}


@st.cache_data(max_entries=64, show_spinner=False)
def _read(run_id: str, state: Summary) -> Curve:
    """The same, kept while the run says of itself what it says now."""
    lines = thinned(open_run(run_id).curves()[0])
    return {name: [line[name] for line in lines] for name in (*ALONG.values(), *CURVES)} if lines else {}


def overlay(curves: Mapping[str, Curve], along: str, title: str) -> go.Figure:
    """One figure with a plot for each of CURVES and a line for each run; names are shown as they are."""
    figure = make_subplots(
        rows=2, cols=2, subplot_titles=list(CURVES.values()), horizontal_spacing=0.07, vertical_spacing=0.16
    )
    for k, (label, curve) in enumerate(curves.items()):
        short = label if len(label) <= SHORT else f"{label[:SHORT]}…"
        for i, name in enumerate(CURVES):
            figure.add_scatter(
                x=curve[along],
                y=curve[name],
                name=escape(short, quote=False),
                mode="lines",
                line={"color": COLOURS[k], "width": 2, "dash": DASHES[k]},
                legendgroup=str(k),
                showlegend=i == 0,
                hovertemplate="%{y:.3g}<extra>%{fullData.name}</extra>",
                row=i // 2 + 1,
                col=i % 2 + 1,
            )
    dress(figure, f"compare {along}", 560, legend=-0.12, top=30)
    figure.update_layout(hovermode="x")
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_xaxes(title=title, row=2)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(range=[0, 1.05], row=2, col=2)
    return figure


# ---------------------------------------------------------------- tables


def _figures(label: str, run: Summary) -> dict[str, Any]:
    """A row of numbers, rounded for reading."""
    numbers = {
        "Reward": (run.reward, 2),
        "KL": (run.kl, 2),
        "J": (run.j, 2),
        "Distinct, %": (None if run.distinct is None else 100 * run.distinct, 1),
        "Gauge, % at most": (None if run.gauge is None else 100 * run.gauge, 1),
        "Seconds": (run.seconds, 0),
    }
    shown = {name: None if value is None else round(value, digits) for name, (value, digits) in numbers.items()}
    return {"Run": label, "State": STATES[run.state], **shown}


def _differences(labels: Mapping[str, Summary]) -> None:
    configs: dict[str, TuningConfig] = {}
    for label, run in labels.items():
        try:
            configs[label] = open_run(run.id).config
        except SeqTutorError:  # its damage is told beside the buttons
            continue
    rows = differences(list(configs.values())) if configs else {}
    if not rows:
        st.caption("Nothing.")
        return
    table = [
        {"Setting": name, **{label: _plain(value) for label, value in zip(configs, values, strict=True)}}
        for name, values in rows.items()
    ]
    st.dataframe(table, key="runs-differences", hide_index=True)


def _plain(value: Any) -> str:
    """A setting's value as text, so that a column may hold all kinds."""
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
