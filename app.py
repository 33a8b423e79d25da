"""Home: what this is, a melody that plays at the first click, and the way on."""

import streamlit as st

from pages.shared.frame import PAGES, open_page
from pages.shared.home import recent_runs, this_machine
from pages.shared.melody.example import example

open_page(
    "Sequence Tutor Studio",
    "Teach a generator what you like without letting it forget what it learned. "
    "A network taught on 10,000 folk tunes writes melodies; you say what would be better and how far it may go.",
)

example()
path, label, icon = PAGES[1]
st.page_link(path, label="Open the melody studio", icon=icon)
recent_runs()
this_machine()
