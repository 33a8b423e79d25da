"""The centre of the molecule page: prior, preview and tuned side by side, or all molecules of one of them."""

from collections.abc import Sequence

import streamlit as st

from pages.ui import interpolation, sliders, state
from pages.ui.molecule import scored, selection, table
from pages.ui.molecule.cards import empty_row, figures, row
from pages.ui.molecule.drawing import say_what_is_missing
from pages.ui.molecule.export import take_away
from pages.ui.molecule.filters import COLOURINGS, Order, filter_and_sort, limit_buttons, order_button
from pages.ui.molecule.scored import BEST, KEPT, ON_A_CARD, PREVIEW, PRIOR, SOURCES, TUNED
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import fragment, show_errors
from pages.ui.previews import PreviewRequest, preview_request
from pages.ui.sampling import has_policy, others_button, second
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule
from seqtutor_core.runs import store

SIDE = "Side by side"
CARDS, TABLE = ":material/grid_view: Cards", ":material/table_rows: Table"
ROW = 4  # molecules of each side
LIVE = 32  # drawn of a policy every few seconds, for their mean
EVERY, ALL_EVERY = 3.0, 5.0  # seconds between drawings of a living policy's row, and of all its molecules
PAGE = {CARDS: 24, TABLE: 50}
COMING = {
    TUNED: "Press Start: what it writes appears here.",
    BEST: "Press Start: the best molecules that a run meets are kept here.",
    KEPT: "Nothing is kept yet: the star of a molecule keeps it, whatever becomes of its run.",
}


