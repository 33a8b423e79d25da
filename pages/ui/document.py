"""A document of the repository as a page of the app shows it: contents beside a narrow column of text."""

import posixpath
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

import streamlit as st

from pages.ui.components import source

DOCS = Path(__file__).resolve().parents[2] / "docs"
LINK_TO_FILE = re.compile(r"\[[^]]+\]\((?!https?:|#)([^)]+)\)")
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
PIECE = re.compile(
    r"^(?:<!-- fold: (?P<title>.+) -->\n+)?(?P<table>(?:\|.+\n)+)|^<!-- here: (?P<place>.+) -->\n", re.MULTILINE
)
"""A table, which a remark may fold away under a title, or a place for something to play with."""

_contents = st.components.v2.component(
    "sequence_tutor_contents", css=source("contents.css"), js=source("contents.js"), html="<nav></nav>"
)


def document(name: str) -> tuple[str, str]:
    """Its first paragraph and the rest, without the title.

    The app does not serve the repository's other files, so a link to one becomes its path.
    """
    text = (DOCS / name).read_text(encoding="utf-8")
    text = LINK_TO_FILE.sub(lambda link: f"`{posixpath.normpath('docs/' + link[1])}`", text)
    _title, lead, rest = text.split("\n\n", 2)
    return lead, rest


def show(text: str, places: Mapping[str, Callable[[], None]]) -> None:
    """Draw a document, its contents beside it; a place in it, by name, is drawn by a function."""
    with st.container(key="document"):
        with st.container(key="contents"):
            _contents(key="sections", data=[(title, _anchor(title)) for title in SECTION.findall(text)])
        with st.container(key="article"):
            _article(text, places)


def _article(text: str, places: Mapping[str, Callable[[], None]]) -> None:
    """Each table is drawn by itself, since one that is wider than the page scrolls inside its own element."""
    before = 0
    for piece in PIECE.finditer(text):
        st.markdown(text[before : piece.start()])
        if piece["place"]:
            places[piece["place"]]()
        else:
            with st.expander(piece["title"]) if piece["title"] else nullcontext():
                st.markdown(piece["table"])
        before = piece.end()
    st.markdown(text[before:])


def _anchor(title: str) -> str:
    """The anchor that Streamlit gives a heading."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")
