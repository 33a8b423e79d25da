"""Prior against tuned, same seed, side by side; or one melody chosen from a gallery."""

import streamlit as st

from pages.ui import state
from pages.ui.melody.player import Track, piano_rolls
from pages.ui.melody.settings import pick, picked
from pages.ui.melody.spec import MELODY, melody
from pages.ui.page import show_errors
from pages.ui.sampling import draw, has_policy
from pages.ui.text import literal
from seqtutor_core.domains.melody import Melody, studio
from seqtutor_core.domains.melody.audio import Piece, midi, musicxml, sound, synthesiser_available
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import store


def panel(run: store.Run | None) -> None:
    """The player with its melody or melodies."""
    known = melody()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("##### Listen")
        st.button(
            "Another pair",
            key="another",
            icon=":material/casino:",
            on_click=_next_pair,
            help="The prior and the tuned policy draw again, both from one new seed",
        )
        if picked():
            st.button("Back to the pair", key="unpick", on_click=pick)
    with st.container(), show_errors():  # always there: a player that changes its place on the page would stop
        pieces = _pieces(known, run)
        piano_rolls([_track(known, piece) for piece in pieces], key="listen")
        downloads(pieces[-1], "listen")
    missing = synthesiser_available().remedy
    if missing:
        st.caption(missing)


def _next_pair() -> None:
    pick()
    state.draw_others(MELODY, state.PAIR)


def _pieces(known: Melody, run: store.Run | None) -> list[Piece]:
    """The chosen melody; else the prior's, with the tuned one once there is a policy."""
    primer = MELODY.primer(MELODY)
    if chosen := picked():
        return [studio.piece(known, chosen[1], primer, chosen[0])]
    seed = state.draw_seed(MELODY, state.PAIR)
    pieces = [studio.piece(known, draw(MELODY, None, 1, seed)[0], primer, "Prior")]
    if run and has_policy(run):
        pieces.append(studio.piece(known, draw(MELODY, run, 1, seed)[0], primer, "Tuned"))
    return pieces


def _track(known: Melody, piece: Piece) -> Track:
    letter = {"Prior": "A", "Tuned": "C"}.get(piece.title, "★")
    roll = studio.roll(known, piece.tokens, piece.primer, state.weights(MELODY))
    return Track(letter, piece.title, roll, sound(piece))


def downloads(piece: Piece, key: str) -> None:
    """MIDI, WAV and MusicXML of one melody, made when asked for."""
    name = piece.title.lower().replace(" ", "-")
    formats = (
        ("MIDI", "mid", "audio/midi", lambda: midi(piece)),
        ("WAV", "wav", "audio/wav", lambda: sound(piece).wav),
        ("MusicXML", "musicxml", "application/vnd.recordare.musicxml+xml", lambda: _or_nothing(piece)),
    )
    with st.container(horizontal=True):
        for label, ending, kind, make in formats:
            st.download_button(
                f"{label} of {literal(piece.title)}",
                make,
                f"{name}.{ending}",
                kind,
                key=f"{key}-{ending}",
                icon=":material/download:",
                on_click="ignore",
            )


def _or_nothing(piece: Piece) -> bytes:
    """MusicXML, or its error as the file's text: a download cannot show a message."""
    try:
        return musicxml(piece)
    except SeqTutorError as error:
        return str(error).encode()
