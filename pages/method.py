"""The method page: docs/method.md, shown in the app, with its exact task to play with."""

from pathlib import Path

import streamlit as st

from pages.shared import mini
from pages.shared.frame import open_page

TO_PLAY_WITH = "<!-- on the method page of the app: the exact task, to play with -->"

open_page("Method", "What is maximised, how each learner works, and what every figure means.")
text = (Path(__file__).parents[1] / "docs" / "method.md").read_text(encoding="utf-8").partition("\n")[2]
before, after = text.split(TO_PLAY_WITH)
st.markdown(before)
mini.panel()
st.markdown(after)
