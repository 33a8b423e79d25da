"""The keyboard to pick notes on: a component drawn in the browser."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui.melody.components import source
from seqtutor_core.domains.melody.tune import Picked

_keyboard = st.components.v2.component(
    "sequence_tutor_keyboard",
    html=source("keyboard.html"),
    css=source("common.css", "keyboard.css"),
    js=source("keyboard.js"),
)


def keyboard(key: str, *, bar: int = 16, on_change: Callable[[], Any] = lambda: None) -> list[Picked]:
    """Keys from C3 to B5; the notes and rests picked so far. `bar`: its sixteenths; `on_change` runs after a change."""
    before = st.session_state.get(key) or {}
    state = _keyboard(
        key=key, data={"notes": before.get("notes", []), "bar": bar}, default={"notes": []}, on_notes_change=on_change
    )
    return [Picked(None if pitch is None else int(pitch), int(length)) for pitch, length in state.notes or []]
