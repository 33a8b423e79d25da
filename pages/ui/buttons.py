"""A button that acts, and the place of a page that says what went wrong."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui import problems
from pages.ui.text import literal
from seqtutor_core.errors import SeqTutorError


def action_button(label: str, icon: str, key: str, action: Callable[..., None], *arguments: Any, **looks: Any) -> None:
    """Draw a button that calls the action; the label is ours."""
    st.button(label, key=key, icon=f":material/{icon}:", on_click=safely, args=(action, *arguments), **looks)


def safely(action: Callable[..., None], *arguments: Any) -> None:
    """Do what was asked; what goes wrong is told on the page and costs nothing else."""
    try:
        action(*arguments)
    except SeqTutorError as error:
        problems.tell(str(error))
    else:
        if not problems.is_new():  # of this very action
            problems.forget()


def problem(page: str) -> None:
    """Say what went wrong, until a button is pressed or, in a studio, a setting changed; drawn with the whole page."""
    if text := problems.current(page):
        with st.container(horizontal=True, vertical_alignment="center", key="problem"):
            st.error(literal(text), icon=":material/error:")
            st.button("Dismiss", key="dismiss", type="tertiary", on_click=problems.forget)
