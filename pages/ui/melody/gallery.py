"""Twelve melodies of one source, or what is kept: a click plays it in the player."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
import torch

from pages.ui import state
from pages.ui.buttons import action_button
from pages.ui.melody.cards import drawing
from pages.ui.melody.choice import choose, content, drop, keep, melody_of
from pages.ui.melody.spec import MELODY, melody
from pages.ui.previews import preview_request, previewed
from pages.ui.sampling import draw, has_policy
from pages.ui.text import literal
from seqtutor_core import kept
from seqtutor_core.domains.melody import Melody, presentation
from seqtutor_core.domains.melody.audio import archive
from seqtutor_core.errors import SettingError
from seqtutor_core.objective import Objective
from seqtutor_core.runs import store

PAGE = 12
CARDS = "melodies"  # the place that holds the cards side by side
SOURCES = {"A": "A Prior", "B": "B Preview", "C": "C Tuned", "★": "★ Kept"}
_DRAWN = "_gallery"


def panel(run: store.Run | None) -> None:
    """Choose a source, and show its melodies in places that are always there."""
    with st.container(horizontal=True, vertical_alignment="center", key="gallery-bar"):
        st.markdown("## More melodies")
        source = st.segmented_control(
            "Melodies of", list(SOURCES), default="A", required=True, key="gallery-source",
            format_func=SOURCES.__getitem__, label_visibility="collapsed",
        ) or "A"  # fmt: skip
        if source != "★":
            _redraw_button()
        place = st.empty()
    with st.container(key="gallery"):
        if source == "★":
            shown = _kept()
        elif source == "C" and not (run and has_policy(run)):
            st.caption("Nothing is tuned yet: start, and melodies of the policy are here within seconds.")
            return
        else:
            shown = _drawn(run, source)
        if shown:
            _zip_button(place, shown, SOURCES[source])


def _redraw_button() -> None:
    st.button(
        "Draw twelve others", key="redraw", icon=":material/casino:", type="tertiary",
        on_click=state.draw_others, args=(MELODY, state.SET), help="From the newest policy, where it is the tuned one",
    )  # fmt: skip


def _drawn(run: store.Run | None, source: str) -> list[dict[str, Any]]:
    """Draw melodies of prior, preview or policy, the best first under the sliders; return them."""
    domain, primer = melody(), MELODY.primer(MELODY)
    ranked = _ranked(domain, _tokens(run, source))
    shown = [
        content(f"{source} {i}: {total:.1f} points", domain, tokens, primer)
        for i, (total, tokens) in enumerate(ranked, start=1)
    ]
    with st.container(key=CARDS):
        for i, one in enumerate(shown):
            _card(one, f"choose-{i}")
    return shown


def _tokens(run: store.Run | None, source: str) -> list[list[int]]:
    """Return the set, which stays while a run learns: what one looks at does not change under one's hand."""
    seed = 1000 + state.draw_seed(MELODY, state.SET)
    if source == "B":
        preview = previewed(preview_request(MELODY))
        return preview.samples.tokens[preview.some(PAGE)].tolist()
    if source == "A" or run is None:
        return draw(MELODY, None, PAGE, seed)
    strength, settings = state.value(MELODY, state.STRENGTH), MELODY.sampling_settings(MELODY)
    of = (run.id, run.state in store.ACTIVE, seed, strength, MELODY.primer(MELODY), settings)
    if st.session_state.get(_DRAWN, (None,))[0] != of:
        st.session_state[_DRAWN] = of, draw(MELODY, run, PAGE, seed)
    return st.session_state[_DRAWN][1]


def _ranked(domain: Melody, tokens: list[list[int]]) -> list[tuple[float, list[int]]]:
    """Return reward under the sliders and tokens of each melody, the best first."""
    objective = Objective(domain, state.weights(MELODY), state.value(MELODY, state.KL))
    totals = objective.reward(domain.score(torch.tensor(tokens)).sum(1)).tolist()
    return sorted(zip(totals, tokens, strict=True), key=lambda pair: -pair[0])


# ---------------------------------------------------------------- kept


def _kept() -> list[dict[str, Any]]:
    """Draw what is kept, the newest first, and return it; what is damaged or of another version can only be dropped."""
    readable = []
    for one in kept.all_kept("melody"):
        try:
            melody_of(one.content)
            readable.append(one)
        except SettingError as error:
            _unreadable(one, error)
    if not readable:
        st.caption("Nothing is kept yet: the star beside a melody keeps it, for good.")
    with st.container(key=CARDS):
        for one in readable:
            _card(dict(one.content), f"kept-{one.id}", one)
    return [dict(one.content) for one in readable]


def _unreadable(one: kept.Kept, error: SettingError) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(literal(f"Kept as {one.id}, but it cannot be read: {error}"), width="stretch")
        action_button(literal(f"Drop {one.id}"), "delete", f"drop-{one.id}", drop, one, type="tertiary")


def _card(stored: dict[str, Any], key: str, one: kept.Kept | None = None) -> None:
    """Draw a melody as a picture, with a button to hear it and one to keep or drop it."""
    title = str(stored.get("title", ""))
    with st.container(gap=None, key=f"box-{key}"):
        st.image(drawing(stored.get("tokens", [])), alt=f"Melody {title}")
        with st.container(horizontal=True, gap=None, vertical_alignment="center", wrap=False):
            st.button(
                literal(title), key=key, icon=":material/play_arrow:", type="tertiary", on_click=choose, args=(stored,),
                help=literal(f"Play {title}"),
            )  # fmt: skip
            name = literal(f"Drop {title}" if one else f"Keep {title}")
            if one is None:
                action_button(name, "star", f"keep-{key}", keep, stored, type="tertiary", help=name)
            else:
                action_button(name, "delete", f"drop-{key}", drop, one, type="tertiary", help=name)


def _zip_button(place: Any, shown: Sequence[dict[str, Any]], source: str) -> None:
    """Draw the button that saves everything shown, in all formats."""

    def made() -> bytes:
        numbered = enumerate(shown, start=1)
        return archive(
            [presentation.piece(melody_of(one), one["tokens"], one["primer"], f"{source} {i}") for i, one in numbered]
        )

    place.download_button(
        "All as a zip", made, "melodies.zip", "application/zip", key="zip", icon=":material/folder_zip:",
        type="tertiary", on_click="ignore", help="MIDI, WAV, MusicXML and tokens of each",
    )  # fmt: skip
