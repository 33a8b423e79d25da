"""One molecule looked at closely: in the plane and in space, its properties, its kin, the reasons for its score."""

import streamlit as st

from pages.ui.molecule.constraints import uses
from pages.ui.molecule.export import downloads
from pages.ui.molecule.filters import COLOURINGS
from pages.ui.molecule.scored import examined, look_at, looked_at, molecule
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import show_errors
from pages.ui.text import literal
from seqtutor_core.domains.molecule import given, neighbours, three_d
from seqtutor_core.domains.molecule.statistics import LABELS, central_range
from seqtutor_core.domains.molecule.studio import Found
from seqtutor_core.errors import InputError
from seqtutor_core.files import home

SCRIPT = "app/static/3Dmol-min.js"  # as this very app serves it
WIDTH, HEIGHT = 400, 300
MORE_LABELS = {
    "similarity": "similarity to the target",
    "largest_ring": "atoms of the largest ring",
    "carbon_chain": "longest carbon chain",
    "required": "share of the substructures to keep",
    "forbidden": "number of substructures to avoid",
    "alerts": "number of structural alerts",
}


def panel() -> None:
    """The closer look, when somebody asked for one."""
    if smiles := looked_at():
        st.dialog("A closer look", width="large", on_dismiss=look_at)(_look)(smiles)


def _look(smiles: str) -> None:
    with show_errors():
        [one] = examined(MOLECULE, [smiles])
        st.code(smiles, language=None, wrap_lines=True)
        left, right = st.columns(2)
        with left:
            _flat(one)
        with right:
            _in_space(smiles)
        uses(MOLECULE, smiles, "look")
        left, right = st.columns(2)
        with left:
            _properties(one)
        with right:
            _reasons(one)
            _nearest(smiles)
        downloads([one], "this molecule", "look", "molecule")


def _flat(one: Found) -> None:
    settings = molecule(MOLECULE).settings
    chosen = st.segmented_control("Colour atoms by", list(COLOURINGS), default="Matches", required=True, key="look-by")
    colouring = COLOURINGS[chosen or "Matches"]
    st.image(given.drawing(one.smiles, WIDTH, HEIGHT, (*settings.required, *settings.forbidden), colouring))
    if colouring:
        st.caption(f"Teal atoms raise {chosen}, orange ones lower it.")


def _in_space(smiles: str) -> None:
    """The molecule to turn, or why it cannot be shown."""
    style = st.segmented_control("In space", list(three_d.STYLES), default="sticks", required=True, key="look-style")
    if not three_d.available():
        st.info(f"The viewer is not installed; the drawing stands. To get it: {three_d.REMEDY}.")
        return
    try:
        with st.spinner("Looking for a shape in space"):
            block = given.conformer(smiles)
        st.iframe(
            three_d.view(block, SCRIPT, WIDTH, HEIGHT, style or "sticks"),
            height=HEIGHT + 10,
            alt="the molecule in space; drag to turn",
        )
    except InputError as error:
        st.info(literal(error))


def _properties(one: Found) -> None:
    rows = []
    for name, label in {**LABELS, **MORE_LABELS}.items():
        if name in one.facts.values:
            usual = "{:.3g} to {:.3g}".format(*central_range(name)) if name in LABELS else ""
            rows.append(
                {"property": label, "value": f"{one.facts.values[name]:.4g}", "95 % of the training set": usual}
            )
    st.markdown("###### Properties")
    st.table(rows)
    for why in one.facts.unknown.values():
        st.text(why)


def _reasons(one: Found) -> None:
    st.markdown(f"###### Why it scores {one.reward:.1f}")
    if not one.reasons:
        st.caption("No slider has a weight.")
        return
    st.table(
        [
            {
                "term": reason.label,
                "measured": f"{reason.raw:.3g} {reason.unit}",
                "as a wish": f"{reason.term:.2f}",
                "weight": f"{reason.weight:g}",
                "points": f"{reason.paid:+.1f}",
            }
            for reason in one.reasons
        ]
    )
    if one.facts.scaffold:
        st.caption(f"Scaffold {literal(one.facts.scaffold)}")


def _nearest(smiles: str) -> None:
    st.markdown("###### Nearest training molecule")
    folder = home() / "corpora" / "molecule"
    if not neighbours.available(folder):
        st.caption(f"Not indexed yet. Build the index once with `{neighbours.COMMAND}`.")
        return
    [(nearest, similarity)] = _neighbour(smiles)
    st.image(given.drawing(nearest, 220, 150))
    st.caption(f"Tanimoto similarity {similarity:.2f}  \n{literal(nearest)}")


@st.cache_data(max_entries=512, show_spinner="Looking through the training set")
def _neighbour(smiles: str) -> list[tuple[str, float]]:
    return neighbours.nearest(home() / "corpora" / "molecule", smiles)
