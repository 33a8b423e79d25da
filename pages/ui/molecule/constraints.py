"""Fields for what no slider can set: a molecule to resemble, substructures, alerts, a fragment to grow from."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from pages.ui import state
from pages.ui.molecule import editor, typed
from pages.ui.molecule.drawing import draw
from pages.ui.molecule.settings import (
    BUCKET,
    CATALOGUES,
    ELEMENT,
    FORBIDDEN,
    FORMULA,
    KINDS,
    MORE_TARGETS,
    OVER,
    PREFIX,
    REQUIRED,
    TARGET,
    TARGET_2,
    complaint,
    tokens,
)
from pages.ui.molecule.typed import follow
from pages.ui.page import show_errors
from pages.ui.rows import widget
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.chemistry import remote
from seqtutor_core.chemistry.formula import parse_formula
from seqtutor_core.chemistry.inputs import UploadedMolecules
from seqtutor_core.chemistry.property_query import CATALOGUES as ALL_CATALOGUES
from seqtutor_core.chemistry.property_query import FINGERPRINTS, LARGEST, MEAN, OVER_TARGETS
from seqtutor_core.chemistry.records import EXTENSIONS
from seqtutor_core.chemistry.tokens import unwritten
from seqtutor_core.errors import InputError
from seqtutor_core.runs import store

WIDTH, HEIGHT = 240, 150
SHOWN = 5  # broken records named
COUNTED = {  # a weight for those that ask by a button
    "similarity": 100.0,
    "similarity_2": 100.0,
    "isomer": 100.0,
    "required": 50.0,
    "forbidden": 50.0,
}
COUNTED_ELEMENTS = ("H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I")
OVER_NAMES = {LARGEST: "The nearest", MEAN: "Their mean"}
FINGERPRINT_HELP = "Circular, of radius 2 or 3, by atoms or by features; pairs of atoms; pharmacophores, which are slow"


def controls(studio: Studio) -> None:
    """Draw the fields below the sliders that only molecules have."""
    st.markdown("## Which molecules?", anchors=False)
    with st.expander("Resemble a molecule", expanded=_asked(studio, TARGET, terms=("similarity",))):
        _target(studio)
    with st.expander("Resemble others too", expanded=_asked(studio, MORE_TARGETS, TARGET_2, terms=("similarity_2",))):
        _similarity(studio)
    with st.expander("Formula and element", expanded=_asked(studio, FORMULA, ELEMENT, terms=("isomer",))):
        _atoms(studio)
    with st.expander("From a file"):
        _file(studio)
    with st.expander("Substructures", expanded=_asked(studio, REQUIRED, FORBIDDEN, terms=("required", "forbidden"))):
        _substructures(studio)
    with st.expander("Alerts and scaffolds"):
        _alerts(studio)
    with st.expander("Grow from a fragment", expanded=_asked(studio, PREFIX)):
        _beginning(studio)
    _as_begun(studio)
    editor.missing()
    editor.panel(studio)


def _asked(studio: Studio, *fields: str, terms: Sequence[str] = ()) -> bool:
    """Return whether one of the fields is filled, or one of the terms that need them has a weight."""
    return any(state.given(studio, field) for field in fields) or any(state.value(studio, term) for term in terms)


def _target(studio: Studio) -> None:
    widget(studio, st.text_input, "SMILES of the target", TARGET, placeholder="CC(=O)Oc1ccccc1C(=O)O")
    editor.open_button(TARGET)
    follow(
        studio, TARGET, partial(typed.molecule, tokens(studio).corpus), "No target: its drawing follows what you type."
    )
    if state.value(studio, TARGET).strip() and not complaint(studio, "target"):
        _weightless(studio, "similarity")


def _similarity(studio: Studio) -> None:
    """Draw how likeness is measured, more targets, and the targets of the second term."""
    for label, field, kind, over in (
        ("More targets, one a line", MORE_TARGETS, KINDS[0], OVER[0]),
        ("Second targets, one a line", TARGET_2, KINDS[1], OVER[1]),
    ):
        second = field == TARGET_2
        widget(studio, st.text_area, label, field, height=80, placeholder="SMILES")
        problem = complaint(studio, "target_2" if second else "target")
        if problem and state.value(studio, field).strip():  # the first target's is told where it is typed
            st.error(literal(problem))
        measured = "Second likeness by" if second else "Likeness by"
        widget(studio, st.selectbox, measured, kind, options=FINGERPRINTS, help=FINGERPRINT_HELP)
        among = "Of second targets count" if second else "Of several count"
        widget(
            studio, st.segmented_control, among, over, options=OVER_TARGETS, format_func=OVER_NAMES.get, required=True
        )
    if state.value(studio, TARGET_2).strip() and not complaint(studio, "target_2"):
        _weightless(studio, "similarity_2")


def _atoms(studio: Studio) -> None:
    widget(studio, st.text_input, "Formula", FORMULA, placeholder="C7H8N2O2", help="Its isomers earn 1")
    if problem := complaint(studio, "formula"):
        st.error(literal(problem))
    elif formula := state.value(studio, FORMULA).strip():
        _unwritten(studio, parse_formula(formula))
        _weightless(studio, "isomer")
    widget(studio, st.selectbox, "Element that is counted", ELEMENT, options=COUNTED_ELEMENTS)
    _unwritten(studio, [state.value(studio, ELEMENT)])


def _unwritten(studio: Studio, elements: Iterable[str]) -> None:
    """Say which elements the chosen prior cannot write, if any."""
    if remark := unwritten(elements, tokens(studio)):
        st.caption(literal(remark))


def _substructures(studio: Studio) -> None:
    one_a_line = "SMARTS, one a line; a SMILES will do"
    for label, name, setting in (
        ("Substructures to keep", REQUIRED, "required"),
        ("Substructures to avoid", FORBIDDEN, "forbidden"),
    ):
        widget(studio, st.text_area, label, name, height=80, placeholder="c1ccncc1", help=one_a_line)
        editor.open_button(name)
        follow(studio, name, typed.patterns, "None: each line is drawn as you type.", typed.SMALL_ROOM)
        if state.value(studio, name).strip() and not complaint(studio, setting):
            _weightless(studio, setting)


def _alerts(studio: Studio) -> None:
    widget(
        studio,
        st.multiselect,
        "Alerts that count",
        CATALOGUES,
        options=ALL_CATALOGUES,
        help="Collections of groups that react, stain assays or poison: PAINS, BRENK, NIH",
    )
    widget(
        studio,
        st.number_input,
        "A scaffold is old after",
        BUCKET,
        min_value=1,
        max_value=100_000,
        step=5,
        help="How often it may be seen until New scaffolds costs a full point",
    )


def _beginning(studio: Studio) -> None:
    widget(studio, st.text_input, "Beginning of a SMILES", PREFIX, placeholder="c1ccc(", help="It may be unfinished")
    editor.open_button(PREFIX)
    follow(
        studio,
        PREFIX,
        partial(typed.beginning, tokens(studio).corpus),
        "No fragment: molecules begin as the prior likes.",
    )
    text = state.value(studio, PREFIX).strip()
    if text and not complaint(studio, "prefix"):
        st.caption(f"Every molecule begins with {literal(text)}.")


def _weightless(studio: Studio, term: str) -> None:
    """Offer a weight if a constraint has none yet."""
    if not state.value(studio, term):
        label = next(t.label for t in studio.terms if t.name == term)
        st.caption(f"It counts once **{label}** has a weight.")
        st.button("Let it count", key=f"count-{term}", on_click=state.choose, args=(studio, {term: COUNTED[term]}))


def _as_begun(studio: Studio) -> None:
    """Say that a living run keeps its constraints: they change what is measured."""
    run = state.run(studio)
    if run and run.state in store.ACTIVE:
        st.caption("The living run keeps the molecules, substructures and shapes that it began with.")


# ---------------------------------------------------------------- files


def _file(studio: Studio) -> None:
    file = st.file_uploader(
        "SMILES, CSV, MOL or SDF",
        type=[extension.lstrip(".") for extension in EXTENSIONS],
        help="A CSV needs a column named smiles",
    )
    if file is None:
        return
    with show_errors():
        upload = uploaded(file.getvalue(), file.name, tokens(studio).corpus)
        if upload.problems:
            more = f"\n- and {len(upload.problems) - SHOWN} more" if len(upload.problems) > SHOWN else ""
            listed = "".join(f"\n- {literal(problem)}" for problem in upload.problems[:SHOWN])
            records = "1 record" if len(upload.problems) == 1 else f"{len(upload.problems)} records"
            st.warning(f"{records} could not be read:{listed}{more}")
        for remark in upload.remarks[:SHOWN]:
            st.info(literal(remark))
        chosen = upload.molecules[0]
        if len(upload.molecules) > 1:
            names = [f"{i + 1}. {one.name or one.smiles[:40]}" for i, one in enumerate(upload.molecules)]
            i = st.selectbox(f"{len(names)} molecules", range(len(names)), format_func=names.__getitem__)
            chosen = upload.molecules[i]
        draw(chosen.smiles, WIDTH, HEIGHT, what=f"structure of {chosen.smiles}")
        for remark in chosen.remarks:
            st.info(literal(remark))
        uses(studio, chosen.smiles, "file")


def uploaded(data: bytes, filename: str, corpus: str) -> UploadedMolecules:
    """Return the molecules of a file, for a prior that learned from a corpus; InputError for a file without any."""
    upload = _read_once(data, filename, corpus)
    if isinstance(upload, str):
        raise InputError(upload)
    return upload


@st.cache_resource(max_entries=16, ttl=600.0, show_spinner="Reading the file")
def _read_once(data: bytes, filename: str, corpus: str) -> UploadedMolecules | str:
    """Read a file once, not whenever the page is drawn; return its molecules, or its error.

    The result expires, since a busy machine may not have read all of it in time.
    """
    try:
        return remote.upload(data, filename, corpus)
    except InputError as error:
        return str(error)


def uses(studio: Studio, smiles: str, key: str) -> None:
    """Draw buttons that put a molecule into a field; the whole page reruns, since the fields are elsewhere."""
    with st.container(horizontal=True):
        for label, values in (
            ("Resemble it", {TARGET: smiles, "similarity": COUNTED["similarity"]}),
            ("Keep it as a part", {REQUIRED: smiles, "required": COUNTED["required"]}),
            ("Grow from it", {PREFIX: smiles}),
        ):
            if st.button(label, key=f"{key}-{label}", on_click=_use, args=(studio, values)):
                st.rerun()


def _use(studio: Studio, values: Mapping[str, Any]) -> None:
    state.choose(studio, values)
