"""How strongly the tutor speaks: prior and policy mixed as sequences are sampled, without training."""

from collections.abc import Mapping
from typing import NamedTuple

import streamlit as st

from pages.ui import state
from pages.ui.page import fragment, show_errors
from pages.ui.sampling import has_policy, policy, written
from pages.ui.sliders import widget
from pages.ui.studio import Studio
from seqtutor_core.domains import domain
from seqtutor_core.evaluation import STRONGEST, averages, rollouts
from seqtutor_core.exact import Standing
from seqtutor_core.parallel import one_thread
from seqtutor_core.runs import store

SAMPLES, SEED = 256, 30_000
EVERY = 5.0  # seconds; while a run lives its figures follow the newest policy


class Point(NamedTuple):
    """A policy between reward and prior, as a chart shows it."""

    reward: float
    kl: float
    label: str


def panel(studio: Studio, run: store.Run | None) -> None:
    """The slider, once there is a policy, and what its choice earns and costs."""
    with st.container():  # always there, so that the panels below keep their places when it appears
        if run is not None and has_policy(run):
            _slider(studio)
            living = run.state in store.ACTIVE
            fragment(_figures, studio, run, every=EVERY if living else None, steady=True)


def _slider(studio: Studio) -> None:
    widget(
        studio,
        st.slider,
        "Tutor strength",
        state.STRENGTH,
        min_value=0.0,
        max_value=STRONGEST,
        step=0.05,
        format="%.2f",
        help=f"Mixes prior and tuned policy as it samples, without training: 0 is the prior, 1 the tuned policy, more "
        f"goes on in the same direction. Every tuned one of the {studio.many} on this page follows it.",
    )


def _figures(studio: Studio, run: store.Run) -> None:
    with show_errors():
        weights, c = weights_and_c(run)
        found = standing(run, state.value(studio, state.STRENGTH), weights)
        shown = (
            ("Reward", f"{found.reward:.1f}", f"Weighted sum per {studio.one}, as the run was rewarded last"),
            ("KL", f"{found.kl:.2f}", f"Nats per {studio.one} away from the prior, exact"),
            ("J", f"{found.j(c):.2f}", f"Reward / c - KL at the run's c of {c:.3g}, in nats"),
        )
        with st.container(horizontal=True):
            for label, value, text in shown:
                st.metric(f"{label} at this strength", value, help=f"{text}; {SAMPLES} samples")


def point(studio: Studio, run: store.Run, weights: Mapping[str, float]) -> Point:
    """The run's policy at the chosen strength, under these weights; it has to have a policy."""
    strength = state.value(studio, state.STRENGTH)
    return Point(*standing(run, strength, weights), "this run" if strength == 1 else f"this run, strength {strength:g}")


def weights_and_c(run: store.Run) -> tuple[Mapping[str, float], float]:
    """Weights and c that the run's newest figures were reckoned with."""
    if lines := state.lines(run):
        return lines[-1]["weights"], lines[-1].get("kl_coefficient", run.config.kl_coefficient)
    return run.config.weights, run.config.kl_coefficient


def standing(run: store.Run, strength: float, weights: Mapping[str, float]) -> Standing:
    """Reward and KL at a strength. A living run has just measured itself at 1; everything else is sampled."""
    lines = state.lines(run)
    if strength == 1 and lines and run.state in store.ACTIVE:
        terms, kl = lines[-1]["terms"], lines[-1]["kl"]
    else:
        wanted = tuple(sorted(name for name, weight in weights.items() if weight))
        terms, kl = _averages(run.id, written(run), strength, wanted)
    return Standing(sum(weight * terms.get(name, 0.0) for name, weight in weights.items()), kl)


@st.cache_data(max_entries=128, show_spinner=False)
def _averages(run_id: str, when: int, strength: float, wanted: tuple[str, ...]) -> tuple[dict[str, float], float]:
    """Mean terms and KL of the policy that a run wrote at a moment; `wanted` terms are measured."""
    config = store.open_run(run_id).config
    known = domain(config.domain, config.settings)
    known.attend(dict.fromkeys(wanted, 1.0))
    prior, tuned = state.prior(config.domain, config.prior).network, policy(run_id, when)
    with one_thread():
        found = rollouts(known, prior, tuned, config.learner, SAMPLES, SEED, config.sampling_primer, strength)
        return averages(known, next(found))
