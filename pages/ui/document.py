"""A document of the repository as a page of the app shows it."""

import posixpath
import re
from pathlib import Path

import streamlit as st

DOCS = Path(__file__).resolve().parents[2] / "docs"
LINK_TO_FILE = re.compile(r"\[[^]]+\]\((?!https?:|#)([^)]+)\)")
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


def document(name: str) -> tuple[str, str]:
    """Its first paragraph and the rest, without the title.

    The app does not serve the repository's other files, so a link to one becomes its path.
    """
    text = (DOCS / name).read_text(encoding="utf-8")
    text = LINK_TO_FILE.sub(lambda link: f"`{posixpath.normpath('docs/' + link[1])}`", text)
    _title, lead, rest = text.split("\n\n", 2)
    return lead, rest


def contents(text: str) -> None:
    """A link to each section, in the sidebar."""
    with st.sidebar:
        st.markdown("**On this page**")
        st.markdown("\n".join(f"- [{title}](#{_anchor(title)})" for title in SECTION.findall(text)))


def _anchor(title: str) -> str:
    """The anchor that Streamlit gives a heading."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")
