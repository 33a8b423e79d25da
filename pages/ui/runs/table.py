"""The table of all runs: filters above it, and the runs that are ticked in it."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

import streamlit as st

from pages.ui.readout import STATES
from pages.ui.sliders import LEARNERS
from seqtutor_core.runs import trash
from seqtutor_core.runs.index import Summary, summaries

CHOSEN = "chosen"  # ID~ID in the link, so that a comparison survives a reload and can be passed on
_CHOSEN = "_chosen_runs"
COLUMNS = {
    "Name": st.column_config.TextColumn(width=165),
    "Domain": st.column_config.TextColumn(width=75),
    "Learner": st.column_config.TextColumn(width=90),
    "c": st.column_config.NumberColumn(format="%.3g", width=45, help="The KL coefficient that it began with"),
    "Reward": st.column_config.NumberColumn(format="%.1f", width=70),
    "KL": st.column_config.NumberColumn(format="%.2f", width=60, help="Nats per sequence away from the prior"),
    "Gauge": st.column_config.NumberColumn(
        format="%.0f %%", width=65, help="At most so much of the reachable improvement was reached"
    ),
    "Distinct": st.column_config.NumberColumn(format="%.0f %%", width=70),
    "Duration": st.column_config.NumberColumn(format="%.0f s", width=75, help="Learning time"),
    "State": st.column_config.TextColumn(width=85),
    "Date": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", width=130),
    "Size": st.column_config.NumberColumn(format="%.1f MB", width=70),
    "Note": st.column_config.TextColumn(width=500, help="What is damaged"),
}


def panel() -> list[Summary]:
    """Filters and table; the ticked runs, in the table's order."""
    trash.sweep()
    found = summaries()
    if not found:
        st.info("No run yet: start one in a studio, and it is listed here.", icon=":material/history:")
        return []
    shown = _filtered(found)
    st.caption(f"{len(shown):,} of {len(found):,} runs, {sum(run.bytes for run in shown) / 1e6:,.1f} MB")
    return _table(shown)


def _filtered(found: Sequence[Summary]) -> list[Summary]:
    """Those that the filters let through."""
    of_domains = sorted({run.domain for run in found} - {""})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Find", key="runs-find", placeholder="a name, an id, a learner", icon=":material/search:")
        domains = st.multiselect("Domain", of_domains, key="runs-domain", placeholder="all")
        states = st.multiselect(
            "State", list(STATES), key="runs-state", placeholder="all", format_func=lambda state: STATES[state]
        )
    words = text.casefold().split()
    return [
        run
        for run in found
        if (not domains or run.domain in domains)
        and (not states or run.state in states)
        and all(word in f"{run.name} {run.id} {_learner(run)} {run.domain}".casefold() for word in words)
    ]


def _table(shown: Sequence[Summary]) -> list[Summary]:
    ids = tuple(run.id for run in shown)
    ticked = _chosen()
    # Streamlit remembers rows by their number: other runs make another table, which is told what is ticked in it
    key = f"runs-{sha256(' '.join(ids).encode()).hexdigest()[:12]}"
    st.dataframe(
        [_cells(run) for run in shown],
        key=key,
        height=420,
        placeholder="",
        hide_index=True,
        column_config=COLUMNS,
        on_select=partial(_choose, key, ids),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [row for row, run in enumerate(ids) if run in ticked]}},
        alt="All runs with their settings and figures",
    )
    _into_link()
    ticked = _chosen()
    return [run for run in shown if run.id in ticked]


def _cells(run: Summary) -> dict[str, Any]:
    """A run as the table's columns; None stays empty."""
    return {
        "Name": run.name,
        "Domain": run.domain or None,
        "Learner": _learner(run) or None,
        "c": run.kl_coefficient,
        "Reward": run.reward,
        "KL": run.kl,
        "Gauge": None if run.gauge is None else 100 * run.gauge,
        "Distinct": None if run.distinct is None else 100 * run.distinct,
        "Duration": run.seconds,
        "State": STATES[run.state],
        "Date": datetime.fromtimestamp(run.started),
        "Size": run.bytes / 1e6,
        **({"Note": run.problem} if run.problem else {}),
    }


def _learner(run: Summary) -> str:
    """What pages call its learner."""
    return LEARNERS[run.learner][0] if run.learner in LEARNERS else run.learner


# ---------------------------------------------------------------- what is ticked


def _chosen() -> set[str]:
    """The ids that are ticked, also those that a filter hides; at first the link's."""
    if _CHOSEN not in st.session_state:
        st.session_state[_CHOSEN] = set(st.query_params.get(CHOSEN, "").split("~")) - {""}
    return st.session_state[_CHOSEN]


def _choose(key: str, ids: Sequence[str]) -> None:
    """Remember what is ticked now in the table of these runs."""
    rows = st.session_state[key]["selection"]["rows"]
    st.session_state[_CHOSEN] = (_chosen() - set(ids)) | {ids[row] for row in rows}


def let_go(gone: Sequence[str]) -> None:
    """Tick these no longer."""
    st.session_state[_CHOSEN] = _chosen() - set(gone)


def _into_link() -> None:
    if wanted := "~".join(sorted(_chosen())):
        st.query_params[CHOSEN] = wanted
    else:
        st.query_params.pop(CHOSEN, None)
