"""All molecules of prior, policy or board: sorted, filtered, page by page, chosen, taken away."""

from collections.abc import Sequence

import streamlit as st

from pages.ui import state
from pages.ui.molecule.cards import look_button, picture, why_not
from pages.ui.molecule.compare import caption
from pages.ui.molecule.export import downloads
from pages.ui.molecule.filters import COLOURINGS, Order, order_by, wanted
from pages.ui.molecule.scored import examined, molecule, sources, taken
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import fragment, show_errors
from pages.ui.sampling import others_button
from seqtutor_core.domains.molecule.studio import Found
from seqtutor_core.runs import store

COLUMNS = 5
WIDTH, HEIGHT = 180, 130
_CHOSEN = "_chosen"


def panel(run: store.Run | None) -> None:
    """The grid under its controls; what is done here draws only this part anew."""
    fragment(_panel, run)


def _panel(run: store.Run | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("##### Molecules")
        names = sources(run)
        source = st.segmented_control(
            "From", names, default=names[-1], required=True, label_visibility="collapsed", key="source"
        )
        others_button(MOLECULE, state.SET, "redraw", "Draw others")
    with show_errors():
        everything = taken(MOLECULE, source or names[0], run)
        order = order_by(everything)
        found = wanted(everything, order)
        st.caption(f"{len(found)} of {len(everything)}")
        shown = _page(found, order)
        _cards(shown, order)
        _choosing(found, shown)
        _take_away(found)


def _page(found: Sequence[Found], order: Order) -> Sequence[Found]:
    """The part that fits one page."""
    pages = max(1, -(-len(found) // order.size))
    page = st.pagination(pages, key=f"page-{pages}") if pages > 1 else 1
    return found[(page - 1) * order.size : page * order.size]


def _cards(shown: Sequence[Found], order: Order) -> None:
    settings = molecule(MOLECULE).settings
    marks = (*settings.required, *settings.forbidden)
    for start in range(0, len(shown), COLUMNS):
        for i, (column, one) in enumerate(
            zip(st.columns(COLUMNS), shown[start : start + COLUMNS], strict=False), start=start
        ):
            with column, st.container(gap=None):
                picture(one, WIDTH, HEIGHT, marks, COLOURINGS[order.colouring])
                if not one.facts.valid:
                    why_not(one)
                    continue
                st.caption(caption(one) + order.figure(one))
                with st.container(horizontal=True, vertical_alignment="center"):
                    _choice(one, f"choose-{i}")
                    look_button(one, f"look-{i}")


# ---------------------------------------------------------------- choosing


def chosen() -> dict[str, None]:
    """SMILES of the chosen molecules, in the order in which they were chosen."""
    return st.session_state.setdefault(_CHOSEN, {})


def _choice(one: Found, key: str) -> None:
    st.session_state[key] = one.smiles in chosen()  # the place is the widget's, the molecule in it changes
    st.checkbox("Choose", key=key, on_change=_toggle, args=(one.smiles,))


def _toggle(smiles: str) -> None:
    if smiles in chosen():
        del chosen()[smiles]
    else:
        chosen()[smiles] = None


def _choosing(found: Sequence[Found], shown: Sequence[Found]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Choose this page", key="choose-page", on_click=_choose, args=(shown,))
        st.button(f"Choose all {len(found)}", key="choose-all", on_click=_choose, args=(found,))
        st.button("Choose none", key="choose-none", on_click=chosen().clear, disabled=not chosen())
        st.markdown(f"{len(chosen())} chosen")


def _choose(found: Sequence[Found]) -> None:
    chosen().update(dict.fromkeys(one.smiles for one in found if one.facts.valid))


def _take_away(found: Sequence[Found]) -> None:
    if chosen():
        downloads(examined(MOLECULE, list(chosen())), f"the {len(chosen())} chosen", "take")
    else:
        downloads(found, "everything that the filters leave, or choose some first", "take")
