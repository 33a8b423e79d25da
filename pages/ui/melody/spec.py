"""What the melody page has of its own, for the parts that know no domain."""

import math
from typing import Any

from pages.ui import own, state
from pages.ui.melody import settings
from pages.ui.melody.choice import choose_none
from pages.ui.studio import HELP, RewardPreset, Studio
from seqtutor_core.domains import RewardTerm, build_domain
from seqtutor_core.domains.melody import PAPER_TERMS, TERMS, Melody
from seqtutor_core.domains.own import OWN

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
PAPER_NOTE = (  # docs/results.md, "The preset Paper"
    "**As published:** Psi, c = 0.5, a prior of 100 units. The authors took a million updates. After 650, about a "
    "minute on two cores, expect a reward of 14 instead of -231, 23 nats of KL, 62 % of notes in motifs instead of "
    "34 %. Melodies begin after a random note, so there is no gauge."
)
REWARD_PRESETS = {
    "Paper's rewards": RewardPreset("The nine rewards of the paper with weight 1", PAPER, {}),
    "Keep the rhythm": RewardPreset(
        "The paper's rewards, with note lengths held near those of the folk tunes",
        {**PAPER, "motif": 0.5, "rhythm": 60.0, "on_beat": 20.0},
        {},
    ),
    "Calm": RewardPreset("Slow, singable lines that breathe", CALM, {}),
    "All off": RewardPreset("Every weight 0, to start from nothing", {}, {}),
    "Paper": RewardPreset(
        "All as published: rewards, c, Psi with its rules, a prior of 100 units",
        PAPER,
        {**state.published("melody", "psi", 0.5), settings.LENGTH: 32},
        PAPER_NOTE,
    ),
}


def _run_settings(studio: Studio) -> dict[str, Any]:
    """Return the settings for a run; SettingError for an own reward that has a weight and cannot be used."""
    domain = melody()
    domain.set_active_terms(state.weights(studio))
    return vars(domain.settings)


def _beside(studio: Studio, term: RewardTerm) -> None:
    """Draw the popover of an own reward; other rows have nothing there."""
    if term.name in OWN:
        own.beside(studio, term)


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
    help=HELP.format(
        moved=" Turn on *Play on change* in the player to hear it at once.",
        right="Curves, frontier, the paper's Table 1 and earlier runs are at the right.",
        keys="; in the player `Space` plays and `1` to `4` change between the melodies",
    ),
    settings=_run_settings,
    valid_settings=settings.settings,
    objective_settings=settings.objective_settings,
    sampling_settings=settings.sampling_settings,
    primer=lambda studio: settings.primer(studio).tokens,
    reused=settings.reused,
    more_controls=settings.controls,
    beside=_beside,
    starting=choose_none,
)


def melody() -> Melody:
    """Return the domain under the settings of the page."""
    domain = build_domain("melody", settings.settings(MELODY))
    assert isinstance(domain, Melody)
    return domain
