"""The paper's Table 1 for prior, preview and tuned policy, side by side."""

from dataclasses import replace

import streamlit as st

from pages.ui.melody.figures import shown
from pages.ui.melody.spec import MELODY, melody
from pages.ui.previews import (
    BY_OBJECTIVE,
    FIRST_SEED,
    Draw,
    PreviewRequest,
    preview_request,
    previewed,
    prior_rollout,
    remarks,
)
from seqtutor_core.domains.melody import Melody
from seqtutor_core.domains.melody.metrics import MORE, TABLE_1
from seqtutor_core.parallel import one_thread
from seqtutor_core.runs import store

Row = dict[str, float | None]


def panel(run: store.Run | None) -> None:
    """Draw the table, and say how each column was measured."""
    request = preview_request(MELODY)
    prior = of_prior(replace(request.draw, seed=FIRST_SEED), melody())
    columns = {"A Prior": prior, "B Preview": _of_preview(request), "C Tuned": _of_run(run)}
    rows = [
        {"Figure": label} | {title: shown(name, row.get(name)) for title, row in columns.items()}
        for name, label in {**TABLE_1, **MORE}.items()
    ]
    st.table(rows)
    remarks(MELODY, request, previewed(request))
    st.caption("A: as many melodies of the prior. C: 2,048 at the end of the run, or 256 where it was stopped.")


def _of_run(run: store.Run | None) -> Row:
    return ((run.status.summary if run else None) or {}).get("metrics", {})


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_OBJECTIVE)
def _of_preview(request: PreviewRequest) -> Row:
    """Return the figures of melodies drawn by weight."""
    preview = previewed(request)
    with one_thread():
        return request.objective.domain.metrics(preview.tokens, preview.lengths)


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs={Melody: lambda domain: domain.settings})
def of_prior(draw: Draw, domain: Melody) -> Row:
    """Return the prior's figures."""
    rollout = prior_rollout(draw)
    with one_thread():
        return domain.metrics(rollout.tokens, rollout.lengths)
