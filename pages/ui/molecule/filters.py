"""How the grid is sorted, filtered and coloured."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from seqtutor_core.domains.molecule import given
from seqtutor_core.domains.molecule.known import known
from seqtutor_core.domains.molecule.pool import shared
from seqtutor_core.domains.molecule.questions import Question
from seqtutor_core.domains.molecule.statistics import LABELS
from seqtutor_core.domains.molecule.studio import Found

COLOURINGS = {"Matches": "", "log P": "log_p", "Polar surface": "tpsa"}
SIZES = (25, 50)
REWARD, AS_DRAWN = "reward", "as drawn"
NAMES = {
    REWARD: "Reward",
    AS_DRAWN: "As drawn",
    "similarity": "Similarity to the target",
    **{name: label[:1].upper() + label[1:] for name, label in LABELS.items()},
    "alerts": "Number of alerts",
}


@dataclass(frozen=True)
class Order:
    """What the controls above the grid ask for."""

    by: str
    """REWARD, AS_DRAWN or a property."""
    rising: bool
    only_valid: bool
    only_novel: bool
    smarts: str
    """A substructure that all must have; empty for none."""
    limited: str
    """A property with limits; empty for none."""
    limits: tuple[float, float]
    colouring: str
    size: int
    """Molecules on a page."""

    def figure(self, one: Found) -> str:
        """The figure sorted by, where the caption has it not anyway."""
        if self.by in (REWARD, AS_DRAWN, "qed", "log_p") or self.by not in one.facts.values:
            return ""
        return f"  \n{NAMES[self.by]}: {one.facts.values[self.by]:.3g}"


def order_by(found: Sequence[Found]) -> Order:
    """The controls; InputError for a substructure that is no SMARTS."""
    valid = [one for one in found if one.facts.valid]
    there = [n for n in NAMES if n in (REWARD, AS_DRAWN) or any(n in one.facts.values for one in valid)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = st.selectbox("Sort by", there, format_func=NAMES.__getitem__, key="sort", width=210)
        rising = st.toggle("Smallest first", key="rising")
        colouring = st.segmented_control(
            "Colour atoms by", list(COLOURINGS), default="Matches", required=True, key="colouring"
        )
        size = st.segmented_control("A page", SIZES, default=SIZES[0], required=True, key="size")
        with st.popover("Filter", icon=":material/filter_alt:"):
            only_valid = not st.toggle("Show what is no molecule, too", key="invalid")
            only_novel = st.toggle("Only what the training set has not", key="novel-only")
            smarts = st.text_input("Only with the substructure", placeholder="SMARTS", key="with-smarts")
            limited, limits = _limits([n for n in there if n not in (REWARD, AS_DRAWN)], valid)
    if smarts.strip():
        (smarts,) = given.smarts(smarts)
    if colouring and COLOURINGS[colouring]:
        st.caption(f"Teal atoms raise {colouring}, orange ones lower it.")
    return Order(by, rising, only_valid, only_novel, smarts, limited, limits, colouring or "Matches", size or SIZES[0])


def _limits(names: Sequence[str], valid: Sequence[Found]) -> tuple[str, tuple[float, float]]:
    """A property and its limits."""
    name = st.selectbox("Only with the property", ["", *names], format_func=lambda n: NAMES.get(n, "any"), key="limit")
    values = [one.facts.values[name] for one in valid if name in one.facts.values]
    if not name or not values or min(values) == max(values):
        return "", (0.0, 0.0)
    return name, st.slider(NAMES[name], min(values), max(values), (min(values), max(values)), key=f"limits-{name}")


def wanted(found: Sequence[Found], order: Order) -> list[Found]:
    """What the filters leave, sorted; what is no molecule comes last."""
    left = [one for one in found if one.facts.valid]
    invalid = [] if order.only_valid else [one for one in found if not one.facts.valid]
    if order.only_novel:
        left = [one for one in left if not known(one.facts)]
    if order.limited:
        low, high = order.limits
        left = [one for one in left if low <= one.facts.values.get(order.limited, low - 1) <= high]
    if order.smarts:
        question = Question(required=(order.smarts,))
        facts = shared().measure([one.smiles for one in left], question, frozenset({"required"}))
        left = [one for one, known_of in zip(left, facts, strict=True) if known_of.values.get("required")]
    if order.by != AS_DRAWN:
        left.sort(
            key=lambda one: one.reward if order.by == REWARD else one.facts.values.get(order.by, 0.0),
            reverse=not order.rising,
        )
    return left + invalid
