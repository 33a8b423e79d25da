"""What can be done with the ticked runs: open, use their settings, rename, tag, take away, stop, delete, bring back."""

from collections.abc import Callable, Iterable, Sequence

import streamlit as st

from pages.ui import problems, state, steering
from pages.ui.buttons import action_button, problem, safely
from pages.ui.page import page_of
from pages.ui.runs import bundles, reuse, table
from pages.ui.text import literal
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import launcher, names, tags, trash
from seqtutor_core.runs.index import RunInfo
from seqtutor_core.runs.store import Run, all_runs, open_run

HOW_TO_NAME = f"Up to {names.MAX_LENGTH} characters; empty: the name it was made with"
HOW_TO_TAG = f"1 to {tags.MAX_LENGTH} characters; Enter adds it to every ticked run"
HINT = "Tick a row to open, rename, tag, stop or delete it; tick up to six to compare them."
MINUTES = f"{trash.KEEP_SECONDS / 60:.0f} minutes"
OPEN = ":material/open_in_new:"
_NAMED = 3  # ticked runs that the line below the buttons names
_OPEN = "_open_run"  # the id of the run whose settings were taken over
_DISCARDED = "_discarded_runs"  # ids, of the last click
_NEW_TAG = "runs-new-tag"


def leave() -> None:
    """Go to the studio, if it was just set to a run's settings."""
    if run_id := st.session_state.pop(_OPEN, None):
        st.switch_page(page_of(open_run(run_id)), query_params={"run": run_id})


def panel(chosen: Sequence[RunInfo]) -> None:
    """Draw the buttons for the ticked runs, always all of them in one place, and a line on what is ticked.

    Without any run there is nothing to do, unless the last one was just deleted.
    """
    if not all_runs() and not st.session_state.get(_DISCARDED):
        bundles.bring_in()
        problem("runs")
        return
    one = chosen[0] if len(chosen) == 1 else None
    ours = [run.id for run in chosen if steering.may_delete(open_run(run.id))]
    with st.container(horizontal=True, vertical_alignment="center"):
        _open(one)
        _use_button(one)
        _rename_popover(one if ours else None)
        _tags_popover([run for run in chosen if run.id in ours])
        bundles.take_away(one, bool(ours))
        bundles.bring_in()
        _stop_button(chosen)
        _delete_button(chosen, ours)
        gone = st.session_state.get(_DISCARDED)
        action_button("Undo delete", "undo", "runs-undo", _restore, disabled=not gone)
    st.caption(_line(chosen))
    bundles.notices()
    problem("runs")
    for run in chosen:
        if run.problem:
            st.warning(literal(f"{run.name}: {run.problem}"), icon=":material/warning:")


def _line(chosen: Sequence[RunInfo]) -> str:
    """Draw what is ticked, else what was deleted, else what ticking is for."""
    if chosen:
        named = literal(", ".join(run.name for run in chosen[:_NAMED]))
        return f"Ticked: {named}" + (f" and {len(chosen) - _NAMED} more" if len(chosen) > _NAMED else "")
    gone = st.session_state.get(_DISCARDED)
    return f"Deleted {many(len(gone))}; for {MINUTES} *Undo delete* brings back the last." if gone else HINT


def _open(one: RunInfo | None) -> None:
    if one:
        st.page_link(page_of(open_run(one.id)), label="Open", icon=OPEN, query_params={"run": one.id})
    else:  # a disabled link is too pale to be read, and a disabled button says that it is one
        st.button("Open", key="runs-open", icon=OPEN, type="tertiary", disabled=True)


def _use_button(one: RunInfo | None) -> None:
    usable = one is not None and one.domain in reuse.STUDIOS
    if one and usable:
        reuse.prepare(one.domain)
    run_id = one.id if one else ""
    action_button("Use these settings", "tune", "runs-use", _use, run_id, disabled=not usable)


def _rename_popover(one: RunInfo | None) -> None:
    with st.popover("Rename", icon=":material/edit:", disabled=one is None):
        if one:
            key = f"rename-{one.id}"
            st.text_input(
                "Name", value=one.name, key=key, on_change=safely, args=(_rename, one.id, key), help=HOW_TO_NAME
            )


