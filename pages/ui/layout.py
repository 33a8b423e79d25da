"""A studio's three panes. assets/styles/studio.css says where they stand at each width."""

from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

VIEWS = ("Result", "Sliders", "Curves")  # on a phone, where one pane is shown at a time


class Panes(NamedTuple):
    """Where a studio's parts go; each scrolls by itself."""

    sliders: DeltaGenerator
    centre: DeltaGenerator
    right: DeltaGenerator


def panes() -> Panes:
    """Make the three panes. All of them are always drawn; on a phone the browser shows the one that is chosen."""
    with st.container(key="panes"):
        st.segmented_control(
            "Show",
            VIEWS,
            default=VIEWS[0],
            required=True,
            key="view",
            on_change="ignore",
            label_visibility="collapsed",
            width="stretch",
        )
        return Panes(*(st.container(key=f"pane-{name}") for name in Panes._fields))
