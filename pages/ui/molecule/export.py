"""Molecules to take away: SDF, SMILES, CSV, pictures, all of them as a zip."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.ui.molecule import selection
from pages.ui.molecule.scored import kept_smiles, score_smiles
from pages.ui.molecule.spec import MOLECULE
from seqtutor_core.chemistry import remote
from seqtutor_core.chemistry.files import Row
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule
from seqtutor_core.errors import SeqTutorError

SHAPE_SECONDS = 0.15  # that a conformer takes, about
LONG = 10.0  # seconds that are worth a word

FORMATS = (
    ("SDF", "sdf", "chemical/x-mdl-sdfile"),
    ("SMILES", "smi", "chemical/x-daylight-smiles"),
    ("CSV", "csv", "text/csv"),
    ("PNG", "png", "image/png"),
    ("SVG", "svg", "image/svg+xml"),
    ("All as zip", "zip", "application/zip"),
)
SHOWN, CHOSEN, KEPT = "Shown", "Chosen", "★ Kept"


def take_away() -> None:
    """Draw the button that offers files of the molecules shown, chosen or kept."""
    with st.popover("Take away", icon=":material/download:", key="take-away", on_change="rerun") as popover:
        if not popover.open:  # what is shown may change until then
            return
        sets = {
            SHOWN: selection.downloadable(),
            CHOSEN: selection.chosen(),
            KEPT: list(kept_smiles(MOLECULE)),
        }
        which = st.segmented_control(
            "Which molecules", list(sets), default=SHOWN, required=True, key="take-which",
            format_func=lambda name: f"{name} {len(sets[name])}",
        )  # fmt: skip
        downloads(score_smiles(MOLECULE, sets[which or SHOWN]), "take")


def downloads(molecules: Sequence[ScoredMolecule], key: str, name: str = "molecules") -> None:
    """Draw a button a format. Files are made when asked for: shapes in space take their time."""
    valid = [one for one in molecules if one.measurement.valid]
    with st.container(horizontal=True):
        for label, ending, kind in FORMATS:
            st.download_button(
                label,
                making(ending, valid),
                f"{name}.{ending}",
                kind,
                key=f"{key}-{ending}",
                icon=":material/folder_zip:" if ending == "zip" else ":material/download:",
                on_click="ignore",
                disabled=not valid,
            )
    if (seconds := SHAPE_SECONDS * len(valid)) > LONG:
        st.caption(f"SDF and zip look for shapes in space: about {seconds:.0f} s.")


def rows(molecules: Sequence[ScoredMolecule]) -> list[Row]:
    """Return molecules as rows in their order, with reward and properties as columns."""
    return [
        Row(one.smiles, f"molecule {i}", {"reward": one.reward, **one.measurement.values})
        for i, one in enumerate(molecules, start=1)
    ]


def making(ending: str, molecules: Sequence[ScoredMolecule]) -> Callable[[], bytes]:
    """Return what makes the file, or its error as the file's text: a download cannot show a message."""

    def make() -> bytes:
        try:
            return remote.write_file(ending, rows(molecules))
        except SeqTutorError as error:
            return str(error).encode()

    return make
