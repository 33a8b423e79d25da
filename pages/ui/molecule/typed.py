"""A structure that follows each letter typed into a field, in a place of its own, so that nothing moves.

Streamlit's live fields commit every pause, and leave Enter nothing to say: previews and runs would take each half-typed
molecule. So the field stays as it is, and a component tells what is being typed into it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import streamlit as st

from pages.ui import state
from pages.ui.components import component, source
from pages.ui.page import fragment
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.chemistry import remote
from seqtutor_core.errors import MissingPartError, SeqTutorError
from seqtutor_core.text import lines

WIDTH, HEIGHT = 240, 110  # pixels of a drawing
SMALL_WIDTH, SMALL_HEIGHT = 110, 70  # of a pattern's
TEXT = 50  # below a drawing, for two lines; what is longer scrolls
ROOM, SMALL_ROOM = HEIGHT + TEXT, SMALL_HEIGHT + TEXT  # of the place
SHOWN = 60  # characters of a structure in an alternative text

_ear = component("sequence_tutor_typed", js=source("mount.js", "typed.js"))


Pictures = Sequence[tuple[str, str]]
"""SVG, and what it shows."""


class Structure(NamedTuple):
    """What a text stands for."""

    pictures: Pictures = ()
    problem: str = ""
    remarks: Sequence[str] = ()


Read = Callable[[str], Structure]


def follow(studio: Studio, name: str, read: Read, empty: str, room: int = ROOM) -> None:
    """Show the structure of a field, also while it is typed; an empty field says what it is for.

    name: the field's setting. read: what makes a structure of its text. empty: what it is for. room: pixels.
    """
    with st.container(key=f"steady-typed-{name}"):
        fragment(_place, studio, name, read, empty, room)


def _place(studio: Studio, name: str, read: Read, empty: str, room: int) -> None:
    key = state.key(studio, name)
    with st.container(gap=None):
        typed = _ear(key=f"typed-{name}", data={"field": key}, on_typed_change=_nothing).typed
        text = state.value(studio, name) if typed is None else str(typed["text"])
        with st.container(height=room, border=False, gap="xsmall", key=f"place-{name}"):
            if not text.strip():
                st.caption(empty)
            elif typed is None:
                _show_committed(read(text), name)
            else:
                _show_typed(read(text), name)


def _show_committed(structure: Structure, name: str) -> None:
    if structure.problem:
        st.error(literal(structure.problem))
    _show_pictures(structure.pictures, name)
    for remark in structure.remarks:
        st.caption(literal(remark))


def _show_typed(structure: Structure, name: str) -> None:
    """Show the last drawing dimmed and a short error, since the text may be valid a letter later."""
    if structure.pictures or not structure.problem:
        _show_pictures(structure.pictures, name)
    else:
        _draw([(_dimmed(svg), f"{alt}, as it was before") for svg, alt in st.session_state.get(_kept(name), ())])
    if structure.problem:
        st.caption(literal(structure.problem.rpartition("; ")[0] or structure.problem))


def _show_pictures(pictures: Pictures, name: str) -> None:
    """Draw what is right, and remember it."""
    if pictures:
        st.session_state[_kept(name)] = pictures
    _draw(pictures)


def _draw(pictures: Pictures) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        for svg, alt in pictures:
            st.image(svg, alt=alt)


def _kept(name: str) -> str:
    """Return the session key of a field's last drawings."""
    return f"_typed_{name}"


def _dimmed(svg: str) -> str:
    return svg.replace("<svg ", '<svg opacity="0.35" ', 1)


def _nothing() -> None:
    """Do nothing: Streamlit requires a callback."""


# ---------------------------------------------------------------- what a text stands for


def molecule(corpus: str, text: str) -> Structure:
    """Read a SMILES, for a prior that learned from a corpus."""
    try:
        parsed = remote.molecule(text, corpus)
        drawn = _drawn(_alt(parsed.smiles), remote.drawing, parsed.smiles, WIDTH, HEIGHT)
        return Structure(drawn, remarks=parsed.remarks)
    except SeqTutorError as error:
        return Structure(problem=str(error))


def beginning(corpus: str, text: str) -> Structure:
    """Read a beginning of SMILES, for a prior that learned from a corpus."""
    try:
        return Structure(_drawn(f"beginning {_alt(text.strip())}", remote.prefix_drawing, text, WIDTH, HEIGHT, corpus))
    except SeqTutorError as error:
        return Structure(problem=str(error))


def patterns(text: str) -> Structure:
    """Read SMARTS, one a line: every good line is drawn, small, and the first bad one named."""
    pictures: list[tuple[str, str]] = []
    for line in filter(None, map(str.strip, lines(text))):
        try:
            for smarts in remote.smarts(line):  # none of a line that only looks empty
                pictures += _drawn(f"pattern {_alt(smarts)}", remote.pattern_drawing, smarts, SMALL_WIDTH, SMALL_HEIGHT)
        except SeqTutorError:
            continue
    try:
        remote.smarts(text)
    except SeqTutorError as error:
        return Structure(pictures, str(error))
    return Structure(pictures)


def _drawn(what: str, draw: Callable[..., str], *arguments: object) -> Pictures:
    """Return a drawing and what it shows; nothing where RDKit lacks a part, which the page's centre says."""
    try:
        return [(draw(*arguments), what)]
    except MissingPartError:
        return []


def _alt(structure: str) -> str:
    return structure if len(structure) <= SHOWN else f"{structure[:SHOWN]}..."
