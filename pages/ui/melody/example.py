"""The pair of melodies that the home page plays."""

import streamlit as st

from pages.ui.example import example
from pages.ui.melody.player import Track, piano_rolls
from seqtutor_core.domains.melody import PAPER_TERMS, Melody, presentation
from seqtutor_core.domains.melody.audio import sound


def melodies() -> None:
    """Draw one melody of the prior and one after a minute of tuning; A and C switch between them."""
    piano_rolls(_tracks(), key="example")


@st.cache_resource(show_spinner=False)
def _tracks() -> list[Track]:
    melody, weights = Melody(), dict.fromkeys(PAPER_TERMS, 1.0)
    tracks = []
    for letter, (title, tokens) in zip("AC", example("melody").items(), strict=True):
        piece = presentation.piece(melody, tokens, (), title)
        tracks.append(Track(letter, title, presentation.roll(melody, tokens, (), weights), sound(piece)))
    return tracks
