"""Molecules as cards: a drawing and a figure or two; a click anywhere on one looks closer, its star keeps it."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from pages.ui import problems
from pages.ui.buttons import safely
from pages.ui.molecule import selection
from pages.ui.molecule.drawing import draw, frame
from pages.ui.molecule.spec import MOLECULE
from pages.ui.text import literal
from seqtutor_core import kept
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule

WIDTH, HEIGHT = 200, 150  # of a drawing; the page scales it
_TOGGLED = "_mol_toggled"  # whether a star was set or taken away since the page was drawn


def picture(
    one: ScoredMolecule, width: int = WIDTH, height: int = HEIGHT, marks: Sequence[str] = (), colouring: str = ""
) -> None:
    """Draw one molecule, width x height pixels, or a frame where nothing can be drawn.

    marks, colouring: as in remote.drawing.
    """
    if not one.measurement.valid:
        st.image(frame(width, height), alt=f"no molecule: {one.smiles}" if one.smiles else "no molecule")
        return
    draw(one.smiles, width, height, marks, colouring)


def row(
    molecules: Sequence[ScoredMolecule],
    name: str,
    kept_ids: Mapping[str, str],
    caption: Callable[[ScoredMolecule], str],
    first: int = 0,
    **looks: object,
) -> None:
    """Draw a card for each molecule, named by the row and its place in it, such as A 3.

    kept_ids: SMILES -> id of the kept molecules. caption: what stands below a card. first: place of the first card.
    looks: go to `picture`.
    """
    selection.show_row(name, [one.smiles if one.measurement.valid else "" for one in molecules], first)
    with st.container(key=f"cards-{name}"):
        for slot, one in enumerate(molecules):
            with st.container(key=f"card-{name}-{slot}", gap=None):
                picture(one, **looks)  # type: ignore[arg-type]
                if not one.measurement.valid:
                    why_not(one)
                    continue
                st.caption(caption(one))
                _look(one, name, slot, first)
                star(one.smiles, name, f"{name} {first + slot + 1}", f"star-{name}-{slot}", kept_ids)


def empty_row(name: str, n: int) -> None:
    """Draw n frames that are as high as cards, for molecules to come."""
    selection.show_row(name, [])
    with st.container(key=f"cards-{name}"):
        for slot in range(n):
            with st.container(key=f"card-{name}-{slot}", gap=None):
                st.image(frame(WIDTH, HEIGHT), alt="")
                st.caption("&nbsp;  \n&nbsp;")


def figures(one: ScoredMolecule) -> str:
    """Return the figures under a drawing, in two lines."""
    values = one.measurement.values
    return f"{one.reward:.1f} points  \nQED {values['qed']:.2f} · log P {values['log_p']:.1f}"


def why_not(one: ScoredMolecule) -> None:
    """Say that this is not a molecule, and why when hovered."""
    why = literal(f"{one.smiles}: {one.measurement.error}") if one.smiles else "It never came to an end."
    st.caption("no molecule  \n&nbsp;", help=why)


def _look(one: ScoredMolecule, name: str, slot: int, first: int) -> None:
    """Draw the card's button; the whole page reruns, since the detail pane is apart from all rows."""
    place = first + slot
    arguments = (one.smiles, name, place)
    if st.button(f"Look at {name} {place + 1:d}", f"look-{name}-{slot}", on_click=selection.look_at, args=arguments):
        st.rerun()


def star(smiles: str, row: str, what: str, key: str, kept_ids: Mapping[str, str]) -> None:
    """Draw a button that keeps a molecule of a row, or drops it again; `what` tells it from the other buttons.

    key: the button's. kept_ids: SMILES -> id of the kept molecules.
    """
    kept_id = kept_ids.get(smiles)
    label = f"★ Drop {what}" if kept_id else f"☆ Keep {what}"
    clicked = st.button(label, key, on_click=safely, args=(_toggle, smiles, row, kept_id), type="tertiary")
    if clicked and (st.session_state.pop(_TOGGLED, False) or problems.is_new()):  # one that is shown already stays
        st.rerun()


def _toggle(smiles: str, row: str, kept_id: str | None) -> None:
    if kept_id:
        kept.drop(MOLECULE.domain, kept_id)
    else:
        kept.keep(MOLECULE.domain, {"smiles": smiles, "origin": row})
    st.session_state[_TOGGLED] = True
