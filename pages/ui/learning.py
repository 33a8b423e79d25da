"""How a run learns: c, learner and time, which stand beside Start, and the panel of everything else."""

import math
from contextlib import suppress

import streamlit as st

from pages.ui import state
from pages.ui.changes import steer_kl, steer_rate
from pages.ui.rows import row, show_value, slider_row, widget
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core import learners, priors
from seqtutor_core.batch_size import for_device
from seqtutor_core.config import PRESETS, resolve_device
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import store
from seqtutor_core.runs.policies import learning_rate_of
from seqtutor_core.stages import MOST_CALLS, Stage

LEARNERS = {  # what each is called, and what it does
    "trajectory_balance": ("Balance", "Trajectory balance: makes whole sequences as likely as their rewards say."),
    "psi": ("Psi", "Learns what each choice is worth, from everything seen; in the paper."),
    "g": ("G", "Psi counted from the prior: what each choice is worth beyond it; in the paper."),
    "q": ("Q", "Judges a choice by the best that can follow, and so overrates rare luck; in the paper."),
    "rloo": ("REINFORCE", "Does more often what beats the other sequences; learns from the newest ones only."),
}

RULES = {"default": "Ours", "expensive": "Expensive reward", "paper": "As published"}
"""What each preset of learner settings is called."""
STAGE_EXAMPLE = {
    "melody": "key=2, until=60, calls=2000",
    "molecule": "qed=40, validity=20, until=45, calls=2000, kl=1",
}

COLLAPSE_HELP = "End the run early when the policy has written only a few sequences for about ten seconds"

# ---------------------------------------------------------------- beside Start


def kl_slider(studio: Studio) -> None:
    """Draw the KL coefficient c in one row; what its value means is in the tooltip."""
    levels = "".join(f"  \nbelow {limit:g}: {text}" for limit, text in studio.kl_words[:-1])
    with row(state.key(studio, state.KL)):
        widget(
            studio,
            st.select_slider,
            "c",
            state.KL,
            steer=steer_kl,
            options=state.KL_STEPS,
            help="KL coefficient: rewards are divided by c and every nat away from the prior costs 1. Larger stays "
            f"nearer the prior; a KL budget, under Learning, moves it while it tunes.{levels}",
        )
        c = float(state.value(studio, state.KL))
        show_value(f"{c:g}", next(text for limit, text in studio.kl_words if c < limit))


def learner_choice(studio: Studio) -> None:
    """Draw the choice of the learner; what each does is in the tooltip."""
    with row(state.key(studio, state.LEARNER)):
        widget(
            studio,
            st.selectbox,
            "Learner",
            state.LEARNER,
            steer=_choose_own_rate,
            options=list(LEARNERS),
            format_func=lambda name: LEARNERS[name][0],
            help="  \n".join(f"**{title}**: {text}" for title, text in LEARNERS.values()),
        )


def time_choice(studio: Studio) -> None:
    """Draw the choice of how long a run learns."""
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


def _choose_own_rate(studio: Studio) -> None:
    """Show the rate of the learner that was chosen; a living run goes on with its own learner and rate."""
    state.choose(studio, {state.LEARNING_RATE: state.own_rate(studio)})


# ---------------------------------------------------------------- the panel


def panel(studio: Studio) -> None:
    """Draw everything else about learning."""
    learner = state.value(studio, state.LEARNER)
    st.caption(f"**{LEARNERS[learner][0]}**: {LEARNERS[learner][1]}")
    _rules(studio, learner)
    _rate(studio)
    _calls(studio)
    _stages(studio)
    _kl_budget(studio)
    widget(
        studio,
        st.toggle,
        "Warm start",
        state.WARM_START,
        help=f"Imitates {studio.many} that are drawn without training before it tunes: a head start where good ones "
        "are rare. At a small c it may settle on the first of them.",
    )
    with row(state.key(studio, state.PRIOR)):
        widget(studio, st.selectbox, "Prior", state.PRIOR, options=priors_of(studio))
    with row(state.key(studio, state.DEVICE)):
        widget(studio, st.selectbox, "Device", state.DEVICE, options=("auto", "cpu", "cuda"))
        try:
            show_value(_in_use(studio), f"in use, and how many {studio.many} it learns from at a time")
        except SeqTutorError as error:
            st.warning(literal(error))
    widget(studio, st.toggle, "Stop when it collapses", state.STOP_ON_COLLAPSE, help=COLLAPSE_HELP)
    with row(state.key(studio, state.SEED)):
        widget(studio, st.number_input, "Random seed", state.SEED, min_value=0, max_value=2**31 - 1, step=1)


