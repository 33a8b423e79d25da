"""The method page: docs/method.md, shown in the app, with its exact task to play with."""

import streamlit as st

from pages.ui import mini
from pages.ui.document import contents, document
from pages.ui.page import open_page

TO_PLAY_WITH = "<!-- on the method page of the app: the exact task, to play with -->"

lead, text = document("method.md")
open_page("Method", lead)
contents(text)
before, after = text.split(TO_PLAY_WITH)
st.markdown(before)
mini.panel()
st.markdown(after)
