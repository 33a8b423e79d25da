"""Up to six runs side by side: their curves in one chart, samples, reward against KL, figures, and what differs."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from pages.ui.charts import GRID, dress
from pages.ui.page import fragment
from pages.ui.readout import state_words
from pages.ui.runs import reward_kl, samples
from pages.ui.runs.compared import ALONG, CURVES, MOST, Compared, Curves, compared, curves
from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs.index import RunInfo, config_differences, run_info
from seqtutor_core.runs.store import open_run

EVERY = 3.0  # seconds between two looks while one of the runs lives
STYLE = "<style>.st-key-runs-compare h2 { font-size: 1.15rem; padding: 0.4rem 0 0.2rem; }</style>"
TABS = ("Curves", "Samples", "Reward against KL")


def panel(chosen: Sequence[RunInfo]) -> None:
    """Draw the comparison of the ticked runs."""
    if len(chosen) > MOST:
        st.info(f"{len(chosen)} runs are ticked; the first {MOST} of them are compared.")
    runs = compared(chosen)
    if not runs:
        return
    every = EVERY if any(one.run.active for one in runs) else None
    st.html(STYLE)
    with st.container(key="runs-compare"):
        st.markdown("## Side by side")
        overlay_tab, samples_tab, reward_kl_tab = st.tabs(TABS, key="runs-tabs", on_change="rerun")
        if overlay_tab.open:
            with overlay_tab:
                along = st.segmented_control("Along", list(ALONG), default="Seconds", key="runs-along", required=True)
                fragment(_overlay, chosen, along, every=every, steady=True)
        if samples_tab.open:
            with samples_tab:
                samples.panel(runs)
        if reward_kl_tab.open:
            with reward_kl_tab:
                reward_kl.panel(runs)
        st.markdown("## Figures")
        _figures_table(runs)
        if len(runs) > 1:
            st.markdown("## What differs in their settings")
            _differences(runs)


# ---------------------------------------------------------------- curves


def _overlay(chosen: Sequence[RunInfo], along: str) -> None:
    """Draw the curves as they are now; a run that vanished meanwhile is left out."""
    now = compared([run for before in chosen if (run := _now(before))])
    drawn = {one: mine for one in now if (mine := curves(one)).values}
    if not drawn:
        st.caption("They have learned nothing yet.")
        return
    alt = "Reward, KL, J and distinct share of the ticked runs"
    st.plotly_chart(overlay(drawn, along), key="runs-curves", config={"displayModeBar": False}, alt=alt)


def _now(run: RunInfo) -> RunInfo | None:
    """Return what a run says now; a living one may have said more since."""
    if not run.active:
        return run
    try:
        return run_info(open_run(run.id))
    except SeqTutorError:
        return None


def overlay(runs: dict[Compared, Curves], along: str) -> go.Figure:
    """Return a figure with a plot for each of CURVES and a line for each run; names are shown as they are."""
    figure = make_subplots(
        rows=2, cols=2, subplot_titles=list(CURVES.values()), horizontal_spacing=0.07, vertical_spacing=0.16
    )
    for one, mine in runs.items():
        for i, name in enumerate(CURVES):
            figure.add_scatter(
                x=mine.values[ALONG[along]],
                y=mine.values[name],
                name=one.shown,
                mode="lines",
                line={"color": one.colour, "width": 2, "dash": one.dash},
                legendgroup=one.mark,
                showlegend=i == 0,
                hovertemplate="%{y:.3g}<extra>%{fullData.name}</extra>",
                row=i // 2 + 1,
                col=i % 2 + 1,
            )
    dress(figure, f"compare {along}", 560, legend=-0.12, top=30)
    figure.update_layout(hovermode="x")
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_xaxes(title=along, row=2)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(range=[0, 1.05], row=2, col=2)
    return figure


# ---------------------------------------------------------------- tables


def _figures_table(runs: Sequence[Compared]) -> None:
    rows = [_figures(one.label, one.run) for one in runs]
    alt = "Reward, KL, J, distinct share, gauge and seconds of the ticked runs"
    st.dataframe(rows, key="runs-figures", hide_index=True, placeholder="–", alt=alt)


def _figures(label: str, run: RunInfo) -> dict[str, Any]:
    """Return a row of numbers, rounded for reading."""
    numbers = {
        "Reward": (run.reward, 2),
        "KL": (run.kl, 2),
        "J": (run.j, 2),
        "Distinct, %": (None if run.distinct is None else 100 * run.distinct, 1),
        "Gauge, % at most": (None if run.gauge is None else 100 * run.gauge, 1),
        "Seconds": (run.seconds, 0),
    }
    shown = {name: None if value is None else round(value, digits) for name, (value, digits) in numbers.items()}
    return {"Run": label, "State": state_words(run), **shown}


def _differences(runs: Sequence[Compared]) -> None:
    configs: dict[str, TuningConfig] = {}
    for one in runs:
        try:
            configs[one.label] = open_run(one.run.id).config
        except SeqTutorError:  # its damage is told below the buttons
            continue
    rows = config_differences(list(configs.values())) if configs else {}
    if not rows:
        st.caption("Nothing.")
        return
    table = [
        {"Setting": name, **{label: _plain(value) for label, value in zip(configs, values, strict=True)}}
        for name, values in rows.items()
    ]
    st.dataframe(table, key="runs-differences", hide_index=True, alt="The settings in which the ticked runs differ")


def _plain(value: Any) -> str:
    """Return a setting's value as text, so that a column may hold all kinds."""
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
