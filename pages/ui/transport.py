"""The transport: start, pause and stop a run, c, learner and time, and how the run stands; always in view.

The worker does the work; this only asks and reads.
"""

import time
from collections.abc import Sequence
from threading import Lock

import streamlit as st

from pages.ui import changes, learning, problems, readout, state, steering
from pages.ui.buttons import action_button, problem
from pages.ui.page import fragment
from pages.ui.sampling import has_policy
from pages.ui.studio import Studio
from pages.ui.visitor import visitor
from seqtutor_core.config import Change
from seqtutor_core.environment import RUNS_PER_VISITOR, runs_per_visitor
from seqtutor_core.errors import RunError
from seqtutor_core.runs import launcher, owner, store
from seqtutor_core.runs.names import run_name

Looks = tuple[str, str, bool]
"""What the rest of the page depends on: the run in view, its state, and whether it has a policy to hear."""

PAUSE = ("Pause", "pause", "pause", "Halt learning; nothing is lost")
RESUME = ("Resume", "resume", "resume", "Go on from the last checkpoint")
MIDDLE = {
    "paused": ("Go on", "play_arrow", "go-on", "Learn on"),
    "finished": ("More time", "more_time", "more", "Learn on for the time that is set here"),
    **dict.fromkeys(("stopped", "interrupted", "failed"), RESUME),
}
"""State of a run -> the button in the middle: label, icon, key, help."""

SAME_MOMENT = 2.0  # seconds between two starts of one visitor that are one, in two tabs
_ONE_START = Lock()
"""Held from the look at what a visitor has started until a run is: two tabs may ask in the same moment."""


def panel(studio: Studio) -> None:
    """Draw the transport; what it says of a living run is drawn anew every second."""
    run = state.run(studio)
    drawn = _looks(run)
    with st.container(key="transport"):
        with st.container(horizontal=True, key="transport-row"):
            with st.container(horizontal=True, key="run-buttons"):
                _buttons(studio, run)
            with st.container(horizontal=True, key="transport-settings", vertical_alignment="center"):
                learning.kl_slider(studio)
                learning.learner_choice(studio)
                learning.time_choice(studio)
            with st.container(horizontal=True, key="transport-owner", width="content"):
                steering.panel(run)
        fragment(_follow, studio, drawn, every=1.0 if drawn[1] in store.ACTIVE else None, steady=True)
        changes.forget_answered_problem(studio)
        problem(studio.domain)


def _looks(run: store.Run | None) -> Looks:
    return (run.id, run.state, has_policy(run)) if run else ("", "", False)


def _follow(studio: Studio, drawn: Looks) -> None:
    """Say how the run stands; when it begins, ends or can first be heard, the page is drawn once more as a whole."""
    run = state.run(studio)
    if _looks(run) != drawn:
        st.rerun()
    st.html(readout.html(studio, run))


# ---------------------------------------------------------------- buttons


def _buttons(studio: Studio, run: store.Run | None) -> None:
    """Draw three places that never change: begin, halt or go on, end."""
    now = run.state if run else ""
    living = now in store.ACTIVE
    own = run if run and steering.steers(run) else None  # what a button was drawn for is what it acts on
    action_button(
        "Start", "play_arrow", "start", _start, studio, type="primary", disabled=living and own is not None,
        shortcut="Alt+S",
        help="Tune a new policy with the settings as they stand",
    )  # fmt: skip
    label, icon, key, help = MIDDLE.get(now, PAUSE)
    action_button(
        label, icon, key, _halt_or_go_on, studio, own, now, disabled=own is None or now == "damaged",
        shortcut="Alt+P", help=help,
    )  # fmt: skip
    action_button(
        "Stop", "stop", "stop", _ask, own, Change(stop=True), disabled=own is None or not living, shortcut="Alt+X",
        help="Stop tuning; what was learned is kept, and the run can be resumed",
    )  # fmt: skip


def _halt_or_go_on(studio: Studio, run: store.Run | None, now: str) -> None:
    if now in store.ACTIVE:
        _ask(run, Change(pause=now != "paused"))
    elif run:
        seconds = float(state.value(studio, state.SECONDS)) if now == "finished" else 0.0
        with _ONE_START:
            _check_room(owner.living_runs(visitor()))
            launcher.resume(run, seconds)


def _start(studio: Studio) -> None:
    """Start a run and look at it; the second of two quick clicks, or of two tabs at once, makes no other."""
    pressed, config, claim, views = time.time(), state.tuning_config(studio), steering.claims(), state.views()
    who, viewed = visitor(), views.get(studio.domain)

    def own(run: store.Run) -> None:
        claim(run)
        views[studio.domain] = run.id

    with _ONE_START:
        living = owner.living_runs(who)
        other = _started_already(living, studio, viewed, pressed)
        if other is None:
            _check_room(living)
            launcher.start(config, own)
    if other is None:
        studio.starting()
    elif other.id != viewed:
        problems.tell(f"Another tab started the run {run_name(other)} in this very moment; it is shown here.")
        state.look_at(studio, other)


def _started_already(
    living: Sequence[store.Run], studio: Studio, viewed: str | None, pressed: float
) -> store.Run | None:
    """Return the visitor's run that this click asked for too: the one in view, or one that another tab just started."""
    return next(
        (
            run
            for run in living
            if run.id == viewed or (run.config.domain == studio.domain and run.status.launched > pressed - SAME_MOMENT)
        ),
        None,
    )


def _check_room(living: Sequence[store.Run]) -> None:
    """Raise RunError when a visitor may have no further run."""
    most = runs_per_visitor()
    if len(living) >= most:
        raise RunError(
            f"{', '.join(map(run_name, living))}: as many runs of yours learn or wait as a visitor may have ({most}; "
            f"{RUNS_PER_VISITOR}). Stop one, or wait until it has finished, and try again. Your settings are kept."
        )


def _ask(run: store.Run | None, change: Change) -> None:
    if run:
        run.change(change)
