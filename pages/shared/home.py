"""What the home page shows: a shipped pair of melodies, and the runs of this machine."""

import json
from pathlib import Path

import streamlit as st

from pages.shared.player import Take, piano_rolls
from seqtutor_core.doctor import diagnose
from seqtutor_core.domains.melody import PAPER_TERMS, Melody, studio
from seqtutor_core.domains.melody.audio import sound
from seqtutor_core.runs import store

EXAMPLE = Path(__file__).resolve().parents[2] / "assets" / "example.json"  # written by benchmarks/example.py
RECENT = 5


def example() -> None:
    """One melody of the prior and one after a minute of tuning; A and B switch between them."""
    melody, weights = Melody(), dict.fromkeys(PAPER_TERMS, 1.0)
    takes = []
    for title, tokens in json.loads(EXAMPLE.read_text(encoding="utf-8")).items():
        piece = studio.piece(melody, tokens, (), title)
        takes.append(Take(studio.roll(melody, tokens, (), weights), sound(piece), title))
    piano_rolls(takes, key="example")


def this_machine() -> None:
    """What is here, what is missing, and the remedy."""
    parts = diagnose()
    missing = [p.name for p in parts if not p.present]
    with st.expander("This machine" + (f": {', '.join(missing)} missing" if missing else " has everything")):
        for part in parts:
            icon = ":material/check_circle:" if part.present else ":material/info:"
            st.markdown(f"{icon} **{part.name}**: {part.detail} {part.remedy}")


def recent_runs() -> None:
    """The newest runs with a way back to each."""
    runs = store.runs()[:RECENT]
    if not runs:
        return
    st.markdown("##### Recent runs")
    for run in runs:
        state = run.state
        facts = run.problem or f"{run.config.learner}, c = {run.config.kl_coefficient:g}, {run.config.seconds:.0f} s"
        st.page_link(
            "pages/melody.py",
            label=f"{run.id}: {state}; {facts}",
            icon=":material/history:",
            query_params={"run": run.id},
        )
