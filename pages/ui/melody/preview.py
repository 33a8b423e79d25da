"""What tuning would lead to, before any: a melody to see and hear, and figures beside the prior's."""

import json
from dataclasses import replace
from hashlib import sha256

import streamlit as st

from pages.ui import frontier, state
from pages.ui.melody.figures import shown
from pages.ui.melody.listen import downloads
from pages.ui.melody.player import Track, attach_sound, piano_rolls
from pages.ui.melody.spec import MELODY, melody
from pages.ui.page import fragment, show_errors
from pages.ui.previews import FIRST_SEED, Draw, PreviewRequest, drawn, heading, preview_request, previewed, remarks
from pages.ui.sampling import can_draw
from seqtutor_core.domains import domain, weight_vector
from seqtutor_core.domains.melody import studio
from seqtutor_core.domains.melody.audio import Piece, midi, sound
from seqtutor_core.domains.melody.metrics import TABLE_1
from seqtutor_core.parallel import one_thread
from seqtutor_core.particles import pool_of
from seqtutor_core.preview import Preview

Row = dict[str, float | None]


def panel() -> None:
    """The heaviest particle as a melody, the figures of all of them, and the frontier; redrawn with the sliders."""
    if not can_draw(MELODY):  # the player of the prior says why
        return
    fragment(_panel)


def _panel() -> None:
    heading(MELODY)
    with st.container(key="preview"), show_errors():
        wanted = preview_request(MELODY)
        found = previewed(wanted)
        piece = _piece(found)
        left, right = st.columns([3, 2], gap="medium")
        with left:
            roll = studio.roll(melody(), piece.tokens, piece.primer, state.weights(MELODY))
            piano_rolls([Track("B", piece.title, roll, _name(piece))], key="preview-roll")
            downloads(piece, "preview")
        with right:
            prior, worth = _of_prior(replace(wanted.draw, seed=FIRST_SEED), wanted.settings)
            _table(prior, _expected(wanted))
            remarks(MELODY, wanted, found)
        attach_sound(_name(piece), sound(piece), key="preview-sound")  # after the roll, which is faster
        weights = weight_vector(MELODY.terms, json.loads(wanted.weights))
        reward = sum(weight * mean for weight, mean in zip(weights, worth, strict=True))
        frontier.panel(MELODY, wanted, found.found, reward)


def _piece(found: Preview) -> Piece:
    """The heaviest particle."""
    tokens = found.found.tokens[found.best(1)[0]].tolist()
    return studio.piece(melody(), tokens, MELODY.primer(MELODY), "Preview")


def _name(piece: Piece) -> str:
    """What its sound is called before there is one."""
    return sha256(midi(piece)).hexdigest()


def _table(prior: Row, preview: Row) -> None:
    st.table(
        [
            {"expected": label, "prior": shown(name, prior[name]), "preview": shown(name, preview[name])}
            for name, label in TABLE_1.items()
        ]
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _expected(wanted: PreviewRequest) -> Row:
    """The figures of melodies drawn by weight."""
    found = previewed(wanted)
    with one_thread():
        return wanted.world.metrics(found.tokens, found.lengths)


@st.cache_data(max_entries=16, show_spinner=False)
def _of_prior(draw: Draw, settings: str) -> tuple[Row, list[float]]:
    """The prior's figures, and its mean reward by term, unweighted."""
    rollout, world = drawn(draw), domain(draw.domain, json.loads(settings))
    with one_thread():
        means = pool_of(world, rollout).terms.mean(0)
        return world.metrics(rollout.tokens, rollout.lengths), means.tolist()
