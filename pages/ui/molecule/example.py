"""The molecule that the home page shows: it turns where there is a viewer, and lies flat elsewhere."""

import streamlit as st

from pages.ui.components import VIEWER, source
from pages.ui.example import example
from seqtutor_core.chemistry import three_d

HEIGHT = 380


def molecule() -> None:
    """Draw one molecule of a tuned policy, a button that turns it, and its figures."""
    shown = example("molecule")
    viewer = three_d.view(shown["mol_block"], VIEWER) if three_d.available() else ""
    page = source("turning_molecule.html").replace("<!-- drawing -->", shown["drawing"])
    st.iframe(page.replace("<!-- viewer -->", viewer), height=HEIGHT, alt="A molecule of a tuned policy, to turn")
    st.caption(
        f"Drug-likeness (QED) {shown['qed']:.2f}, log P {shown['log_p']:.1f}; "
        "not among the training molecules, though written by what was learned from them."
    )
    if not viewer:
        st.caption(f"The viewer is not installed, so it lies flat. To get it: {three_d.REMEDY}.")
