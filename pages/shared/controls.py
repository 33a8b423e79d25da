"""The sliders of the melody page. Moving one steers a living run at once."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.shared import state
from seqtutor_core import prior as priors
from seqtutor_core.config import Change, resolve_device
from seqtutor_core.domains import RewardTerm
from seqtutor_core.domains.melody import TERMS
from seqtutor_core.domains.melody.tokens import HIGHEST, LOWEST, PITCH_NAMES, pitch_name
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import store

LEARNERS = {"psi": "Psi", "g": "G", "q": "Q"}


def panel() -> None:
    """Everything that can be set, grouped as a musician thinks."""
    _presets()
    st.markdown("##### What should be better?")
    for group in dict.fromkeys(t.group for t in TERMS):
        with st.expander(group, expanded=True):
            for term in TERMS:
                if term.group == group:
                    with st.container(gap=None):
                        _weight(term)
    st.markdown("##### How far may it move?")
    _kl()
    _budget()
    with st.expander("Key, tempo and metre"):
        _music()
    with st.expander("Learner and machine"):
        _machine()


def _presets() -> None:
    with st.container(horizontal=True):
        for name in state.REWARD_PRESETS:
            st.button(name, key=f"preset-{name}", on_click=_use_preset, args=(name,), help=PRESET_HELP[name])
        st.button(
            "Reset", key="reset", icon=":material/restart_alt:", on_click=_reset, help="Every setting as at first"
        )


PRESET_HELP = {
    "Paper": "The nine rewards of the paper with weight 1",
    "Keep the rhythm": "The paper's rewards, with note lengths held near those of the folk tunes",
    "Calm": "Slow, singable lines that breathe",
    "All off": "Every weight 0, to start from nothing",
}


def _use_preset(name: str) -> None:
    state.choose_rewards(name)
    _steer_weights()


def _reset() -> None:
    state.reset()
    _steer_weights()
    _steer_kl()


# ---------------------------------------------------------------- rewards and KL


def _weight(term: RewardTerm) -> None:
    _widget(
        st.slider,
        term.label,
        term.name,
        steer=_steer_weights,
        min_value=0.0,
        max_value=term.largest,
        step=term.largest / 50,
        format="%.1f",
    )
    st.caption(f"{in_words(float(state.value(term.name)), term)} · {term.help}")


def in_words(weight: float, term: RewardTerm) -> str:
    """A weight as a musician would say it."""
    if weight == 0:
        return "off"
    share = weight / term.largest
    return "a hint" if share < 0.12 else "as usual" if share <= 0.3 else "strong" if share <= 0.6 else "above all"


def _kl() -> None:
    _widget(
        st.select_slider,
        "KL coefficient c",
        state.KL,
        steer=_steer_kl,
        options=state.KL_STEPS,
        help="Rewards are divided by c and every nat away from the prior costs 1. The scale is logarithmic.",
    )
    c = float(state.value(state.KL))
    words = (
        (0.9, "almost only the rewards count; melodies grow alike"),
        (2.5, "rewards first, the folk tunes still audible"),
        (6, "a balance: better melodies that stay varied"),
        (12, "close to the folk tunes, a little better"),
    )
    st.caption(next((text for limit, text in words if c < limit), "hardly moves from the folk tunes"))


def _budget() -> None:
    _widget(
        st.select_slider,
        "Tuning time",
        state.SECONDS,
        options=state.BUDGETS,
        format_func=lambda s: f"{s} s" if s < 60 else f"{s // 60} min",
        help="Learning time; pauses do not count. You can add time afterwards.",
    )


# ---------------------------------------------------------------- music


def _music() -> None:
    one, two = st.columns(2)
    with one:
        _widget(st.selectbox, "Key", state.KEY, options=range(12), format_func=PITCH_NAMES.__getitem__)
        _widget(st.selectbox, "Metre", state.BAR, options=(16, 12), format_func={16: "4/4", 12: "3/4"}.__getitem__)
        _widget(st.slider, "Tempo", state.TEMPO, min_value=40, max_value=240, step=4, help="Beats a minute")
        _widget(
            st.slider,
            "Notes a beat",
            state.DENSITY,
            min_value=0.0,
            max_value=4.0,
            step=0.25,
            help="Target of the reward Note density",
        )
    with two:
        _widget(st.selectbox, "Mode", state.MODE, options=("major", "minor"))
        _widget(
            st.selectbox,
            "Grid",
            state.GRID,
            options=(4, 2),
            format_func=GRID.__getitem__,
            help="What one token lasts",
        )
        _widget(
            st.select_slider,
            "Length",
            state.LENGTH,
            options=LENGTHS,
            format_func=lambda n: f"{n} steps",
            help="32 steps of a sixteenth are two bars of 4/4",
        )
        _widget(
            st.select_slider,
            "Phrase",
            state.PHRASE,
            options=(16, 32, 64),
            format_func=lambda n: f"{n} steps",
            help="After how many steps the reward Breathe wants a rest",
        )
    _widget(st.slider, "Range", state.RANGE, min_value=LOWEST, max_value=HIGHEST)
    lowest, highest = state.value(state.RANGE)
    st.caption(f"{pitch_name(lowest)} to {pitch_name(highest)} · limits of the reward Singable range")


GRID = {4: "sixteenths", 2: "eighths"}
LENGTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256)


# ---------------------------------------------------------------- learner and machine


def _machine() -> None:
    _widget(
        st.segmented_control,
        "Learner",
        state.LEARNER,
        options=list(LEARNERS),
        format_func=LEARNERS.__getitem__,
        required=True,
    )
    _widget(
        st.segmented_control,
        "Learning rules",
        state.PRESET,
        options=("default", "paper"),
        required=True,
        format_func={"default": "Ours", "paper": "As published"}.__getitem__,
        help="As published: gamma 0.5, one-step targets, raw outputs as values, a slow target network",
    )
    if state.value(state.LEARNER) == "q":
        _widget(
            st.segmented_control,
            "Acting",
            state.ACTING,
            options=("sample", "argmax"),
            required=True,
            help="argmax: always the best action, with exploration that fades",
        )
    _widget(
        st.select_slider,
        "Learning rate",
        state.LEARNING_RATE,
        steer=_steer_rate,
        options=state.RATE_STEPS,
        format_func=lambda r: f"{r:g}",
    )
    _widget(st.selectbox, "Prior", state.PRIOR, options=[n for n in priors.available() if n.startswith("melody")])
    _widget(st.selectbox, "Device", state.DEVICE, options=("auto", "cpu", "cuda"))
    try:
        st.caption(f"In use: {resolve_device(state.value(state.DEVICE)).type.upper()}")
    except SeqTutorError as error:
        st.warning(str(error))
    _widget(st.number_input, "Random seed", state.SEED, min_value=0, max_value=2**31 - 1, step=1)


# ---------------------------------------------------------------- widgets and steering


def _widget(kind: Any, label: str, key: str, steer: Any = None, **options: Any) -> None:
    """A widget that keeps its value over page changes and in the link, and steers a living run."""
    default = state.MELODY_DEFAULTS[key]
    if kind is st.selectbox:
        options["index"] = list(options["options"]).index(default)
    else:
        options["default" if kind is st.segmented_control else "value"] = default
    kind(label, key=key, bind="query-params", persist_state="session", on_change=steer, **options)


def _steer_weights() -> None:
    _steer({"weights": state.weights()})


def _steer_kl() -> None:
    _steer({"kl_coefficient": float(state.value(state.KL))})


def _steer_rate() -> None:
    _steer({"learning_rate": float(state.value(state.LEARNING_RATE))})


def _steer(change: Mapping[str, Any]) -> None:
    """Pass a change on to the run in view, if it is alive."""
    run = state.run()
    if run is None or run.state not in store.ACTIVE:
        return
    try:
        run.change(Change(**change))
    except SeqTutorError as error:  # it ended a moment ago: the slider keeps its value for the next run
        state.set_problem(str(error))
