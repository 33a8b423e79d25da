"""A button that acts, and says on the page what went wrong."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui import state
from seqtutor_core.errors import SeqTutorError


def action_button(label: str, icon: str, key: str, action: Callable[..., None], *arguments: Any, **looks: Any) -> None:
    """Draw a button that calls the action; the label is ours."""
    st.button(label, key=key, icon=f":material/{icon}:", on_click=safely, args=(action, *arguments), **looks)


def safely(action: Callable[..., None], *arguments: Any) -> None:
    """Do what was asked; what goes wrong is told on the page and costs nothing else."""
    try:
        action(*arguments)
    except SeqTutorError as error:
        state.set_problem(str(error))
