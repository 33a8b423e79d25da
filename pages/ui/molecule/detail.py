"""One molecule looked at closely: in the plane and in space, its properties, its kin, the reasons for its score."""

import streamlit as st

from pages.ui import state
from pages.ui.components import VIEWER
from pages.ui.molecule import selection
from pages.ui.molecule.cards import star
from pages.ui.molecule.constraints import uses
from pages.ui.molecule.drawing import draw
from pages.ui.molecule.export import making
from pages.ui.molecule.filters import COLOURINGS
from pages.ui.molecule.scored import kept_smiles, molecule, score_smiles
from pages.ui.molecule.selection import Look
from pages.ui.molecule.settings import tokens
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import fragment, show_errors
from pages.ui.text import literal
from seqtutor_core.chemistry import neighbours, remote, three_d
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule
from seqtutor_core.domains.molecule.statistics import LABELS, central_range
from seqtutor_core.errors import InputError
from seqtutor_core.files import home
from seqtutor_core.objective import SUM

WIDTH, HEIGHT = 370, 250
FLAT, SPACE = "Drawn", "In space"
INVITATION = "Click a molecule: here it is drawn, in the plane and in space, with the reasons for its score."
MORE_LABELS = {
    "similarity": "similarity to the target",
    "similarity_2": "similarity to the second target",
    "isomer": "likeness to the formula",
    "rings": "rings",
    "aromatic_rings": "aromatic rings",
    "element_count": "atoms of the element",
    "bertz": "complexity (Bertz)",
    "largest_ring": "atoms of the largest ring",
    "carbon_chain": "longest carbon chain",
    "required": "share of the substructures to keep",
    "forbidden": "number of substructures to avoid",
    "alerts": "number of structural alerts",
}


def panel() -> None:
    """Draw the molecule that is looked at; previous and next draw only this part anew."""
    with st.container(key="detail"):
        fragment(_panel)


def _panel() -> None:
    with show_errors():
        look = selection.looked_at()
        _steps(look)
        if look is None:
            st.caption(INVITATION)
            return
        [one] = score_smiles(MOLECULE, [look.smiles])
        _picture(one)
        st.code(look.smiles, language=None, wrap_lines=True)
        with st.container(horizontal=True):
            star(look.smiles, look.row, "this molecule", "keep-this", kept_smiles(MOLECULE))
            st.download_button(
                "SDF", making("sdf", [one]), "molecule.sdf", "chemical/x-mdl-sdfile", key="detail-sdf",
                icon=":material/download:", on_click="ignore", help="With coordinates in space",
            )  # fmt: skip
        uses(MOLECULE, look.smiles, "detail")
        _contributions(one)
        _properties(one)
        _nearest(look.smiles)


def _steps(look: Look | None) -> None:
    """Draw its name and buttons: previous, next, keep and download; frame its card."""
    with st.container(horizontal=True, vertical_alignment="center", key="detail-bar"):
        nothing = not selection.shown()
        for label, icon, by in (("Previous", "chevron_left", -1), ("Next", "chevron_right", 1)):
            icon = f":material/{icon}:"
            st.button(
                label, f"detail-{label.lower()}", on_click=selection.step, args=(by,), icon=icon, disabled=nothing
            )
        if look is None:
            return
        st.markdown(f"**{look.row} {look.place + 1:d}**" if look.row else "", width="content")
    slot = selection.slot(look)
    if slot is not None:
        st.html(f"<style>.st-key-card-{look.row}-{slot} {{ outline: 2px solid #7A5BA6; }}</style>")