def _tags_popover(ours: Sequence[RunInfo]) -> None:
    with st.popover("Tag", icon=":material/label:", disabled=not ours):
        if not ours:
            return
        ids = [run.id for run in ours]
        st.text_input("New tag", key=_NEW_TAG, on_change=safely, args=(_add_tag, ids), help=HOW_TO_TAG)
        for tag in sorted({tag for run in ours for tag in run.tags}, key=str.casefold):
            having = [run.id for run in ours if tag in run.tags]
            action_button(f"Remove {literal(tag)}", "label_off", f"runs-untag-{tag}", _remove_tag, having, tag)


def _stop_button(chosen: Sequence[RunInfo]) -> None:
    """Draw Stop for those that live and are this visitor's, as in a studio."""
    living = [run for run in chosen if run.active]
    doomed = [run.id for run in living if steering.steers(open_run(run.id))]
    text = "Those that learn or wait are saved as they are, and can be resumed"
    if len(doomed) < len(living):
        text = f"Not stopped: {many(len(living) - len(doomed))} that you only watch"
    label = f"Stop {many(len(doomed))}" if doomed else "Stop"
    action_button(label, "stop", "runs-stop", _stop, doomed, disabled=not doomed, help=text)


def _delete_button(chosen: Sequence[RunInfo], ours: Sequence[str]) -> None:
    ended = [run for run in chosen if not run.active]
    doomed = [run.id for run in ended if run.id in ours]
    reasons = [
        *([f"{many(len(chosen) - len(ended))} still alive"] if len(ended) < len(chosen) else []),
        *([f"{many(len(ended) - len(doomed))} of somebody else"] if len(doomed) < len(ended) else []),
    ]
    text = f"Not deleted: {', '.join(reasons)}" if reasons else f"For {MINUTES} it can be undone"
    label = f"Delete {many(len(doomed))}" if doomed else "Delete"
    action_button(label, "delete", "runs-delete", _discard, doomed, disabled=not doomed, help=text)


def many(n: int) -> str:
    """Return a number of runs in words."""
    return "1 run" if n == 1 else f"{n} runs"


# ---------------------------------------------------------------- what the buttons do


def _use(run_id: str) -> None:
    reuse.use(open_run(run_id))
    st.session_state[_OPEN] = run_id


def _ours(run_id: str) -> Run:
    """Open a run to change it; RunError when it is gone or somebody else's."""
    run = open_run(run_id)
    if not steering.may_delete(run):
        steering.check(run)
    return run


def _rename(run_id: str, key: str) -> None:
    names.rename_run(_ours(run_id), st.session_state[key])


def _add_tag(ids: Iterable[str]) -> None:
    tag, st.session_state[_NEW_TAG] = st.session_state[_NEW_TAG], ""
    if tag.strip():
        _each(ids, lambda run_id: tags.add_tag(_ours(run_id), tag))


def _remove_tag(ids: Iterable[str], tag: str) -> None:
    _each(ids, lambda run_id: tags.remove_tag(_ours(run_id), tag))


def _stop(ids: Iterable[str]) -> None:
    def stop(run_id: str) -> None:
        run = open_run(run_id)
        steering.check(run)
        launcher.stop(run)

    _each(ids, stop)


def _discard(ids: Iterable[str]) -> None:
    def discard(run_id: str) -> None:
        run = _ours(run_id)
        trash.discard(run)
        state.look_away(run)

    st.session_state[_DISCARDED] = gone = _each(ids, discard)
    table.let_go(gone)


def _restore() -> None:
    _each(st.session_state.pop(_DISCARDED, []), trash.restore)


def _each(ids: Iterable[str], act: Callable[[str], object]) -> list[str]:
    """Do it to each run and return those that it was done to; a failure is shown and does not stop the others."""
    done, failures = [], []
    for run_id in ids:
        try:
            act(run_id)
            done.append(run_id)
        except SeqTutorError as error:
            failures.append(str(error))
    if failures:
        problems.tell("; ".join(dict.fromkeys(failures)))
    return done