def panel(run: store.Run | None) -> None:
    """Draw the choice of what is shown, and the molecules."""
    selection.show_none()
    with show_errors():
        state.prior(MOLECULE.domain, state.value(MOLECULE, state.PRIOR))  # without it nothing below can be drawn
        say_what_is_missing()
        view = st.segmented_control(
            "Show", [SIDE, *SOURCES], default=SIDE, required=True, key=selection.VIEW,
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center", key="stage-bar"):
            others_button(MOLECULE, state.PREVIEW, "another", "Another", "Prior, preview and tuned from a new seed")
            _strength(run)
            if view in SOURCES:
                shape = st.segmented_control(
                    "As", [CARDS, TABLE], default=CARDS, required=True, key="mol_shape",
                    label_visibility="collapsed", persist_state="session",
                )  # fmt: skip
                order = order_button()
            takeaway = st.container(width="content")
        if view in SOURCES:
            _one_source(view, run, shape or CARDS, order)
        else:
            _side_by_side(run)
        with takeaway:
            take_away()


def _strength(run: store.Run | None) -> None:
    with st.popover(f"Strength {interpolation.strength(MOLECULE):g}", icon=":material/tune:", key="strength-button"):
        interpolation.panel(MOLECULE, run)


def _lives(run: store.Run | None) -> bool:
    return run is not None and run.state in store.ACTIVE


# ---------------------------------------------------------------- side by side


def _side_by_side(run: store.Run | None) -> None:
    """Draw the rows from above, so that nothing moves; once they are there the preview first, for which people wait."""
    request = preview_request(MOLECULE)
    rows = [(st.container(), _prior), (st.container(), _preview)]
    for place, draw_row in reversed(rows) if sliders.drawn_before() else rows:
        with place, show_errors():
            draw_row(request)
    fragment(_tuned, run, every=EVERY if _lives(run) else None, steady=True)


def _prior(request: PreviewRequest) -> None:
    _head(PRIOR, _on_average(scored.of_prior(request, ON_A_CARD)))
    _row(PRIOR, scored.drawn(MOLECULE, None, LIVE, ON_A_CARD)[:ROW], request)


def _preview(request: PreviewRequest) -> None:
    molecules = scored.of_preview(request, ON_A_CARD)
    _head(PREVIEW, f"no training · {_on_average(molecules)}")
    _row(PREVIEW, molecules[:: len(molecules) // ROW], request)


def _tuned(run: store.Run | None) -> None:
    """Draw the tuned row, which follows the newest policy of a living run."""
    with show_errors():
        if run is None or not has_policy(run):
            _head(TUNED, COMING[TUNED] if run is None else "This run has no policy yet.")
            empty_row(SOURCES[TUNED], ROW)
            return
        molecules = scored.drawn(MOLECULE, run, LIVE, ON_A_CARD)
        _head(TUNED, f"{_of_second(run)} · {_on_average(molecules)}")
        _row(TUNED, molecules[:ROW], preview_request(MOLECULE))


def _of_second(run: store.Run) -> str:
    """Return in words which policy is shown."""
    seconds = second(run)
    return f"policy of second {run.status.seconds if seconds is None else seconds:.0f}"


def _on_average(molecules: Sequence[ScoredMolecule]) -> str:
    return f"{sum(one.reward for one in molecules) / len(molecules):.1f} points on average"


def _head(source: str, text: str) -> None:
    letter, _, name = source.partition(" ")
    with st.container(key=f"head-{letter}"):
        st.html(
            f'<div class="row-head"><h2><span class="letter {letter}">{letter}</span>{name}</h2>'
            f"<span>{text}</span></div>"
        )


def _row(source: str, molecules: Sequence[ScoredMolecule], request: PreviewRequest) -> None:
    row(molecules, SOURCES[source], scored.kept_smiles(MOLECULE), figures, marks=_marks(request))


def _marks(request: PreviewRequest) -> tuple[str, ...]:
    """Return the substructures to mark, as SMARTS."""
    settings = scored.domain_of(request).settings
    return (*settings.required, *settings.forbidden)


# ---------------------------------------------------------------- one source


def _one_source(source: str, run: store.Run | None, shape: str, order: Order) -> None:
    every = ALL_EVERY if shape == CARDS and _follows(source, run) else None
    fragment(_molecules, source, run, shape, order, every=every, steady=True)


def _follows(source: str, run: store.Run | None) -> bool:
    return source in (TUNED, BEST) and _lives(run)


def _newest(source: str, run: store.Run | None) -> tuple[list[ScoredMolecule], str]:
    """Return all molecules of a source, and which policy they are of."""
    which = f" · {_of_second(run)}" if run and source == TUNED and has_policy(run) else ""
    return scored.of_source(MOLECULE, source, run), which


def _table_of(source: str, run: store.Run | None) -> tuple[list[ScoredMolecule], str]:
    """Return the same, but while a run lives only when asked for others: rows that one reads and scrolls must stay."""
    if run is None or not _follows(source, run):
        return _newest(source, run)
    of = (source, run.id, preview_request(MOLECULE).draw, interpolation.strength(MOLECULE))
    molecules, which = selection.held(of, lambda: _newest(source, run))
    return scored.score_smiles(MOLECULE, [one.smiles for one in molecules]), f"{which} · *Another* brings newer ones"


def _molecules(source: str, run: store.Run | None, shape: str, order: Order) -> None:
    """Draw all molecules of a source that pass the filters, page by page."""
    with show_errors():
        everything, which = _table_of(source, run) if shape == TABLE else _newest(source, run)
        if not everything:
            st.caption(COMING[source])
            return
        passing = filter_and_sort(everything, order)
        selection.match([one.smiles for one in passing if one.measurement.valid])
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{len(passing)} of {len(everything)} different ones{which}", width="content")
            limit_buttons()
            size, pages = PAGE[shape], max(1, -(-len(passing) // PAGE[shape]))
            page = st.pagination(pages, key=f"page-{pages}") if pages > 1 else 1
        first = size * (page - 1)
        shown = passing[first : first + size]
        if shape == TABLE:
            table.rows(shown, SOURCES[source], first)
        else:
            row(
                shown,
                SOURCES[source],
                scored.kept_smiles(MOLECULE),
                lambda one: figures(one) + order.figure(one),
                first,
                marks=_marks(preview_request(MOLECULE)),
                colouring=COLOURINGS[order.colouring],
            )
        if COLOURINGS[order.colouring]:
            st.caption(f"Teal discs raise {order.colouring}, orange rings lower it.")
