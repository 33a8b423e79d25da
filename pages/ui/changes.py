"""Changes of a studio's settings: passed on to the living run, made several at once, taken back."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import problems, state, steering
from pages.ui.studio import Studio
from seqtutor_core.config import Change
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import store

MOST = 50  # changes that can be taken back
NOT_UNDONE = {state.STRENGTH}  # of what the page draws, in a part that is drawn by itself

_TOLD = "_told"  # key of the run in view and the rewards that it was told last, or that stood when it came into view
_SETTINGS, _HISTORY = "_settings", "_history"  # as last drawn; by which change each was left


def apply(studio: Studio, values: Mapping[str, Any]) -> None:
    """Set several settings as one change, and steer the living run by those that it can be told. For a callback."""
    state.choose(studio, values)
    if state.COMBINATION in values or any(term.name in values for term in studio.terms):
        steer_weights(studio)
    if values.keys() & {state.KL, state.KEEP_BUDGET, state.KL_BUDGET}:
        steer_kl(studio)
    if state.LEARNING_RATE in values and not values.keys() & {state.LEARNER, state.PRESET}:
        steer_rate(studio)


# ---------------------------------------------------------------- undo


def record(studio: Studio) -> None:
    """Remember what has changed since the page was drawn last. To be called when all settings have been drawn.

    Not by callbacks: a link has none, and a run's settings are set from another page.
    """
    if changed := _changed(studio):
        st.session_state[_key(studio, _HISTORY)] = [*_history(studio), changed][-MOST:]
    st.session_state[_key(studio, _SETTINGS)] = _settings(studio)


def forget_answered_problem(studio: Studio) -> None:
    """Forget what went wrong once a setting has changed since it was shown. To be called before it is shown again."""
    if problems.was_shown() and _changed(studio):
        problems.forget()


def can_undo(studio: Studio) -> bool:
    """Return whether there is a change to take back."""
    return bool(_history(studio))


def undo(studio: Studio) -> None:
    """Take the last change back, for the living run as well. For a callback."""
    if history := _history(studio):
        apply(studio, history.pop())
        st.session_state[_key(studio, _SETTINGS)] = _settings(studio)


def _settings(studio: Studio) -> dict[str, Any]:
    """Return the settings whose widgets have been drawn."""
    keys = {name: state.key(studio, name) for name in studio.defaults if name not in NOT_UNDONE}
    return {name: st.session_state[key] for name, key in keys.items() if key in st.session_state}


def _changed(studio: Studio) -> dict[str, Any]:
    """Return the settings that have changed since the page was drawn last, as they were then."""
    before, now = st.session_state.get(_key(studio, _SETTINGS), {}), _settings(studio)
    return {name: before[name] for name in before.keys() & now.keys() if before[name] != now[name]}


def _history(studio: Studio) -> list[dict[str, Any]]:
    """Return what each change left behind, the last one at the end."""
    return st.session_state.get(_key(studio, _HISTORY), [])


def _key(studio: Studio, name: str) -> str:
    return name + state.key(studio, "")


# ---------------------------------------------------------------- steering the living run


def steer_weights(studio: Studio) -> None:
    """Tell the living run the weights, and how they are combined."""
    rewards = _rewards(studio)
    if run := _steer(studio, rewards):
        st.session_state[_TOLD] = run.id, rewards


def _rewards(studio: Studio) -> dict[str, Any]:
    """Return what a run is told of its rewards."""
    return {"weights": state.weights(studio), "combination": state.value(studio, state.COMBINATION)}


def catch_up(studio: Studio) -> None:
    """Send weights that changed without a callback, as when the browser goes back to another link."""
    run = state.run(studio)
    if run is None or not steering.steers(run):
        return
    rewards = _rewards(studio)
    known, told = st.session_state.get(_TOLD, ("", rewards))
    if known == run.id and told != rewards:
        steer_weights(studio)
    st.session_state[_TOLD] = run.id, rewards


def forget_told() -> None:
    """Take the sliders as they will stand for what the run was told: they are set, not moved."""
    st.session_state.pop(_TOLD, None)


def steer_kl(studio: Studio) -> None:
    """Tell the living run c. With a KL budget c is left to the run; without one it is again what its slider says."""
    if state.value(studio, state.KEEP_BUDGET):
        _steer(studio, {"kl_budget": float(state.value(studio, state.KL_BUDGET))})
    else:
        _steer(studio, {"kl_budget": 0.0, "kl_coefficient": float(state.value(studio, state.KL))})


def steer_rate(studio: Studio) -> None:
    """Tell the living run the learning rate."""
    _steer(studio, {"learning_rate": float(state.value(studio, state.LEARNING_RATE))})


def _steer(studio: Studio, change: Mapping[str, Any]) -> store.Run | None:
    """Pass a change on to the run in view, if it is alive and ours; return the run that heard it."""
    run = state.run(studio)
    if run is None or run.state not in store.ACTIVE or not steering.steers(run):
        return None
    try:
        run.change(Change(**change))
    except SeqTutorError as error:  # it ended a moment ago: the slider keeps its value for the next run
        problems.tell(str(error))
        return None
    return run
