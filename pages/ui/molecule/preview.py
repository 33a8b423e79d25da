"""What tuning would lead to, before any: molecules, and the properties to expect beside the prior's."""

import json
from collections.abc import Sequence

import streamlit as st

from pages.ui.molecule.cards import strip
from pages.ui.molecule.compare import caption
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import fragment, show_errors
from pages.ui.previews import PreviewRequest, drawn, heading, preview_request, previewed, remarks
from pages.ui.sampling import can_draw
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.domains.molecule.statistics import LABELS
from seqtutor_core.domains.molecule.studio import Found, examine, expected, smiles_of
from seqtutor_core.rollout import distinct

ROW = 6
SHOWN = ("qed", "log_p", "sa_score", "molecular_weight", "tpsa", "heavy_atoms")
SIMILARITY = "similarity"  # joins them when there is a target


def panel() -> None:
    """Two rows of molecules, and what to expect of all; redrawn with the sliders."""
    if not can_draw(MOLECULE):  # the rows of the prior say why
        return
    fragment(_panel)


def _panel() -> None:
    heading(MOLECULE)
    with st.container(key="preview"), show_errors():
        wanted = preview_request(MOLECULE)
        found = previewed(wanted)
        molecules = _examined(wanted)
        _row("Weighing most", molecules, found.best(ROW).tolist())
        _row("Drawn by weight", molecules, found.some(ROW).tolist())
        even = [1 / len(molecules)] * len(molecules)
        _table(
            {
                "prior": {"distinct": distinct(drawn(wanted.draw).tokens), **expected(molecules, even)},
                "preview": {"distinct": distinct(found.tokens), **expected(molecules, found.found.shares.tolist())},
            }
        )
        remarks(MOLECULE, wanted, found)


@st.cache_resource(max_entries=16, show_spinner=False)
def _examined(wanted: PreviewRequest) -> list[Found]:
    """The particles as molecules, measured and weighed."""
    known = Molecule(MoleculeSettings.of(json.loads(wanted.settings)))
    return examine(known, smiles_of(known, previewed(wanted).found.tokens.tolist()), json.loads(wanted.weights))


def _row(title: str, molecules: Sequence[Found], rows: Sequence[int]) -> None:
    st.markdown(f"**{title}**")
    chosen = [molecules[row] for row in rows]
    strip([(caption(one), one) for one in chosen], f"preview-{title.lower().replace(' ', '-')}", ROW)


def _table(sides: dict[str, dict[str, float]]) -> None:
    labels = {"valid": "valid", "distinct": "distinct", **{name: LABELS[name] for name in SHOWN}}
    if any(SIMILARITY in figures for figures in sides.values()):
        labels[SIMILARITY] = SIMILARITY
    st.table(
        [
            {"expected": side} | {label: _shown(name, figures.get(name)) for name, label in labels.items()}
            for side, figures in sides.items()
        ]
    )


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if name in ("valid", "distinct") else f"{value:.3g}"
