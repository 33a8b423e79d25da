"""What a run has done, in full: gauge, alarms and curves."""

from collections.abc import Sequence

import streamlit as st

from pages.ui import curves, gauge_panel, state
from pages.ui.page import fragment, show_errors
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import store

GAPS = "The curves are not whole"


def panel(studio: Studio, run: store.Run | None) -> None:
    """Draw gauge, alarms and curves, every second while the run lives; without a run their places, empty."""
    fragment(_report, studio, run, every=1.0 if run is not None and run.state in store.ACTIVE else None, steady=True)


def _report(studio: Studio, run: store.Run | None) -> None:
    lines, problem = state.curves(run) if run else state.Curves([])
    signs: Sequence[tuple[str, str]] | None = None
    with st.container(key="gauge"):
        if run is None:
            st.caption(studio.invitation)
        else:
            with show_errors():
                gauge_panel.panel(studio, run, lines)
                signs = gauge_panel.alarms(run, lines) if lines else None
    with st.container(key="alarms"):
        _alarms([(GAPS, problem), *(signs or ())] if problem else signs)
    curves.chart(studio, run.id if run else "", lines, _budget_of_calls(run))


def _budget_of_calls(run: store.Run | None) -> int | None:
    """Return how many calls a run may use; None for one that goes by time, and for a damaged one."""
    try:
        return run.config.calls if run else None
    except SeqTutorError:
        return None


def _alarms(alarms: Sequence[tuple[str, str]] | None) -> None:
    """Show what a reader of the curves must know as one button, which says what to do; None: unknown yet."""
    if alarms is None:
        st.caption("Signs of cheating and collapse are shown here.")
        return
    if not alarms:
        st.caption("No sign of cheating or collapse.")
        return
    label = literal(alarms[0][0]) if len(alarms) == 1 else f"{len(alarms)} warnings"
    with st.popover(label, icon=":material/warning:", key="alarm"):
        for title, advice in alarms:
            st.warning(f"**{literal(title)}.** {literal(advice)}", icon=":material/warning:")
