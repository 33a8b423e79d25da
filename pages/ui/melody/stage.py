"""The melody studio's centre: one player for all melodies, what to do with them, and more to choose from."""

import streamlit as st

from pages.ui import interpolation, problems, state
from pages.ui.buttons import action_button
from pages.ui.melody import choice, gallery, primer
from pages.ui.melody.downloads import downloads
from pages.ui.melody.player import Track, attach_sound, piano_rolls
from pages.ui.melody.spec import MELODY
from pages.ui.melody.tracks import EVERY, REASONS, TITLES, Heard, heard
from pages.ui.page import fragment, show_errors
from pages.ui.text import literal
from seqtutor_core.domains.melody.audio import sound
from seqtutor_core.domains.melody.synthesis import synthesiser_available
from seqtutor_core.runs import store


def panel(run: store.Run | None) -> None:
    """Draw the player, which follows a living run, and below it what else there is to hear."""
    living = run is not None and run.state in store.ACTIVE
    fragment(_stage, run, interpolation.strength(MELODY), every=EVERY if living else None, steady=True)
    primer.panel()


def _stage(run: store.Run | None, strength: float) -> None:
    with st.container(key="stage"), show_errors():
        melodies = heard(run)
        weights = state.weights(MELODY)
        tracks = {one.letter: one.track(weights) for one in melodies}
        piano_rolls([tracks.get(x) or Track.empty(x, TITLES[x], REASONS.get(x, "")) for x in TITLES], key="player")
        _actions(melodies)
        for one in melodies:  # after the rolls, which are faster
            attach_sound(one.sound_name, sound(one.piece), key=f"sound-{one.letter}")
    if missing := synthesiser_available().remedy:
        st.caption(missing)
    interpolation.panel(MELODY, run)
    if interpolation.strength(MELODY) != strength:  # the frontier shows it as well
        st.rerun()
    with show_errors():
        gallery.panel(run)


def _actions(melodies: list[Heard]) -> None:
    """Draw one row: draw others, keep, take away."""
    with st.container(horizontal=True, vertical_alignment="center", key="stage-actions"):
        st.button(
            "Draw others", key="another", icon=":material/casino:", on_click=_draw_others,
            help="Prior, preview and tuned policy each draw another melody, from one new seed",
        )  # fmt: skip
        for one in melodies:
            action_button(
                f"Keep {one.letter}", "star", f"keep-{one.letter}", choice.keep, one.content(), type="tertiary",
                help=f"Keep the melody of {one.letter}; it is found below, after a reload as well",
            )  # fmt: skip
        with st.popover("Take away", icon=":material/download:", type="tertiary", key="take-away"):
            for one in melodies:
                st.markdown(f"**{one.letter}** {literal(one.piece.title)}")
                downloads(one.piece, one.letter)
    if problems.is_new():  # the transport says it
        st.rerun()


def _draw_others() -> None:
    choice.choose_none()
    state.draw_others(MELODY, state.PAIR)
    state.draw_others(MELODY, state.PREVIEW)
