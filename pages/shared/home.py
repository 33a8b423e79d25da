"""What the home page shows of this machine: its runs, and what it has and lacks."""

import streamlit as st

from pages.shared.frame import STUDIOS, page_of
from pages.shared.text import literal
from seqtutor_core.doctor import diagnose
from seqtutor_core.runs import store

RECENT = 5


def studios() -> None:
    """The way to each studio."""
    with st.container(horizontal=True):
        for page in STUDIOS:
            st.page_link(page.path, label=f"Open the {page.label.lower()} studio", icon=page.icon)


def this_machine() -> None:
    """What is here, what is missing, and the remedy."""
    parts = diagnose()
    missing = [p.name for p in parts if not p.present]
    with st.expander("This machine" + (f": {', '.join(missing)} missing" if missing else " has everything")):
        for part in parts:
            icon = ":material/check_circle:" if part.present else ":material/info:"
            st.markdown(f"{icon} **{part.name}**: {literal(f'{part.detail} {part.remedy}')}")


def recent_runs() -> None:
    """The newest runs with a way back to each."""
    runs = store.runs()[:RECENT]
    if not runs:
        return
    st.markdown("##### Recent runs")
    for run in runs:
        state = run.state
        facts = run.problem or f"{run.config.learner}, c = {run.config.kl_coefficient:g}, {run.config.seconds:.0f} s"
        st.page_link(
            page_of(run),
            label=literal(f"{run.id}: {state}; {facts}"),
            icon=":material/history:",
            query_params={"run": run.id},
        )
