"""What a run has done, in full: gauge, alarms and curves."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import gauge_panel, state
from pages.ui.charts import curves
from pages.ui.page import fragment, show_errors
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.runs import store


def panel(studio: Studio, run: store.Run | None) -> None:
    """Draw the report of the run in view, anew every second while it lives."""
    if run is None:
        st.caption(studio.invitation)
        return
    fragment(_report, studio, run, every=1.0 if run.state in store.ACTIVE else None, steady=True)


def _report(studio: Studio, run: store.Run) -> None:
    with show_errors():
        lines = state.lines(run)
        if not lines:
            return
        _alarms(lines[-1])
        gauge_panel.panel(studio, run, lines)
        st.plotly_chart(curves(lines, studio.terms, studio.figures), key="curves", config={"displayModeBar": False})


def _alarms(line: Mapping[str, Any]) -> None:
    """Signs that the policy cheats or collapses, with what to change."""
    for alarm in line.get("alarms", ()):
        st.warning(f"**{literal(alarm['title'])}.** {literal(alarm['advice'])}", icon=":material/warning:")
