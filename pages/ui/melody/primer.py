"""Begin with your own notes: an uploaded MIDI file, or keys pressed on the page."""

import streamlit as st

from pages.ui.melody import settings
from pages.ui.melody.choice import choose_none
from pages.ui.melody.keyboard import keyboard
from pages.ui.melody.spec import MELODY, melody
from pages.ui.page import show_errors
from pages.ui.text import literal
from seqtutor_core.domains.melody.midi_file import MAX_BYTES
from seqtutor_core.domains.melody.primer import Primer
from seqtutor_core.domains.melody.tokens import decode, pitch_name
from seqtutor_core.domains.melody.tune import Tune, many, tune_of_midi, tune_of_picked
from seqtutor_core.errors import InputError

SHOWN = 16  # names of notes


def panel() -> None:
    """Choose a primer; every melody then continues it."""
    current = settings.primer(MELODY)
    chosen = melody().settings
    with st.expander("Begin with your own notes", expanded=bool(current.tokens)):
        keys, upload = st.tabs(["Play some keys", "Upload a MIDI file"])
        with keys, show_errors():
            picked = keyboard("keys", bar=4 * chosen.beats_per_bar, bpm=chosen.tempo)
            if picked:
                _offer(tune_of_picked(picked), "keys")
        with upload, show_errors():
            size = MAX_BYTES // 2**20
            file = st.file_uploader("MIDI file", type=["mid", "midi"], help=f"One melody line, up to {size} MB")
            if file is not None and (tune := _read(file.getvalue())):
                _offer(tune, "midi")
        if current.tokens:
            bars = many(len(current.tokens) // chosen.steps_per_bar, "bar")
            st.success(f"Every melody continues your {len(current.tokens)} steps ({bars}).")
            _remarks(current)
            st.button("Remove the beginning", key="no-primer", on_click=settings.set_tune, args=(None,))


def _read(file: bytes) -> Tune | None:
    """Return the melody in a MIDI file; None for a polyphonic one until its top line is asked for."""
    try:
        return _tune(file, "error")
    except InputError as error:
        if "polyphonic" not in str(error):
            raise
        st.warning(literal(error))
        if not st.checkbox("Use the highest note wherever several sound"):
            return None
        return _tune(file, "top")


@st.cache_resource(max_entries=8, show_spinner=False)
def _tune(file: bytes, polyphony: str) -> Tune:
    """Return the tune, kept for when something else on the page has changed."""
    return tune_of_midi(file, polyphony)


def _offer(tune: Tune, key: str) -> None:
    """Show what was understood, and a button to use it."""
    primer = settings.primer_under(MELODY, tune)
    names = [pitch_name(note.pitch + melody().settings.transpose) for note in decode(primer.tokens)]
    more = " ..." if len(names) > SHOWN else ""
    st.text(f"{many(len(names))}: {' '.join(names[:SHOWN])}{more}")
    if primer != settings.primer(MELODY):  # else they stand below
        _remarks(primer)
    st.button(
        "Continue these notes",
        key=f"use-{key}",
        type="primary",
        icon=":material/arrow_forward:",
        on_click=_use,
        args=(tune,),
    )


def _remarks(primer: Primer) -> None:
    for remark in primer.remarks:
        st.info(literal(remark))


def _use(tune: Tune) -> None:
    settings.set_tune(tune)
    choose_none()
