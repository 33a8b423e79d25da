"""The keyboard to pick notes on, or to play on by MIDI: a component drawn in the browser."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui.components import component, source
from seqtutor_core.domains.melody.tune import Picked

_keyboard = component(
    "sequence_tutor_keyboard",
    html=source("keyboard.html"),
    css=source("common.css", "keyboard.css"),
    js=source("mount.js", "keyboard_midi.js", "keyboard.js"),
)


def keyboard(
    key: str, *, bar: int = 16, bpm: float = 120.0, on_change: Callable[[], Any] = lambda: None
) -> list[Picked]:
    """Draw keys from C3 to B5 and return the notes and rests picked so far, there or on a MIDI keyboard.

    bar: its sixteenths; bpm: quarter notes a minute, by which a held key is measured; on_change runs after a change.
    """
    before = st.session_state.get(key) or {}
    data = {"notes": before.get("notes", []), "bar": bar, "bpm": bpm}
    state = _keyboard(key=key, data=data, default={"notes": []}, on_notes_change=on_change)
    return [Picked(None if pitch is None else int(pitch), int(length)) for pitch, length in state.notes or []]
