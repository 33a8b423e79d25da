"""At the end of a row: a property's desirability, to be set and drawn over the spread of the training molecules."""

from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import own, state
from pages.ui.molecule.settings import HIGH, KIND, LOW, SOFT, desirability, desirability_key, tokens
from pages.ui.rows import widget
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.domains import RewardTerm
from seqtutor_core.domains.molecule.desirability import DEFAULT_DESIRABILITIES, KINDS, Desirability
from seqtutor_core.domains.molecule.statistics import LABELS, central_range, histogram
from seqtutor_core.domains.molecule.terms import TERM_PROPERTIES
from seqtutor_core.domains.own import OWN
from seqtutor_core.errors import SettingError

WIDTH, HEIGHT, BASE = 132, 48, 34  # pixels; the curve stands on BASE, the figures below it
BUTTON = 26  # pixels
BINS, POINTS = 30, 61
SPREAD, CURVE = "#7D8590", "#CC7722"
NAMES = {
    "raw": "As it is",
    "higher": "More is better",
    "lower": "Less is better",
    "range": "Within a range",
    "gaussian": "Within a range, bell-shaped",
    "gaussian_higher": "More is better, bell-shaped",
    "gaussian_lower": "Less is better, bell-shaped",
}
ICONS = {
    "raw": ":material/show_chart:",
    "higher": ":material/trending_up:",
    "lower": ":material/trending_down:",
    "range": ":material/bar_chart:",
    "gaussian": ":material/bar_chart:",
    "gaussian_higher": ":material/trending_up:",
    "gaussian_lower": ":material/trending_down:",
}
BELL = "Standard deviation"
NEGATED = ("synthetic_accessibility",)  # the term is minus the property


def beside(studio: Studio, term: RewardTerm) -> None:
    """Draw a popover that shows and changes the term's curve; its place stays free for a term without desirability."""
    if term.name in OWN:
        own.beside(studio, term, partial(_shape, studio, term))
        return
    if term.name not in DEFAULT_DESIRABILITIES:
        st.space(BUTTON)
        return
    kind = state.value(studio, desirability_key(term.name, KIND))
    with st.popover(
        f"Shape of {term.label}", type="tertiary", icon=ICONS[kind], help="How the property becomes desirable"
    ):
        _shape(studio, term)


def _shape(studio: Studio, term: RewardTerm) -> None:
    corpus = tokens(studio).corpus
    picture = st.empty()  # drawn last: at first the link's values are known only when their fields are drawn
    _fields(studio, term)
    try:
        _picture(picture, corpus, term, desirability(studio, term.name))
    except SettingError as error:
        _picture(picture, corpus, term, DEFAULT_DESIRABILITIES[term.name])
        st.error(literal(error))


def _picture(place: DeltaGenerator, corpus: str, term: RewardTerm, chosen: Desirability) -> None:
    alt = f"Desirability of {term.label} over the training molecules: {words(chosen)}"
    place.image(curve(corpus, term.name, chosen), alt=alt)


def words(chosen: Desirability) -> str:
    """Return a desirability as a person would say it."""
    if chosen.kind == "raw":
        return NAMES["raw"]
    if chosen.kind in ("range", "gaussian"):
        return f"{chosen.low:g} to {chosen.high:g}"
    return f"above {chosen.high:g}" if chosen.kind.endswith("higher") else f"below {chosen.low:g}"


def _fields(studio: Studio, term: RewardTerm) -> None:
    kind = desirability_key(term.name, KIND)
    widget(studio, st.selectbox, "What is good?", kind, options=KINDS, format_func=NAMES.__getitem__)
    chosen = state.value(studio, kind)
    labels = {
        "higher": {LOW: "No use up to", HIGH: "Just right from"},
        "lower": {LOW: "Just right up to", HIGH: "No use from"},
        "range": {LOW: "From", HIGH: "To", SOFT: "Falls to nothing over"},
        "gaussian": {LOW: "From", HIGH: "To", SOFT: BELL},
        "gaussian_higher": {HIGH: "Just right from", SOFT: BELL},
        "gaussian_lower": {LOW: "Just right up to", SOFT: BELL},
    }
    low, high = axis(tokens(studio).corpus, term.name, DEFAULT_DESIRABILITIES[term.name])
    for part, label in labels.get(chosen, {}).items():
        widget(studio, st.number_input, label, desirability_key(term.name, part), step=_step(high - low))
    st.caption(f"In {term.unit}. A run keeps the shapes it began with.")


def _step(width: float) -> float:
    """Return about a fortieth of an axis: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(width / 40))
    return float(next(power * m for m in (1, 2, 5, 10) if power * m * 40 >= width))


# ---------------------------------------------------------------- the drawing


def axis(corpus: str, term: str, chosen: Desirability) -> tuple[float, float]:
    """Return where a term's curve begins and ends: around nearly all training molecules, if known, and its bounds."""
    default = DEFAULT_DESIRABILITIES[term]
    low, high = default.low - default.soft, default.high + default.soft
    if known := _statistics(term):
        low, high = central_range(corpus, known, 0.998)
        if term in NEGATED:
            low, high = -high, -low
    if chosen.kind == "raw":
        return low, high
    return min(low, chosen.low - chosen.soft), max(high, chosen.high + chosen.soft)


def _statistics(term: str) -> str:
    """Return the property whose spread among the training molecules is known and drawn below a term's curve, if any."""
    name = TERM_PROPERTIES.get(term, "")
    return name if name in LABELS else ""


@st.cache_data(max_entries=256, show_spinner=False)
def curve(corpus: str, term: str, chosen: Desirability) -> str:
    """Return the desirability as a line above the histogram of the training molecules; a small SVG."""
    low, high = axis(corpus, term, chosen)
    edges = np.linspace(low, high, BINS + 1)
    shares = np.zeros(BINS)
    if known := _statistics(term):
        shares = np.array(histogram(corpus, known, (-edges[::-1] if term in NEGATED else edges).tolist()))
        shares = shares[::-1] if term in NEGATED else shares
    bar = WIDTH / BINS
    bars = "".join(
        f'<rect x="{i * bar:.1f}" y="{BASE - h:.1f}" width="{bar - 0.5:.1f}" height="{h:.1f}"/>'
        for i, h in enumerate(shares / max(shares.max(), 1e-9) * (BASE - 4))
    )
    xs = np.linspace(low, high, POINTS)
    along = (xs - low) / (high - low)
    heights = along if chosen.kind == "raw" else chosen(xs)
    points = " ".join(f"{x * WIDTH:.1f},{BASE - (BASE - 4) * y:.1f}" for x, y in zip(along, heights, strict=True))
    dash = ' stroke-dasharray="3 3"' if chosen.kind == "raw" else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="desirability of {term}"><g fill="{SPREAD}" fill-opacity="0.35">{bars}</g>'
        f'<polyline points="{points}" fill="none" stroke="{CURVE}" stroke-width="2"{dash}/>'
        f"{_text(1, 'start', f'{low:.3g}', SPREAD)}{_text(WIDTH - 1, 'end', f'{high:.3g}', SPREAD)}"
        f"{_text(WIDTH / 2, 'middle', words(chosen), CURVE)}</svg>"
    )


def _text(x: float, anchor: str, text: str, colour: str) -> str:
    return (
        f'<text x="{x}" y="{HEIGHT - 2}" text-anchor="{anchor}" font-family="sans-serif" font-size="11" '
        f'fill="{colour}">{text}</text>'
    )
