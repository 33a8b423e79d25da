"""The melody page: set what should be better, tune, watch, listen, take away."""

import streamlit as st

from pages.ui import interpolation, live, sliders, state
from pages.ui.melody import gallery, listen, preview, primer
from pages.ui.melody.spec import MELODY
from pages.ui.page import open_page, show_errors

open_page(
    "Melody",
    "Say with the sliders what would be better: a preview follows at once. Start, and hear how the melodies change. "
    "Moving a slider while it tunes steers it.",
)

left, right = st.columns([2, 5], gap="large")
with left:
    sliders.panel(MELODY)
with right, show_errors():
    preview.panel()
    run = state.run(MELODY)
    listen.panel(run)
    interpolation.panel(MELODY, run)
    live.panel(MELODY, run)
    gallery.panel(run)
    primer.panel()
