"""MIDI, WAV, MusicXML and ABC of one melody."""

import re

import streamlit as st

from pages.ui.text import literal
from seqtutor_core.domains.melody.abc_notation import abc
from seqtutor_core.domains.melody.audio import Piece, midi, musicxml, sound
from seqtutor_core.errors import SeqTutorError

LONGEST = 80  # characters of a file's name


def downloads(piece: Piece, key: str) -> None:
    """Draw a button for each format; files are made when asked for."""
    name = file_name(piece.title)
    formats = (
        ("MIDI", "mid", "audio/midi", lambda: midi(piece)),
        ("WAV", "wav", "audio/wav", lambda: sound(piece).wav),
        ("MusicXML", "musicxml", "application/vnd.recordare.musicxml+xml", lambda: _or_nothing(piece)),
        ("ABC", "abc", "text/vnd.abc", lambda: abc(piece)),
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


def file_name(title: str) -> str:
    """Return a title as the name of a file, without its ending, that every system takes."""
    return re.sub(r"[^\w.+-]+", "-", title.lower()).strip("-.")[:LONGEST] or "melody"


def _or_nothing(piece: Piece) -> bytes:
    """Return a file, or its error as the file's text: a download cannot show a message."""
    try:
        return musicxml(piece)
    except SeqTutorError as error:
        return str(error).encode()
