"""What the melody page has of its own, for the parts that know no domain."""

import math

import streamlit as st

from pages.ui import state
from pages.ui.melody import settings
from pages.ui.melody.cards import strip
from pages.ui.studio import RewardPreset, Studio
from seqtutor_core.domains import domain
from seqtutor_core.domains.melody import PAPER_TERMS, TERMS, Melody
from seqtutor_core.runs.store import Run

ARRIVALS = 4  # melodies shown as they arrive

PAPER = dict.fromkeys(PAPER_TERMS, 1.0)
CALM = {
    "key": 3.0,
    "tonic": 1.0,
    "interval": 1.5,
    "leap": 1.0,
    "repetition": 1.0,
    "contour": 1.0,
    "rhythm": 40.0,
    "on_beat": 30.0,
    "phrase_rests": 5.0,
}
REWARD_PRESETS = {
    "Paper": RewardPreset("The nine rewards of the paper with weight 1", PAPER, {}),
    "Keep the rhythm": RewardPreset(
        "The paper's rewards, with note lengths held near those of the folk tunes",
        {**PAPER, "motif": 0.5, "rhythm": 60.0, "on_beat": 20.0},
        {},
    ),
    "Calm": RewardPreset("Slow, singable lines that breathe", CALM, {}),
    "All off": RewardPreset("Every weight 0, to start from nothing", {}, {}),
}


def arrivals(studio: Studio, run: Run) -> None:
    """Melodies as it learns, the newest first."""
    moments = run.samples()
    if not moments:
        return
    newest = [(m, tokens) for m in moments[::-1] for tokens in m.sequences[:2]][:ARRIVALS]
    st.markdown("###### Arriving")
    strip([(f"after {m.seconds:.0f} s", tokens) for m, tokens in newest], key="arrival")


MELODY = Studio(
    domain="melody",
    prefix="",
    one="melody",
    many="melodies",
    defaults={
        **state.DEFAULTS,
        state.PRIOR: "melody",
        **settings.DEFAULTS,
        **{t.name: t.default for t in TERMS},
    },
    reward_presets=REWARD_PRESETS,
    kl_words=(
        (0.9, "almost only the rewards count; melodies grow alike"),
        (2.5, "rewards first, the folk tunes still audible"),
        (6, "a balance: better melodies that stay varied"),
        (12, "close to the folk tunes, a little better"),
        (math.inf, "hardly moves from the folk tunes"),
    ),
    budgets=(10, 20, 30, 60, 120, 300, 600),
    invitation="No run yet: set what should be better, then start. A minute is enough to hear a difference.",
    settings=lambda studio: vars(melody().settings),
    valid_settings=settings.settings,
    objective_settings=settings.objective_settings,
    sampling=settings.sampling,
    primer=lambda studio: settings.primer(studio).tokens,
    reused=settings.reused,
    more_controls=settings.controls,
    arrivals=arrivals,
    starting=settings.pick,
)


def melody() -> Melody:
    """The domain under the settings of the page."""
    known = domain("melody", settings.settings(MELODY))
    assert isinstance(known, Melody)
    return known
