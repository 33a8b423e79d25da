"""Home: what this is, a melody that plays at the first click, and the way on."""

import streamlit as st

from pages.shared.frame import STUDIOS, open_page
from pages.shared.home import recent_runs, this_machine
from pages.shared.melody.example import example

open_page(
    "Sequence Tutor Studio",
    "Teach a generator what you like without letting it forget what it learned. "
    "A network taught on 10,000 folk tunes writes melodies, another taught on 1.6 million molecules writes molecules; "
    "you say what would be better and how far it may go.",
)

example()
with st.container(horizontal=True):
    for page in STUDIOS:
        st.page_link(page.path, label=f"Open the {page.label.lower()} studio", icon=page.icon)
recent_runs()
this_machine()
