"""The melody page: set what should be better, tune, watch, listen, take away."""

import streamlit as st

from pages.shared import controls, live, state, strength
from pages.shared.frame import open_page, told
from pages.shared.melody import beginning, gallery, listen, preview
from pages.shared.melody.studio import MELODY

open_page(
    "Melody",
    "Say with the sliders what would be better: a preview follows at once. Start, and hear how the melodies change. "
    "Moving a slider while it tunes steers it.",
)

left, right = st.columns([2, 5], gap="large")
with left:
    controls.panel(MELODY)
with right, told():
    preview.panel()
    run = state.run(MELODY)
    listen.panel(run)
    strength.panel(MELODY, run)
    live.panel(MELODY, run)
    gallery.panel(run)
    beginning.panel()
