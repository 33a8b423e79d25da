"""The home page: a showcase and a door for each studio, the last runs, and what this machine has and lacks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

import streamlit as st

from pages.ui.page import STUDIOS
from pages.ui.readout import state_words
from pages.ui.text import literal
from seqtutor_core.doctor import diagnose
from seqtutor_core.runs import store
from seqtutor_core.runs.index import RunInfo, run_info

RECENT = 5


@contextmanager
def layout() -> Iterator[None]:
    """Lay what is drawn within out as columns, as many as the window has room for."""
    with st.container(key="home"):
        yield


def studio(domain: str, sentence: str, show: Callable[[], None]) -> None:
    """Draw a studio at a glance: the door, one sentence, and something to hear or see."""
    page = next(page for page in STUDIOS if page.domain == domain)
    with st.container(key=f"home-{domain}", gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", key=f"home-door-{domain}"):
            st.header(page.label, anchor=False, width="content")
            st.page_link(page.path, label=f"Open the {page.label.lower()} studio", icon=page.icon)
        st.markdown(sentence)
        with st.container(key=f"home-{domain}-show"):
            show()


def aside() -> None:
    """Draw the last runs, and this machine."""
    with st.container(key="home-aside"):
        _last_runs()
        _this_machine()


def _last_runs() -> None:
    """Draw the newest runs, with a way back to each and to all of them."""
    st.header("Last runs", anchor=False)
    runs = list(islice(filter(None, map(run_info, store.all_runs())), RECENT))
    if not runs:
        st.markdown("None yet: start one in a studio, and it is listed here.")
        return
    for run in runs:
        _run(run)
    st.page_link("pages/runs.py", label="All runs: compare, rename, delete", icon=":material/history:")


def _run(run: RunInfo) -> None:
    page = next((page for page in STUDIOS if page.domain == run.domain), STUDIOS[0])
    figures = [
        state_words(run),
        *([] if run.kl_coefficient is None else [f"c = {run.kl_coefficient:g}"]),
        *([] if run.reward is None else [f"reward {run.reward:.1f}"]),
    ]
    with st.container(gap=None):
        st.page_link(
            page.path, label=literal(run.name), help=literal(run.id), icon=page.icon, query_params={"run": run.id}
        )
        st.caption(", ".join(figures), help=literal(run.problem) or None)


def _this_machine() -> None:
    """Draw what this machine has, what is missing, and the remedy."""
    parts = diagnose()
    missing = [p.name for p in parts if not p.present]
    with st.expander("This machine" + (f": {', '.join(missing)} missing" if missing else " has everything")):
        for part in parts:
            icon = ":material/check_circle:" if part.present else ":material/info:"
            st.markdown(f"{icon} **{part.name}**: {literal(f'{part.detail} {part.remedy}')}")
