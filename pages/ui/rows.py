"""A setting's widget, and the compact row of a pane that it stands in: label, widget, value, small buttons.

The label is Streamlit's own, moved beside its widget by assets/styles/rows.css, so that both stay tied to each other;
the help opens from the label's words.
"""

from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import state
from pages.ui.changes import apply
from pages.ui.studio import Studio


def widget(studio: Studio, kind: Any, label: str, name: str, steer: Any = None, **options: Any) -> None:
    """Draw a widget that keeps its value over page changes and in the link.

    kind: Streamlit's widget. name: the setting. steer: passes a change on to a living run. `default` stands for the
    studio's where that is no constant.
    """
    default = options.pop("default", studio.defaults[name])
    if kind is st.selectbox:
        options["index"] = list(options["options"]).index(default)
    else:
        options["default" if kind in (st.segmented_control, st.multiselect) else "value"] = default
    if kind is st.number_input and isinstance(default, int):
        # as a float: Streamlit (1.67) falls over seed=inf in a link
        limits = {each: float(options[each]) for each in ("min_value", "max_value", "step")}
        options |= {**limits, "value": float(default), "format": "%.0f"}
    key = state.key(studio, name)
    kind(
        label,
        key=key,
        bind="query-params",
        persist_state="session",
        on_change=steer,
        args=(studio,) if steer else None,
        **options,
    )


def row(name: str) -> DeltaGenerator:
    """Return a container whose contents stand in one compact row."""
    return st.container(key=f"row-{name}", horizontal=True, wrap=False, vertical_alignment="center", gap="xxsmall")


def show_value(text: str, meaning: str = "") -> None:
    """Draw a value at the end of a row; hovering says what it means. After its widget: a link's value is known then."""
    st.html(f'<span title="{escape(meaning)}">{escape(text)}</span>')


def reset_button(studio: Studio, label: str, name: str, default: Any = None) -> None:
    """Draw the button that sets a setting to its default; while it has that value, the button is there but invisible.

    label: the setting's, as the user reads it. name: its name. default: where it is not the studio's own.
    """
    default = studio.defaults[name] if default is None else default
    st.button(
        f"Reset {label}",
        key=f"reset-{state.key(studio, name)}",
        icon=":material/replay:",
        type="tertiary",
        disabled=state.value(studio, name) == default,
        on_click=apply,
        args=(studio, {name: default}),
    )


def slider_row(
    studio: Studio,
    label: str,
    name: str,
    kind: Any = st.slider,
    shown: Callable[[Any], str] = "{:g}".format,
    **options: Any,
) -> None:
    """Draw a slider in a row of its own, with its value and its reset.

    label, name: of the setting. kind: Streamlit's widget. shown: formats the value. options: go to the widget.
    """
    with row(state.key(studio, name)):
        widget(studio, kind, label, name, **options)
        show_value(shown(state.value(studio, name)))
        reset_button(studio, label, name, options.get("default"))