def _in_use(studio: Studio) -> str:
    """Return the device, and the batch if the settings make a job; SettingError for a device that is not here."""
    device = resolve_device(state.value(studio, state.DEVICE)).type.upper()
    with suppress(SeqTutorError):  # Start says what is wrong
        return f"{device}, {for_device(state.tuning_config(studio)).learner_settings.batch:,} at a time"
    return device


def _rules(studio: Studio, learner: str) -> None:
    """Draw rules that not every learner has: those of the paper, and those for a reward that is slow or dear."""
    able = learners.LEARNERS[learner].presets
    widget(  # always there, since a link only gets what the page has drawn before
        studio,
        st.segmented_control,
        "Learning rules",
        state.PRESET,
        steer=_choose_own_rate,
        options=PRESETS,
        required=True,
        disabled=len(able) < 2,
        format_func=RULES.__getitem__,
        help="Expensive reward, for Balance: learns many times from the best of all that was evaluated, and scores "
        "nothing twice. As published, for Psi, G and Q: gamma 0.5, one-step targets, raw outputs as values, slow "
        "target network",
    )
    if (chosen := state.value(studio, state.PRESET)) not in able and len(able) > 1:
        st.caption(f"{LEARNERS[learner][0]} has no rules called {RULES[chosen]}, so it learns by ours.")
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


def _calls(studio: Studio) -> None:
    """Draw a budget of evaluations instead of time."""
    with row(state.key(studio, state.CALLS)):
        widget(
            studio, st.number_input, "Calls", state.CALLS, min_value=0, max_value=MOST_CALLS, step=100,
            help=f"Most evaluations of the reward, of {studio.many} that are new and valid; 0: as many as the time "
            "allows. Such a run has no gauge, which would spend calls.",
        )  # fmt: skip


def _stages(studio: Studio) -> None:
    """Draw the objectives that come before the sliders'."""
    widget(
        studio, st.text_area, "Stages, one a line", state.STAGES, height=68, placeholder=STAGE_EXAMPLE[studio.domain],
        help="Objectives that a run goes through first, in order; then the sliders hold. Weights by name, and when it "
        "ends: **until** a mean reward, or after so many **calls**; **kl** is its c.",
    )  # fmt: skip
    st.button(
        "Add the sliders as a stage", key=f"add-{state.key(studio, state.STAGES)}", on_click=_add_stage, args=(studio,)
    )


def _add_stage(studio: Studio) -> None:
    """Write the sliders down as a stage of 1,000 calls, the last one."""
    weights = {name: weight for name, weight in state.weights(studio).items() if weight}
    if weights:
        stages = state.value(studio, state.STAGES).splitlines()
        state.choose(studio, {state.STAGES: "\n".join([*stages, str(Stage(weights, calls=1000))])})


def _rate(studio: Studio) -> None:
    """Draw the learning rate, and the one that a living run learns with where it is another."""
    slider_row(
        studio,
        "Learning rate",
        state.LEARNING_RATE,
        kind=st.select_slider,
        steer=steer_rate,
        default=state.own_rate(studio),
        options=state.RATE_STEPS,
        format_func=lambda r: f"{r:g}",
        help="The learner's own until you move it; another learner, or other rules, bring theirs. It falls to a "
        "twentieth along the budget.",
    )
    run = state.run(studio)
    if run is not None and run.state in store.ACTIVE:
        in_use = learning_rate_of(run.config, state.lines(run))
        if in_use != state.value(studio, state.LEARNING_RATE):
            st.caption(f"The living run learns with {in_use:g}.")


def _kl_budget(studio: Studio) -> None:
    """Draw whether c follows a KL budget, and which."""
    widget(
        studio,
        st.toggle,
        "Keep a KL budget instead of c",
        state.KEEP_BUDGET,
        steer=steer_kl,
        help="Say how far it may move instead of what moving costs; c then follows by itself while it tunes.",
    )
    if not state.value(studio, state.KEEP_BUDGET):
        return
    slider_row(
        studio,
        "KL budget",
        state.KL_BUDGET,
        kind=st.select_slider,
        steer=steer_kl,
        options=state.KL_BUDGET_STEPS,
        help=f"Nats of KL from the prior that a tuned {studio.one} may have on average; the live figures show how c "
        "moves.",
    )
    nats = float(state.value(studio, state.KL_BUDGET))
    often = f"{math.exp(nats):,.0f}" if nats < 14 else f"10 to the {nats / math.log(10):.0f}"
    st.caption(
        f"The slider c is only where c begins. The prior would write a typical tuned {studio.one} about {often} times "
        "more rarely."
    )


def priors_of(studio: Studio) -> list[str]:
    """Return the priors whose names begin with this domain's; the default is among them even if it is not installed."""
    names = [name for name in priors.available() if name.startswith(studio.domain)]
    return list(dict.fromkeys([*names, studio.defaults[state.PRIOR]]))
