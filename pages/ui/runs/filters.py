"""What narrows the table of runs: words, domains, states and tags."""

from collections.abc import Sequence

import streamlit as st

from pages.ui.learning import LEARNERS
from pages.ui.readout import STATES
from seqtutor_core.runs.index import RunInfo

_FIND, _DOMAIN, _STATE, _TAGS = "runs-find", "runs-domain", "runs-state", "runs-tags"


def panel(runs: Sequence[RunInfo]) -> None:
    """Draw the filters, with the domains and tags that the runs have."""
    domains = sorted({run.domain for run in runs} - {""})
    tags = sorted({tag for run in runs for tag in run.tags}, key=str.casefold)
    for key, options in ((_DOMAIN, domains), (_TAGS, tags)):  # what the last run that had it took with it
        st.session_state[key] = [one for one in st.session_state.get(key, ()) if one in options]
    with st.container(horizontal=True, vertical_alignment="bottom", key="runs-filters"):
        st.text_input("Find", key=_FIND, placeholder="a name, a tag, a learner", icon=":material/search:")
        st.multiselect("Domain", domains, key=_DOMAIN, placeholder="all")
        st.multiselect("State", list(STATES), key=_STATE, placeholder="all", format_func=lambda one: STATES[one])
        st.multiselect(
            "Tags", tags, key=_TAGS, placeholder="any", help="Runs that have all of these", disabled=not tags
        )


def filtered(runs: Sequence[RunInfo]) -> list[RunInfo]:
    """Return the runs that the filters let through."""
    words = st.session_state.get(_FIND, "").casefold().split()
    domains, states, tags = (st.session_state.get(key, ()) for key in (_DOMAIN, _STATE, _TAGS))
    return [
        run
        for run in runs
        if (not domains or run.domain in domains)
        and (not states or run.state in states)
        and set(tags) <= set(run.tags)
        and all(word in _text(run) for word in words)
    ]


def _text(run: RunInfo) -> str:
    """Return all that words are looked for in."""
    return " ".join((run.name, run.id, learner(run), run.domain, *run.tags)).casefold()


def learner(run: RunInfo) -> str:
    """Return what pages call its learner."""
    return LEARNERS[run.learner][0] if run.learner in LEARNERS else run.learner
