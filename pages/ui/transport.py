"""The transport: start, pause and stop a run, c, learner and time, and how the run stands; always in view.

The worker does the work; this only asks and reads.
"""

from threading import Lock

import streamlit as st

from pages.ui import changes, learning, readout, state, steering
from pages.ui.buttons import action_button, problem
from pages.ui.page import fragment
from pages.ui.sampling import has_policy
from pages.ui.studio import Studio
from seqtutor_core.config import Change
from seqtutor_core.runs import launcher, store
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

_ONE_START = Lock()
"""Held from the look at who learns until a run is started: two tabs may ask in the same moment."""


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
        "Start", "play_arrow", "start", _start, studio, type="primary", disabled=living, shortcut="Alt+S",
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
        launcher.resume(run, float(state.value(studio, state.SECONDS)) if now == "finished" else 0.0)


def _start(studio: Studio) -> None:
    """Start a run and look at it, unless one learns; the second of two quick clicks does nothing."""
    config, claim, views = state.tuning_config(studio), steering.claims(), state.views()

    def own(run: store.Run) -> None:
        claim(run)
        views[studio.domain] = run.id

    with _ONE_START:
        other = launcher.run_on_device(config.device)
        if other is None:
            launcher.start(config, own)
    if other is None:
        studio.starting()
    elif other.state != "waiting" or not steering.steers(other):
        _tell_of(studio, other)


def _tell_of(studio: Studio, other: store.Run) -> None:
    """Say which run learns already, and show it where this page can."""
    ours = other.config.domain == studio.domain
    where = "It is shown here" if ours else "It is another domain's, and the runs page links to it"
    state.set_problem(
        f"The run {run_name(other)} is {other.state} on this machine, and one can learn at a time. {where}: "
        "stop it, or wait until it has finished, and start again. Your settings are kept."
    )
    if ours:
        state.look_at(studio, other)


def _ask(run: store.Run | None, change: Change) -> None:
    if run:
        run.change(change)
