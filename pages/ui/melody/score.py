"""A melody of the player as a score, in the right pane."""

import streamlit as st

from pages.ui.melody import notation
from pages.ui.melody.tracks import EVERY, TITLES, heard
from pages.ui.page import fragment, show_errors
from pages.ui.text import literal
from seqtutor_core.runs import store


def panel(run: store.Run | None) -> None:
    """Choose one of the player's melodies and read it; C follows a living run."""
    fragment(_score, run, every=EVERY if run is not None and run.state in store.ACTIVE else None, steady=True)


def _score(run: store.Run | None) -> None:
    with show_errors():
        melodies = {one.letter: one for one in heard(run)}
        letter = st.segmented_control(
            "Melody", list(melodies), default="B", required=True, key="score-of", label_visibility="collapsed",
            format_func=lambda one: f"{one} {TITLES[one]}",
        )  # fmt: skip
        one = melodies.get(letter or "B", melodies["B"])
        st.caption(literal(one.caption))
        notation.score(one.piece, key="score")
