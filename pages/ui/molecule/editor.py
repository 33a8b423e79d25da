"""Draw a molecule or a pattern instead of typing it: OpenChemLib's structure editor in a dialog.

What is drawn goes through the same checks as what is typed, and into the field only by Use.
"""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.ui import state
from pages.ui.components import component, source
from pages.ui.molecule.settings import FORBIDDEN, PREFIX, REQUIRED, TARGET, tokens
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.chemistry import remote, sketcher
from seqtutor_core.chemistry.substructures import more_than_smiles
from seqtutor_core.errors import InputError, SeqTutorError
from seqtutor_core.text import lines

SCRIPT = "app/static/openchemlib.js"  # as this very app serves it
SHOWN = 40  # characters of a structure in a list
_OPEN = "_editor"  # key of the field that is being drawn for

_editor = component(
    "sequence_tutor_sketcher",
    html='<div class="editor"><p>Loading the editor</p></div>',
    css=source("editor.css"),
    js=source("mount.js", "editor.js"),
)


@dataclass(frozen=True)
class Subject:
    """What is drawn for a field."""

    title: str
    hint: str
    shown: Callable[[str], str]
    """A structure of the field as a SMILES to begin with; InputError where the editor cannot show it."""
    read: Callable[[str], str]
    """What the field is to hold for what was drawn; InputError for what it cannot."""
    pattern: bool = False
    """Whether the field holds patterns, one a line."""


def sketch(smiles: str, *, key: str, pattern: bool = False) -> str:
    """Show the editor, which begins with a molecule; return what is drawn: SMILES, or SMARTS where it asks for more."""
    before = st.session_state.get(key) or {}
    data = {"script": SCRIPT, "smiles": smiles, "pattern": pattern, "drawn": before.get("drawn")}
    shown = {"smiles": smiles}
    drawn = _editor(key=key, data=data, default={"drawn": shown}, on_drawn_change=_nothing).drawn
    return str((drawn or shown)["smiles"])


def open_button(name: str) -> None:
    """Draw a button that opens the editor for a field, if it is installed; `missing` says if not."""
    if sketcher.available():
        subject = SUBJECTS[name]
        st.button(
            subject.title, key=f"draw-{name}", icon=":material/draw:", type="tertiary", on_click=_open, args=(name,)
        )


def missing() -> None:
    """Say how to get the editor, where it is not installed."""
    if not sketcher.available():
        st.caption(f"Structures can be drawn as well, once the editor is installed: {sketcher.REMEDY}.")


def panel(studio: Studio) -> None:
    """Draw the editor if it is open."""
    if name := st.session_state.get(_OPEN):
        subject = SUBJECTS[name]
        st.dialog(subject.title, width="medium", on_dismiss=_close)(_draw)(studio, name)


def _draw(studio: Studio, name: str) -> None:
    subject = SUBJECTS[name]
    given = _lines(studio, name)
    place = _which(given) if subject.pattern and given else 0
    drawn = sketch(_first(subject, given[place : place + 1]), key=f"editor-{name}-{place}", pattern=subject.pattern)
    text, problem = "", ""
    try:
        read = subject.read(drawn) if drawn else ""
        if read and name == PREFIX:
            remote.prefix(read, tokens(studio).corpus)
        text = read
    except SeqTutorError as error:
        problem = str(error)
    with st.container(horizontal=True, vertical_alignment="center"):
        values = {name: "\n".join([*given[:place], text, *given[place + 1 :]])}
        if st.button("Use", key="editor-use", type="primary", disabled=not text, on_click=_use, args=(studio, values)):
            st.rerun()
        if problem:
            st.error(literal(problem))
        else:
            st.caption(literal(text) if text else f"{subject.hint} {BY_KEYBOARD}")


def _which(given: list[str]) -> int:
    """Let the user choose the line to edit; return its index, or the number of lines for a new one."""
    names = [*(f"{i + 1}. {line[:SHOWN]}" for i, line in enumerate(given)), "Another one"]
    return int(st.selectbox("Which one", range(len(names)), format_func=names.__getitem__, key="editor-line"))


def _first(subject: Subject, given: list[str]) -> str:
    """Return the structure that the editor starts with."""
    try:
        return subject.shown(given[0]) if given else ""
    except SeqTutorError as error:
        st.info(f"The editor cannot show {literal(given[0])}: {literal(error)}. What you use takes its place.")
        return ""


def _lines(studio: Studio, name: str) -> list[str]:
    """Return the structures of a field."""
    text = state.value(studio, name)
    return [line for line in map(str.strip, lines(text) if SUBJECTS[name].pattern else [text]) if line]


def _open(name: str) -> None:
    st.session_state[_OPEN] = name


def _close() -> None:
    st.session_state.pop(_OPEN, None)


def _use(studio: Studio, values: dict[str, str]) -> None:
    state.choose(studio, values)
    _close()


def _nothing() -> None:
    """Do nothing: Streamlit requires a callback."""


# ---------------------------------------------------------------- what is drawn


def _molecule(text: str) -> str:
    return remote.molecule(text).smiles


def _same(text: str) -> str:
    """Return the text unchanged; InputError if it is not a molecule."""
    remote.molecule(text)
    return text


def _smiles(text: str) -> str:
    """Return the pattern unchanged; InputError if it is not a SMILES."""
    if more_than_smiles(text):
        raise InputError("a pattern of this kind can only be typed")
    return _same(text)


def _pattern(text: str) -> str:
    smarts = sketcher.pattern(text)
    remote.smarts(smarts)
    return smarts


BY_KEYBOARD = "This is for the mouse or a finger; by keyboard, close it and type into the field."
SUBSTRUCTURE = "Draw a substructure. The key ? over an atom makes it one of any kind; the tool ?* asks for more."
GROW = "Draw a fragment, and a bond where it shall grow: the key ? over its end opens it. Else its last atom grows."
SUBJECTS = {
    TARGET: Subject("Draw the target", "Draw a molecule to resemble.", _molecule, _same),
    REQUIRED: Subject("Draw a substructure to keep", SUBSTRUCTURE, _smiles, _pattern, pattern=True),
    FORBIDDEN: Subject("Draw a substructure to avoid", SUBSTRUCTURE, _smiles, _pattern, pattern=True),
    PREFIX: Subject("Draw a fragment to grow from", GROW, _same, remote.drawn_prefix),
}
"""Field -> what is drawn for it."""
