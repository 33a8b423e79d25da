"""The melody that somebody chose to hear: from the gallery, or from what is kept."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from seqtutor_core import kept
from seqtutor_core.domains.melody import Melody, MelodySettings
from seqtutor_core.domains.melody.tokens import VOCABULARY
from seqtutor_core.rules import anything, by_name, listed, record, text_of, whole

DOMAIN = "melody"
LONGEST = 256  # tokens
STORED = record(
    {
        "title": text_of(1000),
        "tokens": listed(whole(0, len(VOCABULARY) - 1), LONGEST),
        "primer": listed(whole(0, len(VOCABULARY) - 1), LONGEST),
        "settings": by_name(anything),
    }
)
"""What a melody needs to be heard again; files that keep one may hold anything."""
_CHOSEN, _PLAYS = "_chosen_melody", "_plays"


def content(title: str, melody: Melody, tokens: Sequence[int], primer: Sequence[int]) -> dict[str, Any]:
    """Return all that is needed to hear a melody again, whatever the page's settings are then; JSON values.

    melody: the domain that its tokens and its primer were made under.
    """
    return {"title": title, "tokens": list(tokens), "primer": list(primer), "settings": vars(melody.settings)}


def melody_of(stored: Mapping[str, Any]) -> Melody:
    """Return the domain that a chosen or kept melody was made under.

    SettingError for one that is damaged, or of another version.
    """
    STORED("a melody", stored)
    return Melody(MelodySettings.of(stored["settings"]))


def chosen() -> tuple[dict[str, Any] | None, int]:
    """Return what was chosen, None for nothing, and how often something was."""
    return st.session_state.get(_CHOSEN), st.session_state.get(_PLAYS, 0)


def choose(stored: Mapping[str, Any]) -> None:
    """Hear this one, at once; for a callback."""
    st.session_state[_CHOSEN] = dict(stored)
    st.session_state[_PLAYS] = st.session_state.get(_PLAYS, 0) + 1


def choose_none() -> None:
    """Let the place of the chosen one be empty."""
    st.session_state[_CHOSEN] = None


def keep(stored: Mapping[str, Any]) -> None:
    """Keep it, for the action of a button."""
    kept.keep(DOMAIN, stored)


def drop(one: kept.Kept) -> None:
    """Keep it no longer, for the action of a button."""
    kept.drop(DOMAIN, one.id)
