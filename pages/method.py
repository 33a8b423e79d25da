"""The method page: docs/method.md, shown in the app."""

from pathlib import Path

import streamlit as st

from pages.shared.frame import open_page

open_page("Method", "What is maximised, how each learner works, and what every figure means.")
st.markdown((Path(__file__).parents[1] / "docs" / "method.md").read_text(encoding="utf-8").partition("\n")[2])
