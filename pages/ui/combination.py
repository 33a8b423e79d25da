"""How weighted terms make one reward: their sum, or their geometric mean, where the domain's terms can have one."""

from collections.abc import Sequence

import streamlit as st

from pages.ui import state
from pages.ui.changes import apply, steer_weights
from pages.ui.rows import row, widget
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.domains import RewardTerm
from seqtutor_core.objective import COMBINATIONS, GEOMETRIC_MEAN, SUM, unbounded_terms

NAMES = {SUM: "Sum", GEOMETRIC_MEAN: "Geometric mean"}
HELP = (
    "**Sum**: each term adds its weight times its value.  \n**Geometric mean**: all wishes at once; a molecule is "
    "worth as much as its weakest one lets it, and nothing where one is 0. Each term then needs values from 0 to 1; "
    "the weights say how much each counts, and their sum is the most that can be earned."
)


def panel(studio: Studio) -> None:
    """Draw the choice in one row; nothing for a domain whose rewards come step by step."""
    if not studio.objective_domain(studio.valid_settings(studio)).terminal_reward:
        return
    with row(state.key(studio, state.COMBINATION)):
        widget(
            studio,
            st.selectbox,
            "Combined by",
            state.COMBINATION,
            steer=steer_weights,
            options=COMBINATIONS,
            format_func=NAMES.__getitem__,
            help=HELP,
        )


def complaint(studio: Studio) -> None:
    """Say which weighted terms have no geometric mean, and offer shapes for them. Once all settings are drawn."""
    unshaped = unshaped_terms(studio)
    if not unshaped:
        return
    labels = literal(", ".join(term.label for term in unshaped))
    st.caption(f":orange-badge[Left out] {labels}: a geometric mean needs values from 0 to 1.")
    st.button(
        "Give them shapes",
        key=f"shape-{state.key(studio, state.COMBINATION)}",
        on_click=apply,
        args=(studio, studio.shapes(unshaped)),
        help="Curves from 0 to 1 to begin with, each to be changed at the end of its row",
    )


def unshaped_terms(studio: Studio) -> Sequence[RewardTerm]:
    """Return the terms with a weight that the chosen combination has no place for."""
    if state.value(studio, state.COMBINATION) != GEOMETRIC_MEAN:
        return []
    return unbounded_terms(studio.objective_domain(studio.valid_settings(studio)), state.weights(studio))
