"""Documents of the repository as one page of the app: contents beside a narrow column of text."""

import posixpath
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

import streamlit as st

from pages.ui.components import component, source

DOCS = Path(__file__).resolve().parents[2] / "docs"
LINK_TO_FILE = re.compile(r"(?P<label>\[[^]]+\])\((?!https?:|#)(?P<file>[^)#]+)(?P<anchor>#[^)]+)?\)")
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
PIECE = re.compile(
    r"^(?:<!-- fold: (?P<title>.+) -->\n+)?(?P<table>(?:\|.+\n)+)|^<!-- here: (?P<place>.+) -->\n", re.MULTILINE
)
"""A table, which a remark may fold away under a title, or a place for something to play with."""

_contents = component(
    "sequence_tutor_contents", css=source("contents.css"), js=source("contents.js"), html="<nav></nav>"
)


def documents(*names: str) -> tuple[str, str]:
    """Return the first document's first paragraph, and everything else, the other documents as sections of it.

    A link from one of them to another leads to its section. The app does not serve the repository's other files, so a
    link to one becomes its path.
    """
    texts = {name: (DOCS / name).read_text(encoding="utf-8") for name in names}
    titles = {name: text.partition("\n")[0].removeprefix("# ") for name, text in texts.items()}

    def within_the_page(link: re.Match[str]) -> str:
        if link["file"] in titles:
            return f"{link['label']}({link['anchor'] or '#' + _anchor(titles[link['file']])})"
        return f"`{posixpath.normpath('docs/' + link['file'])}`"

    first, *others = [LINK_TO_FILE.sub(within_the_page, text) for text in texts.values()]
    _title, lead, rest = first.split("\n\n", 2)
    return lead, "\n".join([rest, *("#" + text for text in others)])


def show(text: str, places: Mapping[str, Callable[[], None]]) -> None:
    """Draw a text, its contents beside it; a place in it, by name, is drawn by a function."""
    with st.container(key="document"):
        with st.container(key="contents"):
            _contents(key="sections", data=[(title, _anchor(title)) for title in SECTION.findall(text)])
        with st.container(key="article"):
            _article(text, places)


def _article(text: str, places: Mapping[str, Callable[[], None]]) -> None:
    """Draw a text, each table by itself: one that is wider than the page scrolls inside its own element."""
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
    """Return the anchor that Streamlit gives a heading."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")
