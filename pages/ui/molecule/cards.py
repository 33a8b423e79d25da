"""Molecules as small cards: a drawing, a figure or two, a button to look closer."""

from collections.abc import Sequence

import streamlit as st

from pages.ui.molecule.scored import look_at
from pages.ui.text import literal
from seqtutor_core.domains.molecule import given
from seqtutor_core.domains.molecule.studio import Found
from seqtutor_core.errors import InputError

WIDTH, HEIGHT = 150, 112


def picture(
    one: Found, width: int = WIDTH, height: int = HEIGHT, marks: tuple[str, ...] = (), colouring: str = ""
) -> None:
    """Its drawing, or a frame where there is none."""
    if not one.facts.valid:
        st.image(_empty(width, height), alt="no molecule")
        return
    try:
        st.image(given.drawing(one.smiles, width, height, marks, colouring), alt=one.smiles)
    except InputError:  # too large to be drawn in time, or a mark too costly
        st.image(_empty(width, height), alt=f"no drawing of {one.smiles}")


def _empty(width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<rect x="8" y="8" width="{width - 16}" height="{height - 16}" rx="8" fill="none" stroke="#7D8590" '
        'stroke-dasharray="4 4"/></svg>'
    )


def strip(molecules: Sequence[tuple[str, Found]], key: str, columns: int = 6) -> None:
    """One row of cards: (caption, molecule) each."""
    for i, (column, (caption, one)) in enumerate(zip(st.columns(columns), molecules, strict=False)):
        with column, st.container(gap=None):
            picture(one)
            if one.facts.valid:
                st.caption(caption)
                look_button(one, f"{key}-{i}")
            else:
                why_not(one)


def why_not(one: Found) -> None:
    """That this is no molecule, and on hovering why."""
    why = literal(f"{one.smiles}: {one.facts.error}") if one.smiles else "It never came to an end."
    st.caption("no molecule", help=why)


def look_button(one: Found, key: str) -> None:
    """Opens the closer look. The whole page is drawn again, for the look stands apart from all of it."""
    if st.button("Look", key=key, icon=":material/search:", type="tertiary"):
        look_at(one.smiles)
        st.rerun()
