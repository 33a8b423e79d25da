"""How molecules of one source are sorted, filtered and coloured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from pages.ui.molecule import selection
from pages.ui.molecule.settings import tokens
from pages.ui.molecule.spec import MOLECULE
from seqtutor_core.chemistry import remote
from seqtutor_core.chemistry.pool import shared
from seqtutor_core.chemistry.property_query import PropertyQuery
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule
from seqtutor_core.domains.molecule.statistics import LABELS, central_range
from seqtutor_core.domains.molecule.training_set import in_training_set
from seqtutor_core.errors import InputError

COLOURINGS = {"Matches": "", "log P": "log_p", "Polar surface": "tpsa"}
REWARD, AS_DRAWN, SIMILARITY = "reward", "as drawn", "similarity"
NAMES = {
    REWARD: "Reward",
    AS_DRAWN: "As drawn",
    SIMILARITY: "Similarity to the target",
    **{name: label[:1].upper() + label[1:] for name, label in LABELS.items()},
    "alerts": "Number of alerts",
}
LIMITED = [*LABELS, SIMILARITY]


@dataclass(frozen=True)
class Order:
    """Which molecules are shown, in which order, coloured by what."""

    by: str = REWARD
    """REWARD, AS_DRAWN or a property."""
    rising: bool = False
    only_valid: bool = True
    only_novel: bool = False
    smarts: str = ""
    """A substructure that all must have; empty for none."""
    limits: tuple[tuple[str, tuple[float, float]], ...] = ()
    """Properties, each with the lowest and highest value."""
    colouring: str = "Matches"
    corpus: str = MOSES.corpus
    """The corpus whose training set novel molecules are not in."""

    def figure(self, one: ScoredMolecule) -> str:
        """Return the sort key's value, unless the card already shows it."""
        if self.by in (REWARD, AS_DRAWN, "qed", "log_p") or self.by not in one.measurement.values:
            return ""
        return f"  \n{NAMES[self.by]}: {one.measurement.values[self.by]:.3g}"


def order_button() -> Order:
    """Draw the button that opens these settings, and return them; InputError for a wrong substructure."""
    filtered = len(selection.limits())
    title = f"Sort, filter ({filtered})" if filtered else "Sort, filter"
    with st.popover(title, icon=":material/filter_alt:", key="order"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            by = st.selectbox("Sort by", list(NAMES), format_func=NAMES.__getitem__, key="sort", width=210)
            rising = st.toggle("Smallest first", key="rising")
        colouring = st.segmented_control(
            "Colour atoms by", list(COLOURINGS), default="Matches", required=True, key="colouring"
        )
        only_valid = not st.toggle("Show invalid molecules, too", key="invalid")
        only_novel = st.toggle("Only what the training set has not", key="novel-only")
        smarts = st.text_input("Only with the substructure", placeholder="SMARTS", key="with-smarts")
        _limit_fields()
    patterns = remote.smarts(smarts) if smarts.strip() else ()  # none of what only looks empty
    if len(patterns) > 1:
        raise InputError(f"{len(patterns)} substructures to filter by; give one, such as {patterns[0]}")
    smarts = "".join(patterns)
    limits = tuple(selection.limits().items())
    return Order(by, rising, only_valid, only_novel, smarts, limits, colouring or "Matches", tokens(MOLECULE).corpus)


def _limit_fields() -> None:
    """Choose a property and move its limits; a box drawn in its histogram does the same."""
    name = st.selectbox(
        "Only with the property", ["", *LIMITED], format_func=lambda n: NAMES.get(n, "any"), key="limit"
    )
    if not name:
        return
    low, high = (0.0, 1.0) if name == SIMILARITY else central_range(tokens(MOLECULE).corpus, name, 0.998)
    now = selection.limits().get(name, (low, high))
    key = f"limits-{name}"
    if st.session_state.get(key) != now:  # only by a box in the histogram; set anew it would undo a move under way
        st.session_state[key] = now
    st.slider(NAMES[name], min(low, now[0]), max(high, now[1]), key=key, on_change=_limit, args=(name, key))


def _limit(name: str, key: str) -> None:
    selection.limit(name, *st.session_state[key])


def limit_buttons() -> None:
    """Draw a button for each limit, which removes it."""
    for name, (low, high) in selection.limits().items():
        text = f"{NAMES[name]} {low:.3g} to {high:.3g}"
        if st.button(text, f"unlimit-{name}", icon=":material/close:", on_click=selection.unlimit, args=(name,)):
            st.rerun()  # the histograms and the button above stand elsewhere


def filter_and_sort(molecules: Sequence[ScoredMolecule], order: Order) -> list[ScoredMolecule]:
    """Return what the filters leave, sorted; invalid ones come last."""
    left = [one for one in molecules if one.measurement.valid and _within(one.measurement.values, order)]
    invalid = [] if order.only_valid else [one for one in molecules if not one.measurement.valid]
    if order.only_novel:
        known = in_training_set(order.corpus, [one.measurement for one in left])
        left = [one for one, is_known in zip(left, known, strict=True) if not is_known]
    if order.smarts:
        query = PropertyQuery(required=(order.smarts,))
        measurements = shared().measure([one.smiles for one in left], query, frozenset({"required"}))
        left = [one for one, measured in zip(left, measurements, strict=True) if measured.values.get("required")]
    if order.by != AS_DRAWN:
        left.sort(
            key=lambda one: one.reward if order.by == REWARD else one.measurement.values.get(order.by, 0.0),
            reverse=not order.rising,
        )
    return left + invalid


def _within(values: Mapping[str, float], order: Order) -> bool:
    return all(low <= values.get(name, low - 1) <= high for name, (low, high) in order.limits)
