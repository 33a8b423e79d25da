"""At the end of a row: how a property becomes a wish, to be set and drawn over the spread of the training molecules."""

from collections.abc import Callable

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import state
from pages.ui.molecule.settings import HIGH, KIND, LOW, SOFT, shape, shape_key
from pages.ui.rows import widget
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.domains import RewardTerm
from seqtutor_core.domains.molecule.shapes import DEFAULT_SHAPES, KINDS, Shape
from seqtutor_core.domains.molecule.statistics import central_range, histogram
from seqtutor_core.domains.molecule.terms import MEASURED
from seqtutor_core.errors import SettingError

WIDTH, HEIGHT, BASE = 132, 48, 34  # pixels; the curve stands on BASE, the figures below it
BUTTON = 26  # pixels
BINS, POINTS = 30, 61
SPREAD, CURVE = "#7D8590", "#CC7722"
NAMES = {"raw": "As it is", "higher": "More is better", "lower": "Less is better", "range": "Within a range"}
ICONS = {
    "raw": ":material/show_chart:",
    "higher": ":material/trending_up:",
    "lower": ":material/trending_down:",
    "range": ":material/bar_chart:",
}
NEGATED = ("synthetic_accessibility",)  # the term is minus the property


def beside(studio: Studio, term: RewardTerm) -> None:
    """A popover that shows and changes the term's curve; its place is left free where a term is a wish by itself."""
    if term.name not in DEFAULT_SHAPES:
        st.space(BUTTON)
        return
    kind = state.value(studio, shape_key(term.name, KIND))
    with st.popover(
        f"Shape of {term.label}", type="tertiary", icon=ICONS[kind], help="How the property becomes a wish"
    ):
        picture = st.empty()  # drawn last: at first the link's values are known only when their fields are drawn
        _fields(studio, term)
        try:
            _picture(picture, term, shape(studio, term.name))
        except SettingError as error:
            _picture(picture, term, DEFAULT_SHAPES[term.name])
            st.error(literal(error))


def _picture(place: DeltaGenerator, term: RewardTerm, known: Shape) -> None:
    place.image(
        curve(term.name, known), alt=f"Desirability of {term.label} over the training molecules: {words(known)}"
    )


def words(known: Shape) -> str:
    """A shape as a person would say it."""
    if known.kind == "raw":
        return NAMES["raw"]
    if known.kind == "range":
        return f"{known.low:g} to {known.high:g}"
    return f"{'above' if known.kind == 'higher' else 'below'} {known.high if known.kind == 'higher' else known.low:g}"


def _fields(studio: Studio, term: RewardTerm) -> None:
    kind = shape_key(term.name, KIND)
    widget(studio, st.selectbox, "What is good?", kind, options=KINDS, format_func=NAMES.__getitem__)
    chosen = state.value(studio, kind)
    labels = {
        "higher": {LOW: "No use up to", HIGH: "Just right from"},
        "lower": {LOW: "Just right up to", HIGH: "No use from"},
        "range": {LOW: "From", HIGH: "To", SOFT: "Falls to nothing over"},
    }
    low, high = axis(term.name, DEFAULT_SHAPES[term.name])
    for part, label in labels.get(chosen, {}).items():
        widget(studio, st.number_input, label, shape_key(term.name, part), step=_step(high - low))
    st.caption(f"In {term.unit}. A run keeps the shapes it began with.")


def _step(width: float) -> float:
    """About a fortieth of an axis: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(width / 40))
    return float(next(power * m for m in (1, 2, 5, 10) if power * m * 40 >= width))


# ---------------------------------------------------------------- the drawing


def axis(term: str, known: Shape) -> tuple[float, float]:
    """From where to where a term's curve is drawn: nearly all training molecules, and the shape's bounds."""
    low, high = central_range(MEASURED[term], 0.998)
    if term in NEGATED:
        low, high = -high, -low
    if known.kind == "raw":
        return low, high
    return min(low, known.low - known.soft), max(high, known.high + known.soft)


@st.cache_data(max_entries=256, show_spinner=False)
def curve(term: str, known: Shape) -> str:
    """The desirability as a line above the histogram of the training molecules; a small SVG."""
    low, high = axis(term, known)
    edges = np.linspace(low, high, BINS + 1)
    shares = np.array(histogram(MEASURED[term], (-edges[::-1] if term in NEGATED else edges).tolist()))
    shares = shares[::-1] if term in NEGATED else shares
    bar = WIDTH / BINS
    bars = "".join(
        f'<rect x="{i * bar:.1f}" y="{BASE - h:.1f}" width="{bar - 0.5:.1f}" height="{h:.1f}"/>'
        for i, h in enumerate(shares / max(shares.max(), 1e-9) * (BASE - 4))
    )
    xs = np.linspace(low, high, POINTS)
    wish: Callable[[float], float] = (lambda x: (x - low) / (high - low)) if known.kind == "raw" else known
    points = " ".join(f"{(x - low) / (high - low) * WIDTH:.1f},{BASE - (BASE - 4) * wish(x):.1f}" for x in xs)
    dash = ' stroke-dasharray="3 3"' if known.kind == "raw" else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="desirability of {term}"><g fill="{SPREAD}" fill-opacity="0.35">{bars}</g>'
        f'<polyline points="{points}" fill="none" stroke="{CURVE}" stroke-width="2"{dash}/>'
        f"{_text(1, 'start', f'{low:.3g}', SPREAD)}{_text(WIDTH - 1, 'end', f'{high:.3g}', SPREAD)}"
        f"{_text(WIDTH / 2, 'middle', words(known), CURVE)}</svg>"
    )


def _text(x: float, anchor: str, text: str, colour: str) -> str:
    return (
        f'<text x="{x}" y="{HEIGHT - 2}" text-anchor="{anchor}" font-family="sans-serif" font-size="11" '
        f'fill="{colour}">{text}</text>'
    )
