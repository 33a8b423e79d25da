"""Components that are drawn in the browser: their sources, from assets/components, and how data go to them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

SOURCES = Path(__file__).resolve().parents[2] / "assets" / "components"
VIEWER = "app/static/3Dmol-min.js"
"""Where this app serves the script that turns molecules."""


def source(*names: str) -> str:
    """Return files one after another: several JavaScript files become one module, in the order listed."""
    return "\n".join((SOURCES / name).read_text(encoding="utf-8") for name in names)


def component(name: str, *, js: str, html: str | None = None, css: str | None = None) -> Callable[..., Any]:
    """Register a component; return what draws it, with the arguments of Streamlit's own."""
    mount = st.components.v2.component(name, html=html, css=css, js=js)

    def draw(data: Any = None, **options: Any) -> Any:
        return mount(data=_without_lists(data), **options)

    return draw


def _without_lists(data: Any) -> Any:
    """Return data whose entries are tuples where they were lists; the browser gets the same.

    Streamlit (1.67) asks pandas whether a list is a table, and of a tuple knows that it is none: so a new server need
    not import pandas, half a second, before it shows its first piano roll or curve.
    """
    if not isinstance(data, dict):
        return data
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
