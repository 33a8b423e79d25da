"""The sliders of a studio's page. Moving one steers a living run at once, if this page steers it."""

import math
from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import state, steering
from pages.ui.rows import STYLE, row
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core import prior as priors
from seqtutor_core.config import Change, resolve_device
from seqtutor_core.domains import RewardTerm
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.learners import PUBLISHED
from seqtutor_core.runs import store

LEARNERS = {  # what each is called, and what it does
    "trajectory_balance": ("Balance", "Trajectory balance: makes whole sequences as likely as their rewards say."),
    "psi": ("Psi", "Learns what each choice is worth, from everything seen; in the paper."),
    "g": ("G", "Psi counted from the prior: what each choice is worth beyond it; in the paper."),
    "q": ("Q", "Judges a choice by the best that can follow, and so overrates rare luck; in the paper."),
    "rloo": ("REINFORCE", "Does more often what beats the other sequences; learns from the newest ones only."),
}

COLLAPSE_HELP = "End the run early when the policy has written only a few sequences for about ten seconds"

_TOLD = "_told"  # key of the run in view and the weights that it was told last, or that stood when it came into view


def panel(studio: Studio) -> None:
    """Everything that can be set, grouped as the domain's people think."""
    st.html(STYLE)
    _presets(studio)
    st.markdown("##### What should be better?")
    for i, group in enumerate(dict.fromkeys(t.group for t in studio.terms)):
        with st.expander(group, expanded=i < studio.open_groups):
            for term in studio.terms:
                if term.group == group:
                    with st.container(gap=None):
                        _weight(studio, term)
    studio.more_controls(studio)
    with st.expander("Learning"):
        _learning(studio)
    _catch_up(studio)


def _presets(studio: Studio) -> None:
    with st.container(horizontal=True):
        for name, preset in studio.reward_presets.items():
            st.button(name, key=f"preset-{name}", on_click=_use_preset, args=(studio, name), help=preset.help)
        st.button(
            "Reset",
            key="reset",
            icon=":material/restart_alt:",
            on_click=_reset,
            args=(studio,),
            help="Every setting as at first",
        )


def _use_preset(studio: Studio, name: str) -> None:
    state.choose_rewards(studio, name)
    _steer_weights(studio)


def _reset(studio: Studio) -> None:
    state.reset(studio)
    _steer_weights(studio)
    _steer_kl(studio)


# ---------------------------------------------------------------- rewards and KL


def _weight(studio: Studio, term: RewardTerm) -> None:
    widget(
        studio,
        st.slider,
        term.label,
        term.name,
        steer=_steer_weights,
        min_value=0.0,
        max_value=term.largest,
        step=term.largest / 50,
        format="%.1f",
    )
    st.caption(f"{in_words(float(state.value(studio, term.name)), term)} · {term.help}")
    studio.beside(studio, term)


def in_words(weight: float, term: RewardTerm) -> str:
    """A weight as a person would say it."""
    if weight == 0:
        return "off"
    share = weight / term.largest
    return "a hint" if share < 0.12 else "as usual" if share <= 0.3 else "strong" if share <= 0.6 else "above all"


# ---------------------------------------------------------------- in the transport


def kl_slider(studio: Studio) -> None:
    """The KL coefficient c in one row; what its value means is in the tooltip."""
    kept = state.value(studio, state.KEEP_BUDGET)
    c = float(state.value(studio, state.KL))
    meaning = next(text for limit, text in studio.kl_words if c < limit)
    if kept:
        meaning = "only where c begins: the KL budget moves it while it tunes"
    with row(state.key(studio, state.KL)):
        widget(
            studio,
            st.select_slider,
            "c at first" if kept else "c",
            state.KL,
            steer=_steer_kl,
            options=state.KL_STEPS,
            help="KL coefficient: rewards are divided by c and every nat away from the prior costs 1. Larger stays "
            f"nearer the prior; the scale is logarithmic. Now: {meaning}.",
        )
        st.markdown(f"{c:g}")


def learner_choice(studio: Studio) -> None:
    """The learner; what the chosen one does is in the tooltip."""
    with row(state.key(studio, state.LEARNER)):
        widget(
            studio,
            st.selectbox,
            "Learner",
            state.LEARNER,
            steer=_take_own_rate,
            options=list(LEARNERS),
            format_func=lambda name: LEARNERS[name][0],
            help="  \n".join(f"**{title}**: {text}" for title, text in LEARNERS.values()),
        )


def time_choice(studio: Studio) -> None:
    """How long a run learns."""
    with row(state.key(studio, state.SECONDS)):
        widget(
            studio,
            st.selectbox,
            "Time",
            state.SECONDS,
            options=list(studio.budgets),
            format_func=lambda s: f"{s} s" if s < 60 else f"{s // 60} min",
            help="Learning time; pauses do not count. You can add time afterwards.",
        )


# ---------------------------------------------------------------- learning


