"""A molecule drawn in the plane; its SMILES in a frame where it cannot be drawn."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from pages.ui.text import literal
from seqtutor_core.chemistry import canvas, remote
from seqtutor_core.errors import InputError, MissingPartError

UNDRAWN = (InputError, MissingPartError)
"""What keeps a molecule from being drawn: it is too large for the time, a mark too costly, or RDKit lacks a part."""

BORDER, LETTER, LINE = 16, 7.5, 16  # pixels: around a frame's text, of a letter's width and a line's height


def draw(smiles: str, width: int, height: int, marks: Sequence[str] = (), colouring: str = "", what: str = "") -> None:
    """Draw a molecule, width x height pixels; marks, colouring: as in remote.drawing; what: its alternative text."""
    try:
        st.image(remote.drawing(smiles, width, height, marks, colouring), alt=what or smiles)
    except UNDRAWN:
        st.image(frame(width, height, smiles), alt=f"no drawing of {smiles}")


def frame(width: int, height: int, text: str = "") -> str:
    """Return a dashed frame as SVG, with as much of a text in it as has room."""
    letters, most = int((width - 2 * BORDER) / LETTER), (height - 2 * BORDER) // LINE
    lines = [text[i : i + letters] for i in range(0, len(text), letters)]
    if len(lines) > most:
        lines[most - 1 :] = [lines[most - 1][:-1] + "…"]
    written = "".join(f'<tspan x="{BORDER}" dy="{LINE}">{escape(line)}</tspan>' for line in lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<rect x="8" y="8" width="{width - 16}" height="{height - 16}" rx="8" fill="none" stroke="#7D8590" '
        f'stroke-dasharray="4 4"/><text y="{BORDER}" fill="#7D8590" font-family="monospace" font-size="12">'
        f"{written}</text></svg>"
    )


def say_what_is_missing() -> None:
    """Say why no molecule is drawn, and how to get what is missing, where RDKit lacks a part."""
    if remedy := canvas.remedy():
        lacking = ", ".join(canvas.missing())
        st.info(
            f"RDKit cannot draw here without {literal(lacking)}, so SMILES stand for molecules, and files come "
            f"without pictures. To get what is missing: {literal(remedy)}."
        )
