"""Runs as files: a ticked run to take away, and a bundle from another machine to bring in."""

import io
from collections.abc import Callable

import streamlit as st

from pages.ui import steering
from pages.ui.buttons import safely
from pages.ui.runs import table
from pages.ui.text import literal
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs.bundle_export import write_bundle
from seqtutor_core.runs.bundle_import import import_bundle
from seqtutor_core.runs.curve_files import curve_table
from seqtutor_core.runs.index import RunInfo
from seqtutor_core.runs.names import run_name
from seqtutor_core.runs.store import Run, open_run

LARGEST = 500 * 10**6  # bytes of a run whose bundle a page makes, in memory
WHOLE = "Settings, curves, policy, samples, checkpoints, prior, card and licences: another machine goes on from it."
TOO_LARGE = "This run is too large for a page: the command `runs export` writes it."
NOT_YET = "A run can be taken away once it has ended."
OTHERS = "Its owner can take the whole run away; its curves are free to all."
BROUGHT = "A zip that *Take away* or `runs export` made; the run becomes yours. Larger ones: `runs import`."
_TURN, _NOTICES = "_runs_import", "_runs_import_notices"  # how many were brought in; what is to be said of the last


def take_away(one: RunInfo | None, ours: bool) -> None:
    """Offer the bundle of a run, to those who may delete it, and its curves, to all."""
    usable = one is not None and not one.active and not one.problem
    with st.popover("Take away", icon=":material/download:", disabled=not usable, help=None if usable else NOT_YET):
        if one is None or not usable:
            return
        bundled = ours and one.bytes <= LARGEST
        st.download_button(
            "Bundle (zip)",
            _made(one.id, _bundle),
            f"{one.id}.zip",
            "application/zip",
            key="runs-bundle",
            icon=":material/folder_zip:",
            on_click="ignore",
            disabled=not bundled,
        )
        st.download_button(
            "Curves (CSV)",
            _made(one.id, curve_table),
            f"{one.id}.csv",
            "text/csv",
            key="runs-curves-file",
            icon=":material/download:",
            on_click="ignore",
        )
        st.caption(WHOLE if bundled else TOO_LARGE if ours else OTHERS)


def _made(run_id: str, making: Callable[[Run], bytes]) -> Callable[[], bytes]:
    """Return what makes the file when it is asked for, or its error as the file: a download cannot show a message."""

    def make() -> bytes:
        try:
            return making(open_run(run_id))
        except SeqTutorError as error:
            return str(error).encode()

    return make


def _bundle(run: Run) -> bytes:
    data = io.BytesIO()
    write_bundle(run, data)
    return data.getvalue()


def bring_in() -> None:
    """Offer to bring in a bundle."""
    with st.popover("Import", icon=":material/upload:"):
        key = f"runs-import-{st.session_state.get(_TURN, 0)}"  # another one is empty again
        st.file_uploader("A bundle", type=["zip"], key=key, on_change=safely, args=(_bring, key), help=BROUGHT)


def notices() -> None:
    """Say what the last import brought, until another button is pressed."""
    for text in st.session_state.pop(_NOTICES, ()):
        st.info(literal(text), icon=":material/upload:")


def _bring(key: str) -> None:
    file = st.session_state.get(key)
    if file is None:
        return
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
    imported = import_bundle(io.BytesIO(file.getvalue()), steering.claims())
    table.tick(imported.run.id)
    here = f"{run_name(imported.run)} is here and yours, ticked in the table."
    st.session_state[_NOTICES] = (here, *imported.notices)
