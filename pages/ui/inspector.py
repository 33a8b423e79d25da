"""A studio's right pane: tabs, of which only the open one is drawn."""

from collections.abc import Callable, Mapping

import streamlit as st

from pages.ui.layout import turn_to_the_right
from pages.ui.page import show_errors
from pages.ui.state import key
from pages.ui.studio import Studio

PANE = "pane"


def panel(studio: Studio, tabs: Mapping[str, Callable[[], None]]) -> None:
    """Draw the tabs, by their titles; the title that was open last is open again."""
    for tab, draw in zip(st.tabs(list(tabs), key=key(studio, PANE), on_change="rerun"), tabs.values(), strict=True):
        if tab.open:
            with tab, show_errors():
                draw()


def show(studio: Studio, title: str) -> None:
    """Open a tab, and on a phone the pane; for a callback."""
    st.session_state[key(studio, PANE)] = title
    turn_to_the_right()
