"""A melody as a score, drawn in the browser by abcjs, which this very app serves."""

from dataclasses import replace

import streamlit as st

from pages.ui.components import component, source
from seqtutor_core.domains.melody.abc_notation import REMEDY, Metre, abc, available, key_name
from seqtutor_core.domains.melody.audio import Piece

SCRIPT = "app/static/abcjs-basic-min.js"
MISSING = f"Notes are drawn by a script that is not installed; the piano roll stands. To get it: {REMEDY}."

_score = component(
    "sequence_tutor_score",
    html='<div class="score" data-testid="score" role="group" tabindex="0"><div class="sheet"></div></div>',
    css=source("notation.css"),
    js=source("mount.js", "notation.js"),
)


def score(piece: Piece, *, key: str, height: int = 320) -> None:
    """Draw a piece as notes. The place is `height` pixels high at once, and scrolls when the score is higher."""
    if not available():
        st.container(height=height, border=False, key=f"{key}-missing").info(MISSING)
        return
    data = {
        "abc": abc(replace(piece, title="")),  # the title stands beside the player
        "label": _in_words(piece),
        "height": height,
        "script": SCRIPT,
        "missing": MISSING,
    }
    _score(key=key, data=data, height=height)


def _in_words(piece: Piece) -> str:
    """Return what the picture says to those who cannot see it."""
    metre = Metre.of(piece)
    bars = -(-len(piece.all_tokens) * metre.step // metre.bar)
    return (
        f"Score of {piece.title}: {key_name(piece).removesuffix('m')} {piece.mode}, {metre}, "
        f"{len(piece.notes)} notes in {bars} bars"
    )
