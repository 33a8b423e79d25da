"""The melodies of the player: A of the prior, B of the preview, C of the tuned policy, ★ chosen or kept."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import streamlit as st

from pages.ui import state
from pages.ui.melody.choice import chosen, content, melody_of
from pages.ui.melody.player import Track
from pages.ui.melody.spec import MELODY, melody
from pages.ui.page import show_errors
from pages.ui.previews import preview_request, previewed
from pages.ui.sampling import draw, has_policy, second
from seqtutor_core.domains.melody import Melody, presentation
from seqtutor_core.domains.melody.audio import Piece, midi
from seqtutor_core.errors import RunError
from seqtutor_core.runs import store

EVERY = 3.0  # seconds: C follows the policy while it learns
TITLES = {"A": "Prior", "B": "Preview", "C": "Tuned", "★": "Chosen"}
STALE = "; the newest cannot be read"
_LAST = "_last_tuned"  # the run's id, and C as it was heard last
REASONS = {"C": "Start tuning, and it is heard here within seconds", "★": "Click a melody below, and it plays here"}


class Heard(NamedTuple):
    """A melody that can be heard."""

    letter: str
    melody: Melody
    """The domain as the melody was made under."""
    piece: Piece
    caption: str
    play: int = 0
    """Rises when it is to be played at once."""

    @property
    def title(self) -> str:
        """What it is called, beside its letter."""
        return TITLES[self.letter]

    @property
    def sound_name(self) -> str:
        """The name under which its sound is attached."""
        return sha256(midi(self.piece)).hexdigest()

    def track(self, weights: Mapping[str, float]) -> Track:
        """Return what the player shows of it, with each note's account under these weights."""
        roll = presentation.roll(self.melody, self.piece.tokens, self.piece.primer, weights)
        return Track(self.letter, self.title, roll, self.sound_name, self.caption, self.play)

    def content(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return content(self.caption, self.melody, self.piece.tokens, self.piece.primer)


def heard(run: store.Run | None) -> list[Heard]:
    """Return the melodies there are; InputError, SettingError or PriorError when the page's settings make none."""
    domain, primer = melody(), MELODY.primer(MELODY)
    seed = state.draw_seed(MELODY, state.PAIR)
    a = presentation.piece(domain, draw(MELODY, None, 1, seed)[0], primer, "Prior")
    melodies = [Heard("A", domain, a, f"draw {seed + 1} of the prior"), _preview(domain)]
    if run and has_policy(run):
        with show_errors():
            melodies.append(_tuned(domain, run, seed))
    return [*melodies, *_chosen()]


def _tuned(domain: Melody, run: store.Run, seed: int) -> Heard:
    """Return C; while the policy cannot be read, the last one that could. RunError when there was none."""
    try:
        c = presentation.piece(domain, draw(MELODY, run, 1, seed)[0], MELODY.primer(MELODY), "Tuned")
        st.session_state[_LAST] = run.id, Heard("C", domain, c, policy_caption(run))
    except RunError:
        if st.session_state.get(_LAST, ("",))[0] != run.id:
            raise
        _, last = st.session_state[_LAST]
        return last._replace(caption=last.caption + STALE)
    return st.session_state[_LAST][1]


def _chosen() -> list[Heard]:
    stored, plays = chosen()
    if stored is None:
        return []
    domain = melody_of(stored)
    one = presentation.piece(domain, stored["tokens"], stored["primer"], stored["title"])
    return [Heard("★", domain, one, stored["title"], plays)]


def _preview(domain: Melody) -> Heard:
    """Return the sequence of the preview that weighs most."""
    request = preview_request(MELODY)
    rewarding = request.objective.active_terms
    preview = previewed(request)
    tokens = preview.samples.tokens[preview.best(1)[0]].tolist()
    rough = ", rough" if rewarding and preview.rough else ""
    caption = f"no training, {preview.milliseconds:.0f} ms{rough}" if rewarding else "every weight is 0"
    return Heard("B", domain, presentation.piece(domain, tokens, MELODY.primer(MELODY), "Preview"), caption)


def policy_caption(run: store.Run) -> str:
    """Return in words at which second a run's policy was written."""
    when = second(run)
    return "newest policy" if when is None else f"policy of second {when:.0f}"
