"""A studio's three panes. assets/styles/studio.css says where they stand at each width."""

from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

VIEWS = ("Result", "Sliders", "Curves")  # on a phone, where one pane is shown at a time
_VIEW = "view"


class Panes(NamedTuple):
    """Where a studio's parts go; each scrolls by itself."""

    sliders: DeltaGenerator
    centre: DeltaGenerator
    right: DeltaGenerator


def panes() -> Panes:
    """Make the three panes. All of them are always drawn; on a phone the browser shows the one that is chosen."""
    st.session_state.setdefault(_VIEW, VIEWS[0])
    with st.container(key="panes"):
        st.segmented_control(
            "Show",
            VIEWS,
            required=True,
            key=_VIEW,
            on_change="ignore",
            label_visibility="collapsed",
            width="stretch",
        )
        return Panes(*(st.container(key=f"pane-{name}") for name in Panes._fields))


def turn_to_the_right() -> None:
    """Let a phone show the right pane; for a callback."""
    st.session_state[_VIEW] = VIEWS[-1]
