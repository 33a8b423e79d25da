"""Prior against tuned: two rows of drawings from one seed."""

import streamlit as st

from pages.ui import state
from pages.ui.molecule.cards import strip
from pages.ui.molecule.scored import drawn
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import show_errors
from pages.ui.sampling import has_policy, others_button
from seqtutor_core.domains.molecule.studio import Found
from seqtutor_core.runs import store

ROW = 6


def panel(run: store.Run | None) -> None:
    """A row of the prior, and one of the tuned policy once there is one."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("##### Compare")
        text = "The prior and the tuned policy draw again, both from one new seed"
        others_button(MOLECULE, state.PAIR, "another", "Draw others", text)
    with st.container(), show_errors():
        seed = state.draw_seed(MOLECULE, state.PAIR)
        _row("Prior", drawn(MOLECULE, None, ROW, seed))
        if run and has_policy(run):
            _row("Tuned", drawn(MOLECULE, run, ROW, seed))


def _row(title: str, molecules: list[Found]) -> None:
    mean = sum(one.reward for one in molecules) / len(molecules)
    st.markdown(f"###### {title}")
    strip([(caption(one), one) for one in molecules], title.lower())
    st.caption(f"On average {mean:.1f} points under the sliders as they stand.")


def caption(one: Found) -> str:
    """The figures under a drawing; empty for what is no molecule."""
    if not one.facts.valid:
        return ""
    known = one.facts.values
    return f"{one.reward:.1f} points  \nQED {known['qed']:.2f} · log P {known['log_p']:.1f}"
