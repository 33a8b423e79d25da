"""A setting in one row of a pane or of the transport: its label, its widget, its value, small buttons."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

STYLE = """
<style>
[class*="st-key-row-"] { min-height: 2.1rem; }
[class*="st-key-row-"] :is([data-testid="stSlider"], [data-testid="stSelectbox"]) {
  display: flex; align-items: center; gap: 0.5rem; margin: 0; padding: 0; }
[class*="st-key-row-"] [data-testid="stSlider"] > [role="group"] { height: 2rem; padding-top: 0; padding-bottom: 0; }
[class*="st-key-row-"] [data-testid="stWidgetLabel"] { flex: none; margin: 0; min-height: 0; }
[class*="st-key-row-"] :is([data-testid="stSlider"], [data-testid="stSelectbox"]) > :last-child {
  flex: 1; min-width: 0; }
/* the value stands in the row; beside the thumb only while it is dragged */
[class*="st-key-row-"] [data-testid="stSliderThumbValue"] { display: none; }
[class*="st-key-row-"] [data-dragging] [data-testid="stSliderThumbValue"] {
  display: block; background: var(--st-background-color, Canvas); padding: 0 0.3rem; border-radius: 0.25rem; }
[class*="st-key-row-"] [data-testid="stElementContainer"]:has(> [data-testid="stMarkdown"]) {
  flex: none; min-width: 2.2rem; text-align: right; font-variant-numeric: tabular-nums; }
</style>
"""


def row(key: str) -> DeltaGenerator:
    """Return a container for one setting: what is drawn in it stands in one row."""
    return st.container(key=f"row-{key}", horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall")
