"""The pane of sliders: presets, a row for each reward term. Moving one steers a living run, if this page steers it."""

import math
from collections.abc import Callable

import streamlit as st

from pages.ui import combination, learning, state
from pages.ui.changes import apply, can_undo, catch_up, record, steer_weights, undo
from pages.ui.layout import Panes
from pages.ui.page import show_errors, visit
from pages.ui.rows import reset_button, row, show_value, widget
from pages.ui.studio import Studio
from seqtutor_core.domains import RewardTerm

MOVES = 40  # of a slider from one end to the other, or some more
PILLS = "presets"
_DRAWN = "_drawn"  # key of the visit in which every setting was drawn last
_TURN = "_presets"  # counts the pills' widgets


def beside_centre(studio: Studio, panes: Panes, draw_centre: Callable[[], None]) -> None:
    """Draw the pane of sliders and the centre, the centre first once this visit has drawn every setting: of a moved
    slider people await what it changes. Should drawing a setting change it, as another link does, all is drawn anew.
    """
    known = state.values(studio) if drawn_before() else None
    if known:
        with panes.centre, show_errors():
            draw_centre()
    with panes.sliders:
        panel(studio)
    if not known:
        with panes.centre, show_errors():
            draw_centre()
    elif known != state.values(studio):
        st.rerun()
    st.session_state[_DRAWN] = visit()


def drawn_before() -> bool:
    """Return whether this visit has drawn every setting, and the centre, before."""
    return bool(st.session_state.get(_DRAWN) == visit())


def panel(studio: Studio) -> None:
    """Draw everything that can be set, grouped as the domain's people think."""
    bar = st.container(key="presets-bar", gap="xsmall")
    head = bar.container(horizontal=True, vertical_alignment="center", gap="xsmall")
    with head:  # at once, since an empty container has no place yet
        presets = "  \n".join(f"**{name}**: {preset.help}" for name, preset in studio.reward_presets.items())
        st.markdown("## Rewards", anchors=False, help=presets)
    combination.panel(studio)
    place = st.container(key="combination-complaint")
    for group in dict.fromkeys(term.group for term in studio.terms):
        with st.expander(group, expanded=True, key=f"group-{group}", type="compact"):
            for term in studio.terms:
                if term.group == group:
                    _weight(studio, term)
    studio.more_controls(studio)
    with st.expander("Learning", key="group-learning", type="compact"):
        learning.panel(studio)
    catch_up(studio)
    record(studio)
    with place:
        combination.complaint(studio)
    with head:  # drawn last: only then all settings of a link are known
        _ways_back(studio)
    with bar:
        _presets(studio)


def _ways_back(studio: Studio) -> None:
    """Draw undo and reset."""
    st.button(
        "Undo",
        key="undo",
        icon=":material/undo:",
        shortcut="Alt+Z",
        type="tertiary",
        disabled=not can_undo(studio),
        on_click=undo,
        args=(studio,),
        help="Take the last change back, also a preset or a reset",
    )
    st.button(
        "Reset",
        key="reset",
        icon=":material/restart_alt:",
        type="tertiary",
        on_click=apply,
        args=(studio, studio.defaults),
        help="Every setting as at first",
    )


def _presets(studio: Studio) -> None:
    """Draw the presets, and what to expect of the one that the settings equal."""
    standing = state.matching_preset(studio)
    key = _pills_key(studio, standing)
    st.pills(
        "Presets",
        list(studio.reward_presets),
        default=standing,
        key=key,
        on_change=_use_preset,
        args=(studio, key, standing),
        label_visibility="collapsed",
    )
    if standing and (note := studio.reward_presets[standing].note):
        with st.container(key="preset-note"):
            st.markdown(note)


def _pills_key(studio: Studio, standing: str | None) -> str:
    """Return the key of pills that mark the standing preset; another one when something else than a pill changed it.

    Were the same pills marked anew, a slider's next move, sent before they arrived, would bring the old mark back as if
    somebody had clicked it, and the preset would take the slider with it.
    """
    name = state.key(studio, PILLS)
    turn = st.session_state.get(_TURN + name, 0)
    if st.session_state.get(f"{name}-{turn}", standing) != standing:
        turn += 1
    st.session_state[_TURN + name] = turn
    return f"{name}-{turn}"


def _use_preset(studio: Studio, key: str, marked: str | None) -> None:
    """Set what the chosen pill brings; one that was marked already was not clicked.

    Pills that were replaced report their mark once more where a slider's move was sent before the new ones arrived.
    """
    chosen = st.session_state[key]
    if chosen and chosen != marked:
        apply(studio, state.preset_values(studio, chosen))


# ---------------------------------------------------------------- rewards


def _weight(studio: Studio, term: RewardTerm) -> None:
    """Draw one row: the term's slider, its weight, its reset, and what the domain has beside it."""
    with row(f"term-{state.key(studio, term.name)}"):
        widget(
            studio,
            st.slider,
            term.label,
            term.name,
            steer=steer_weights,
            min_value=0.0,
            max_value=term.largest,
            step=_step(term.largest),
            format="%.1f",
            help=f"{term.help} Measured in {term.unit}; the weight, up to {term.largest:g}, says what each is worth.",
        )
        weight = float(state.value(studio, term.name))
        show_value(f"{weight:g}", in_words(weight, term))
        reset_button(studio, term.label, term.name)
        studio.beside(studio, term)


def in_words(weight: float, term: RewardTerm) -> str:
    """Return a weight as a person would say it."""
    if weight == 0:
        return "off"
    share = weight / term.largest
    return "a hint" if share < 0.12 else "as usual" if share <= 0.3 else "strong" if share <= 0.6 else "above all"


def _step(largest: float) -> float:
    """Return by how much a slider from 0 to `largest` moves: 1 or 5 times a power of ten, a 40th to a 100th of it."""
    power = 10.0 ** math.floor(math.log10(largest / MOVES))
    return 5 * power if 5 * power <= largest / MOVES else power
