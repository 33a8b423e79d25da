"""The molecule page: set what should be better, tune, watch, look closely, take away."""

import streamlit as st

from pages.ui import interpolation, live, sliders, state
from pages.ui.molecule import compare, detail, distributions, grid, preview
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import open_page, show_errors
from pages.ui.sampling import can_draw

open_page(
    "Molecule",
    "Say with the sliders what would be better: a preview follows at once. Start, and see how the molecules change. "
    "Moving a slider while it tunes steers it.",
)

detail.panel()

left, right = st.columns([2, 5], gap="large")
with left:
    sliders.panel(MOLECULE)
with right, show_errors():
    preview.panel()
    run = state.run(MOLECULE)
    compare.panel(run)
    interpolation.panel(MOLECULE, run)
    live.panel(MOLECULE, run)
    if can_draw(MOLECULE):  # else the first of these has said why, and once is enough
        distributions.panel(run)
        grid.panel(run)