def _learning(studio: Studio) -> None:
    _kl_budget(studio)
    _warm_start(studio)
    learner = state.value(studio, state.LEARNER)
    if learner in PUBLISHED:
        widget(
            studio,
            st.segmented_control,
            "Learning rules",
            state.PRESET,
            steer=_take_own_rate,
            options=("default", "paper"),
            required=True,
            format_func={"default": "Ours", "paper": "As published"}.__getitem__,
            help="As published: gamma 0.5, one-step targets, raw outputs as values, a slow target network",
        )
    if learner == "q":
        widget(
            studio,
            st.segmented_control,
            "Acting",
            state.ACTING,
            options=("sample", "argmax"),
            required=True,
            help="argmax: always the best action, with exploration that fades",
        )
    widget(
        studio,
        st.select_slider,
        "Learning rate",
        state.LEARNING_RATE,
        steer=_steer_rate,
        default=state.own_rate(studio),
        options=state.RATE_STEPS,
        format_func=lambda r: f"{r:g}",
        help="The learner's own until you move it; another learner, or other rules, bring theirs",
    )
    widget(studio, st.selectbox, "Prior", state.PRIOR, options=priors_of(studio))
    widget(studio, st.selectbox, "Device", state.DEVICE, options=("auto", "cpu", "cuda"))
    try:
        st.caption(f"In use: {resolve_device(state.value(studio, state.DEVICE)).type.upper()}")
    except SeqTutorError as error:
        st.warning(literal(error))
    widget(studio, st.toggle, "Stop when it collapses", state.STOP_ON_COLLAPSE, help=COLLAPSE_HELP)
    widget(studio, st.number_input, "Random seed", state.SEED, min_value=0, max_value=2**31 - 1, step=1)


def _kl_budget(studio: Studio) -> None:
    widget(
        studio,
        st.toggle,
        "Keep a KL budget instead",
        state.KEEP_BUDGET,
        steer=_steer_kl,
        help="Say how far it may move instead of what moving costs; c then follows by itself while it tunes.",
    )
    if not state.value(studio, state.KEEP_BUDGET):
        return
    widget(
        studio,
        st.select_slider,
        f"KL budget, nats a {studio.one}",
        state.KL_BUDGET,
        steer=_steer_kl,
        options=state.KL_BUDGET_STEPS,
        help=f"KL from the prior that a tuned {studio.one} may have on average; the live figures show how c moves.",
    )
    nats = float(state.value(studio, state.KL_BUDGET))
    often = f"{math.exp(nats):,.0f}" if nats < 14 else f"10 to the {nats / math.log(10):.0f}"
    st.caption(f"the prior would write a typical tuned {studio.one} about {often} times more rarely")


def _warm_start(studio: Studio) -> None:
    widget(studio, st.toggle, "Warm start", state.WARM_START)
    st.caption(
        f"Imitates {studio.many} that are drawn without training before it tunes: "
        "a head start where good ones are rare. At a small c it may settle on the first of them."
    )


def priors_of(studio: Studio) -> list[str]:
    """This domain's priors, which begin with its name; the default is among them even when it is not installed."""
    found = [name for name in priors.available() if name.startswith(studio.domain)]
    return list(dict.fromkeys([*found, studio.defaults[state.PRIOR]]))


# ---------------------------------------------------------------- widgets and steering


def widget(studio: Studio, kind: Any, label: str, name: str, steer: Any = None, **options: Any) -> None:
    """A widget that keeps its value over page changes and in the link; `steer` passes it on to a living run.

    `default` stands for the studio's where that is no constant.
    """
    default = options.pop("default", studio.defaults[name])
    if kind is st.selectbox:
        options["index"] = list(options["options"]).index(default)
    else:
        options["default" if kind in (st.segmented_control, st.multiselect) else "value"] = default
    key = state.key(studio, name)
    kind(
        label,
        key=key,
        bind="query-params",
        persist_state="session",
        on_change=steer,
        args=(studio,) if steer else None,
        **options,
    )


def _steer_weights(studio: Studio) -> None:
    weights = state.weights(studio)
    if run := _steer(studio, {"weights": weights}):
        st.session_state[_TOLD] = run.id, weights


def _catch_up(studio: Studio) -> None:
    """Send weights whose callback was lost: Streamlit (1.67) ends one when the page is to be drawn anew meanwhile."""
    run = state.run(studio)
    if run is None or not steering.steers(run):
        return
    weights = state.weights(studio)
    known, told = st.session_state.get(_TOLD, ("", weights))
    if known == run.id and told != weights:
        _steer_weights(studio)
    st.session_state[_TOLD] = run.id, weights


def forget_told() -> None:
    """Take the sliders as they will stand for what the run was told: they are set, not moved."""
    st.session_state.pop(_TOLD, None)


def _steer_kl(studio: Studio) -> None:
    """With a KL budget c is left to the run; without one it is again what its slider says."""
    if state.value(studio, state.KEEP_BUDGET):
        _steer(studio, {"kl_budget": float(state.value(studio, state.KL_BUDGET))})
    else:
        _steer(studio, {"kl_budget": 0.0, "kl_coefficient": float(state.value(studio, state.KL))})


def _take_own_rate(studio: Studio) -> None:
    """Show the rate of the learner that was chosen; a living run goes on with its own learner and rate."""
    state.choose(studio, {state.LEARNING_RATE: state.own_rate(studio)})


def _steer_rate(studio: Studio) -> None:
    _steer(studio, {"learning_rate": float(state.value(studio, state.LEARNING_RATE))})


def _steer(studio: Studio, change: Mapping[str, Any]) -> store.Run | None:
    """Pass a change on to the run in view, if it is alive and ours; the run that heard it."""
    run = state.run(studio)
    if run is None or run.state not in store.ACTIVE or not steering.steers(run):
        return None
    try:
        run.change(Change(**change))
    except SeqTutorError as error:  # it ended a moment ago: the slider keeps its value for the next run
        state.set_problem(str(error))
        return None
    return run
