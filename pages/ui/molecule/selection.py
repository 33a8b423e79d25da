"""What a person has in hand on the molecule page: the one looked at, those on show, those chosen, limits of properties.

The one place with these keys of the session.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from pages.ui import inspector
from pages.ui.molecule.spec import MOLECULE
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule

VIEW = "mol_view"  # what the centre shows
DETAIL = "Detail"  # the tab of the right pane that looks at one
_LOOK, _SHOWN, _MATCHING = "_mol_look", "_mol_shown", "_mol_matching"
_HELD = "_mol_held"
_CHOSEN, _LIMITS, _BRUSH, _MOVED = "_mol_chosen", "_mol_limits", "_mol_brush", "_mol_moved"


class Look(NamedTuple):
    """The molecule that is looked at."""

    smiles: str
    row: str
    """The row that it was in, such as A; empty for one from elsewhere."""
    place: int
    """Its place there, from 0."""


# ---------------------------------------------------------------- what the centre shows


def show_none() -> None:
    """Forget what the centre showed; each row says anew what it shows."""
    st.session_state[_SHOWN] = {}
    st.session_state[_MATCHING] = []


def show_row(row: str, smiles: Sequence[str], first: int = 0) -> None:
    """Remember the molecules of a row in their order, the first of which has the place `first`; "" for no molecule."""
    st.session_state.setdefault(_SHOWN, {})[row] = (first, list(smiles))


def shown() -> list[Look]:
    """Return the molecules that the centre shows, in the order in which it shows them."""
    rows: dict[str, tuple[int, list[str]]] = st.session_state.get(_SHOWN, {})
    return [
        Look(smiles, row, first + i)
        for row, (first, all_smiles) in rows.items()
        for i, smiles in enumerate(all_smiles)
        if smiles
    ]


def slot(look: Look) -> int | None:
    """Return which card of its row a molecule has, None when it is not on show any more."""
    rows: dict[str, tuple[int, list[str]]] = st.session_state.get(_SHOWN, {})
    first, smiles = rows.get(look.row, (0, []))
    place = look.place - first
    return place if 0 <= place < len(smiles) and smiles[place] == look.smiles else None


def held(of: Hashable, draw: Callable[[], tuple[list[ScoredMolecule], str]]) -> tuple[list[ScoredMolecule], str]:
    """Return what was drawn for this request, and draw again when the request changes."""
    held_of, drawn = st.session_state.get(_HELD, (None, ([], "")))
    if held_of != of or not drawn[0]:
        drawn = draw()
        st.session_state[_HELD] = of, drawn
    return drawn


def match(smiles: Sequence[str]) -> None:
    """Remember all molecules that the filters leave, of which the centre shows a page."""
    st.session_state[_MATCHING] = list(smiles)


def downloadable() -> list[str]:
    """Return the SMILES that can be taken away: all that the filters leave, else what the centre shows."""
    return st.session_state.get(_MATCHING) or list(dict.fromkeys(one.smiles for one in shown()))


# ---------------------------------------------------------------- the one looked at


def looked_at() -> Look | None:
    """Return the molecule that is looked at, None for none."""
    look: Look | None = st.session_state.get(_LOOK)
    return look


def look_at(smiles: str, row: str = "", place: int = 0) -> None:
    """Look at a molecule, and turn the right pane to it. For callbacks, before the pane is drawn."""
    st.session_state[_LOOK] = Look(smiles, row, place)
    inspector.show(MOLECULE, DETAIL)


def step(by: int) -> None:
    """Look at the next molecule that the centre shows, or at the one `by` places on; from an end to the other."""
    places = shown()
    if not places:
        return
    look = looked_at()
    index = {(one.row, one.place): i for i, one in enumerate(places)}
    now = index.get((look.row, look.place)) if look else None
    if now is None:
        now = -1 if by > 0 else 0
    st.session_state[_LOOK] = places[(now + by) % len(places)]


# ---------------------------------------------------------------- the chosen ones


def chosen() -> list[str]:
    """Return the SMILES of the chosen molecules, in the order in which they were chosen."""
    return list(st.session_state.get(_CHOSEN, {}))


def choose(smiles: Sequence[str], among: Sequence[str]) -> None:
    """Choose these of the molecules `among` and no others of them; those chosen elsewhere stay."""
    kept = [one for one in chosen() if one not in among or one in smiles]
    st.session_state[_CHOSEN] = dict.fromkeys([*kept, *smiles])
    st.session_state[_MOVED] = True


def moved() -> bool:
    """Return whether a choice or a limit has changed that other parts of the page have not drawn yet; once."""
    return bool(st.session_state.pop(_MOVED, False))


# ---------------------------------------------------------------- limits of properties


def limits() -> Mapping[str, tuple[float, float]]:
    """Return the limits that molecules must keep, by property."""
    chosen: dict[str, tuple[float, float]] = st.session_state.get(_LIMITS, {})
    return chosen


def limit(name: str, low: float, high: float) -> None:
    """Show only molecules whose property lies between low and high."""
    st.session_state[_LIMITS] = {**limits(), name: (low, high)}
    st.session_state[_MOVED] = True


def unlimit(name: str) -> None:
    """Take a property's limits away, and what was drawn over its histogram with them."""
    st.session_state[_LIMITS] = {other: pair for other, pair in limits().items() if other != name}
    st.session_state[_BRUSH] = brush() + 1


def brush() -> int:
    """Return the number of the histograms' selection; another number is a fresh one, without any box."""
    number: int = st.session_state.get(_BRUSH, 0)
    return number
