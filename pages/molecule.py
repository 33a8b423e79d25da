"""The molecule page: set what should be better, tune, watch, look closely, take away."""

import streamlit as st

from pages.shared import controls, live, state, strength
from pages.shared.draws import can_draw
from pages.shared.frame import open_page, told
from pages.shared.molecule import compare, detail, distributions, grid, preview
from pages.shared.molecule.studio import MOLECULE

open_page(
    "Molecule",
    "Say with the sliders what would be better: a preview follows at once. Start, and see how the molecules change. "
    "Moving a slider while it tunes steers it.",
)

detail.panel()

left, right = st.columns([2, 5], gap="large")
with left:
    controls.panel(MOLECULE)
with right, told():
    preview.panel()
    run = state.run(MOLECULE)
    compare.panel(run)
    strength.panel(MOLECULE, run)
    live.panel(MOLECULE, run)
    if can_draw(MOLECULE):  # else the first of these has said why, and once is enough
        distributions.panel(run)
        grid.panel(run)