def _picture(one: ScoredMolecule) -> None:
    """Draw the molecule in the plane or in space, at one height, with the settings of either."""
    with st.container(horizontal=True, vertical_alignment="center", key="detail-kinds"):
        kind = st.segmented_control(
            "Show it", [FLAT, SPACE], default=FLAT, required=True, key="detail-kind",
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
        label, options = ("Drawn as", three_d.STYLES) if kind == SPACE else ("Colour atoms by", COLOURINGS)
        by = st.selectbox(label, list(options), key=f"detail-by-{kind}", label_visibility="collapsed")
    with st.container(height=HEIGHT, border=False, key="detail-picture"):
        if kind == SPACE:
            _in_space(one.smiles, by)
        else:
            _flat(one, COLOURINGS[by])
    if kind == FLAT and COLOURINGS[by]:
        st.caption(f"Teal discs raise {by}, orange rings lower it.")


def _flat(one: ScoredMolecule, colouring: str) -> None:
    settings = molecule(MOLECULE).settings
    marks = (*settings.required, *settings.forbidden)
    draw(one.smiles, WIDTH, HEIGHT - 10, marks, colouring, f"drawing of {one.smiles}")


def _in_space(smiles: str, style: str) -> None:
    """Draw the molecule in 3D, or say why not."""
    if not three_d.available():
        st.info(f"The viewer is not installed; the drawing stands. To get it: {three_d.REMEDY}.")
        return
    try:
        with st.spinner("Looking for a shape in space"):
            block = remote.conformer(smiles)
        view = three_d.view(block, VIEWER, WIDTH, HEIGHT - 10, style)
        # nothing in it takes the keyboard: no stop for Tab, whose ring nobody would see
        st.iframe(view, height=HEIGHT - 10, tab_index=-1, alt=f"{smiles} in space; drag to turn")
    except InputError as error:
        st.info(literal(error))


# ---------------------------------------------------------------- what is known of it


def _properties(one: ScoredMolecule) -> None:
    rows = []
    for name, label in {**LABELS, **MORE_LABELS}.items():
        if name in one.measurement.values:
            rows.append({"property": label, "value": f"{one.measurement.values[name]:.4g}", **_usual(name, one)})
    st.markdown("### Properties")
    st.table(rows, border="horizontal")
    for why in one.measurement.unknown.values():
        st.text(why)


def _usual(name: str, one: ScoredMolecule) -> dict[str, str]:
    """Return the training set's range, and a word for a value outside."""
    vocabulary = tokens(MOLECULE)
    title = f"95 % of {vocabulary.title}"
    if name not in LABELS:
        return {title: ""}
    value, (low, high) = one.measurement.values[name], central_range(vocabulary.corpus, name)
    outside = " · below" if value < low else " · above" if value > high else ""
    return {title: f"{low:.3g} to {high:.3g}{outside}"}


def _contributions(one: ScoredMolecule) -> None:
    st.markdown(f"### Why it scores {one.reward:.1f}")
    summed = state.value(MOLECULE, state.COMBINATION) == SUM  # points to add; else factors below 1
    if not one.contributions:
        st.caption("No slider has a weight.")
        return
    st.table(
        [
            {
                "term": contribution.label,
                "measured": f"{contribution.raw:.3g} {contribution.unit}",
                "desirability": f"{contribution.term:.2f}",
                "weight": f"{contribution.weight:g}",
                "points" if summed else "factor": f"{contribution.effect:+.1f}"
                if summed
                else f"{contribution.effect:.2f}",
            }
            for contribution in one.contributions
        ],
        border="horizontal",
    )
    if one.measurement.scaffold:
        st.caption(f"Scaffold {literal(one.measurement.scaffold)}")


def _nearest(smiles: str) -> None:
    st.markdown("### Nearest training molecule")
    corpus = tokens(MOLECULE).prior  # called like its prior
    if not neighbours.available(home() / "corpora" / corpus):
        st.caption(f"Not indexed yet. Build the index once with `{neighbours.COMMAND} {corpus}`.")
        return
    [(nearest, similarity)] = _neighbour(corpus, smiles)
    draw(nearest, 220, 150, what=f"nearest training molecule {nearest}")
    st.caption(f"Tanimoto similarity {similarity:.2f}  \n{literal(nearest)}")


@st.cache_data(max_entries=512, show_spinner="Looking through the training set")
def _neighbour(corpus: str, smiles: str) -> list[tuple[str, float]]:
    return neighbours.nearest(home() / "corpora" / corpus, smiles)
