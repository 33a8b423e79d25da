"""What the home page shows of this machine: its runs, and what it has and lacks."""

import streamlit as st

from pages.ui import state, steering
from pages.ui.page import STUDIOS, page_of
from pages.ui.text import literal
from seqtutor_core.doctor import diagnose
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import store
from seqtutor_core.runs.names import name_of

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
    if text := state.problem():
        st.error(literal(text), icon=":material/error:")
    for run in runs:
        _recent_run(run)


def _recent_run(run: store.Run) -> None:
    now = run.state
    facts = run.problem or f"{run.config.learner}, c = {run.config.kl_coefficient:g}, {run.config.seconds:.0f} s"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            page_of(run),
            label=literal(f"{name_of(run)}: {now}; {facts}; {run.size / 1e6:.1f} MB"),
            help=literal(run.id),
            icon=":material/history:",
            query_params={"run": run.id},
        )
        if now not in store.ACTIVE and steering.may_delete(run):
            with st.popover("Delete", icon=":material/delete:", type="tertiary"):
                st.markdown("Its curves, checkpoints and the tuned policy cannot be brought back.")
                st.button("Delete for good", key=f"delete-{run.id}", type="primary", on_click=_delete, args=(run,))


def _delete(run: store.Run) -> None:
    try:
        if not steering.may_delete(run):
            steering.check(run)
        run.delete()
        state.look_away(run)
    except (SeqTutorError, OSError) as error:
        state.set_problem(str(error))
