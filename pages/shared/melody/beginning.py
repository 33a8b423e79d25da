"""Begin with your own notes: an uploaded MIDI file, or keys pressed on the page."""

import streamlit as st

from pages.shared.frame import told
from pages.shared.melody import settings
from pages.shared.melody.player import keyboard
from pages.shared.text import literal
from seqtutor_core.domains.melody.primer import Primer, from_midi, from_picked
from seqtutor_core.errors import InputError


def panel() -> None:
    """Choose a primer; every melody then continues it."""
    with st.expander("Begin with your own notes", expanded=bool(settings.primer().tokens)):
        keys, upload = st.tabs(["Play some keys", "Upload a MIDI file"])
        with keys, told():
            picked = keyboard("keys")
            chosen = from_picked(picked) if picked else None
            _offer(chosen, "keys")
        with upload, told():
            file = st.file_uploader("MIDI file", type=["mid", "midi"], help="One melody line, up to 1 MB")
            if file is not None:
                _offer(_read(file.getvalue()), "midi")
        if current := settings.primer().tokens:
            st.success(f"Every melody continues your {len(current)} steps ({len(current) // 16} bars).")
            st.button("Remove the beginning", key="no-primer", on_click=settings.set_primer, args=(Primer((), ()),))


def _read(file: bytes) -> Primer:
    """The primer in a MIDI file; a polyphonic one may be read by its top line."""
    try:
        return from_midi(file)
    except InputError as error:
        if "polyphonic" not in str(error):
            raise
        st.warning(literal(error))
        if not st.checkbox("Use the highest note wherever several sound"):
            st.stop()
        return from_midi(file, polyphony="top")


def _offer(primer: Primer | None, key: str) -> None:
    if primer is None:
        return
    for remark in primer.notes:
        st.info(literal(remark))
    st.button(
        "Continue these notes",
        key=f"use-{key}",
        type="primary",
        icon=":material/arrow_forward:",
        on_click=_use,
        args=(primer,),
    )


def _use(primer: Primer) -> None:
    settings.set_primer(primer)
    settings.pick()
