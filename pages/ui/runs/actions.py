"""What can be done with the ticked runs: open, use their settings, rename, delete, and bring back."""

from collections.abc import Sequence

import streamlit as st

from pages.ui import state, steering
from pages.ui.buttons import action_button, safely
from pages.ui.page import page_of
from pages.ui.runs import reuse, table
from pages.ui.text import literal
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import names, trash
from seqtutor_core.runs.index import Summary
from seqtutor_core.runs.store import Run, open_run

HOW_TO_NAME = f"Up to {names.LONGEST} characters; empty: the name it was made with"
_OPEN = "_open_run"  # the id of the run whose settings were taken over
_DISCARDED = "_discarded_runs"  # ids, of the last click


def leave() -> None:
    """Go to the studio, if it was just set to a run's settings."""
    if wanted := st.session_state.pop(_OPEN, None):
        st.switch_page(page_of(open_run(wanted)), query_params={"run": wanted})


def news() -> None:
    """Tell what went wrong, and offer to bring back what was deleted."""
    if text := state.problem():
        st.error(literal(text), icon=":material/error:")
    if gone := st.session_state.get(_DISCARDED):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.success(f"Deleted {many(len(gone))}; for {trash.KEPT / 60:.0f} minutes they can be brought back.")
            action_button("Undo", "undo", "runs-undo", _restore)


def panel(chosen: Sequence[Summary]) -> None:
    """The buttons for the ticked runs; those of a single run where one is ticked."""
    if not chosen:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(chosen) == 1:
            _single(chosen[0])
        _delete_button(chosen)
    for run in chosen:
        if run.problem:
            st.warning(literal(f"{run.name}: {run.problem}"), icon=":material/warning:")


def _single(summary: Summary) -> None:
    run = open_run(summary.id)
    st.page_link(
        page_of(run),
        label=literal(f"Open {summary.name}"),
        icon=":material/open_in_new:",
        query_params={"run": run.id},
        help=literal(run.id),
    )
    if summary.domain in reuse.STUDIOS:
        reuse.prepare(summary.domain)
        action_button("Use these settings", "tune", "runs-use", _use, run)
    if steering.may_delete(run):
        with st.popover("Rename", icon=":material/edit:"):
            key = f"rename-{run.id}"
            st.text_input(
                "Name", value=summary.name, key=key, on_change=safely, args=(_rename, run, key), help=HOW_TO_NAME
            )


def _delete_button(chosen: Sequence[Summary]) -> None:
    ended = [run for run in chosen if not run.living]
    ours = [run.id for run in ended if steering.may_delete(open_run(run.id))]
    reasons = [
        *([f"{many(len(chosen) - len(ended))} still alive"] if len(ended) < len(chosen) else []),
        *([f"{many(len(ended) - len(ours))} of somebody else"] if len(ours) < len(ended) else []),
    ]
    text = f"Not deleted: {', '.join(reasons)}" if reasons else f"For {trash.KEPT / 60:.0f} minutes it can be undone"
    action_button(f"Delete {many(len(ours))}", "delete", "runs-delete", _discard, ours, disabled=not ours, help=text)


def many(n: int) -> str:
    """A number of runs in words."""
    return "1 run" if n == 1 else f"{n} runs"


# ---------------------------------------------------------------- what the buttons do


def _use(run: Run) -> None:
    if missed := reuse.use(run.config):
        state.set_problem(f"The settings of {names.name_of(run)}, but: {'; '.join(missed)}.")
    st.session_state[_OPEN] = run.id


def _rename(run: Run, key: str) -> None:
    if not steering.may_delete(run):
        steering.check(run)
    names.rename(run, st.session_state[key])


def _discard(ids: Sequence[str]) -> None:
    """Delete the runs; one that cannot be deleted is told and keeps none of the others."""
    gone, problems = [], []
    for run_id in ids:
        try:
            run = open_run(run_id)
            if not steering.may_delete(run):
                steering.check(run)
            trash.discard(run)
            state.look_away(run)
            gone.append(run_id)
        except SeqTutorError as error:
            problems.append(str(error))
    st.session_state[_DISCARDED] = gone
    table.let_go(gone)
    if problems:
        state.set_problem("; ".join(problems))


def _restore() -> None:
    gone = st.session_state.pop(_DISCARDED, [])
    problems = []
    for run_id in gone:
        try:
            trash.restore(run_id)
        except SeqTutorError as error:
            problems.append(str(error))
    if problems:
        state.set_problem("; ".join(problems))
