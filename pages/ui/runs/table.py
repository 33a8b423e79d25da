"""The table of all runs: what passes the filters, and the runs that are ticked in it."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

import streamlit as st

from pages.ui.page import STUDIOS, fragment
from pages.ui.readout import state_words
from pages.ui.runs import filters
from pages.ui.text import literal
from seqtutor_core.runs import trash
from seqtutor_core.runs.index import RunInfo, all_run_info

CHOSEN = "chosen"  # ID~ID in the link, so that a comparison survives a reload and can be passed on
EVERY = 3.0  # seconds between two looks while a run lives
_CHOSEN = "_chosen_runs"
COLUMNS = {
    "Name": st.column_config.TextColumn(width=165),
    "Tags": st.column_config.ListColumn(width=100),
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
    "State": st.column_config.TextColumn(width=120),
    "Date": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", width=130),
    "Size": st.column_config.NumberColumn(format="%.1f MB", width=70),
    "Note": st.column_config.TextColumn(width=500, help="What is damaged"),
}

Looks = tuple[tuple[tuple[str, str], ...], frozenset[str]]
"""Ids and states of the runs in the table, and the ids that are ticked."""


def panel() -> list[RunInfo]:
    """Draw filters and table; return the ticked runs, in the table's order."""
    trash.purge()
    runs = all_run_info()
    _let_go_of_the_gone(runs)
    if not runs:
        _none_yet()
        return []
    filters.panel(runs)
    living = any(run.active for run in runs)
    fragment(_table, _looks(filters.filtered(runs)), every=EVERY if living else None, steady=True)
    ticked = _chosen()
    return [run for run in filters.filtered(runs) if run.id in ticked]


def _none_yet() -> None:
    """Say where runs come from, with the way there."""
    st.markdown("No run yet: start one in a studio, and it is listed here.")
    with st.container(horizontal=True):
        for page in STUDIOS:
            st.page_link(page.path, label=f"Open the {page.label.lower()} studio", icon=page.icon)


def _looks(shown: Sequence[RunInfo]) -> Looks:
    return tuple((run.id, run.state) for run in shown), frozenset(_chosen())


def _table(drawn: Looks) -> None:
    """Draw the figures as they are now; a run that came, went, changed its state or was ticked redraws the page."""
    runs = all_run_info()
    shown = filters.filtered(runs)
    if _looks(shown) != drawn:
        st.rerun()
    st.caption(f"{len(shown):,} of {len(runs):,} runs, {sum(run.bytes for run in shown) / 1e6:,.1f} MB")
    ids, ticked = tuple(run.id for run in shown), _chosen()
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


def _cells(run: RunInfo) -> dict[str, Any]:
    """Return a run as the table's columns; None stays empty."""
    return {
        "Name": run.name,
        "Tags": list(run.tags) or None,
        "Domain": run.domain or None,
        "Learner": filters.learner(run) or None,
        "c": run.kl_coefficient,
        "Reward": run.reward,
        "KL": run.kl,
        "Gauge": None if run.gauge is None else 100 * run.gauge,
        "Distinct": None if run.distinct is None else 100 * run.distinct,
        "Duration": run.seconds,
        "State": state_words(run),
        "Date": datetime.fromtimestamp(run.started),
        "Size": run.bytes / 1e6,
        **({"Note": run.problem} if run.problem else {}),
    }


# ---------------------------------------------------------------- what is ticked


def _chosen() -> set[str]:
    """Return the ids that are ticked, also those that a filter hides; at first the link's."""
    if _CHOSEN not in st.session_state:
        st.session_state[_CHOSEN] = set(st.query_params.get(CHOSEN, "").split("~")) - {""}
    return st.session_state[_CHOSEN]


def _choose(key: str, ids: Sequence[str]) -> None:
    """Remember what is ticked now in the table of these runs."""
    rows = st.session_state[key]["selection"]["rows"]
    st.session_state[_CHOSEN] = (_chosen() - set(ids)) | {ids[row] for row in rows}


def tick(run_id: str) -> None:
    """Tick a run beside those that are ticked."""
    st.session_state[_CHOSEN] = _chosen() | {run_id}


def let_go(gone: Sequence[str]) -> None:
    """Tick these no longer."""
    st.session_state[_CHOSEN] = _chosen() - set(gone)


def _let_go_of_the_gone(runs: Sequence[RunInfo]) -> None:
    """Say that ticked runs, or those of a link, are not here any more, and tick them no longer."""
    gone = sorted(_chosen() - {run.id for run in runs})
    if not gone:
        return
    let_go(gone)
    back = [f"`runs restore {one}`" for one in gone if trash.seconds_left(one)]
    many = "1 ticked run is" if len(gone) == 1 else f"{len(gone)} ticked runs are"
    st.warning(
        f"{many} no longer here: deleted, or the folder was removed."
        + (f" For some minutes this command brings it back: {literal(back[0])}" if back else ""),
        icon=":material/link_off:",
    )


def _into_link() -> None:
    if ticked := "~".join(sorted(_chosen())):
        st.query_params[CHOSEN] = ticked
    else:
        st.query_params.pop(CHOSEN, None)
