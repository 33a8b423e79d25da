"""How strongly the tutor speaks: prior and policy mixed as sequences are sampled, without training."""

from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor

from pages.ui import state
from pages.ui.page import show_errors
from pages.ui.rows import row, show_value, widget
from pages.ui.sampling import has_policy, policy, written
from pages.ui.studio import Studio
from seqtutor_core.domains import build_domain
from seqtutor_core.evaluation import rollouts, term_sums
from seqtutor_core.exact import Evaluation
from seqtutor_core.objective import SUM, Objective
from seqtutor_core.parallel import one_thread
from seqtutor_core.policy import MAX_STRENGTH
from seqtutor_core.rollout import divergence
from seqtutor_core.runs import store
from seqtutor_core.runs.policies import objective_of

SAMPLES, SEED = 256, 30_000


class Point(NamedTuple):
    """A policy between reward and prior, as a chart shows it."""

    reward: float
    kl: float
    label: str


def strength(studio: Studio) -> float:
    """Return how far sampling goes from the prior to the tuned policy: 0 to MAX_STRENGTH."""
    return float(state.value(studio, state.STRENGTH))


def panel(studio: Studio, run: store.Run | None) -> None:
    """Draw the slider in one row, and below it what its choice earns and costs; both are there before a policy is."""
    tuned = run is not None and has_policy(run)
    with row("strength"):
        _slider(studio, tuned)
        show_value(f"{strength(studio):.2f}")
    if run is not None and tuned:
        _figures(studio, run)
    else:
        st.caption("Once something is tuned, prior and policy can be mixed here, without training.")


def _slider(studio: Studio, tuned: bool) -> None:
    widget(
        studio,
        st.slider,
        "Tutor strength",
        state.STRENGTH,
        min_value=0.0,
        max_value=MAX_STRENGTH,
        step=0.05,
        format="%.2f",
        disabled=not tuned,
        help=f"Mixes prior and tuned policy as it samples, without training: 0 is the prior, 1 the tuned policy, more "
        f"goes on in the same direction. Every tuned one of the {studio.many} on this page follows it.",
    )


def _figures(studio: Studio, run: store.Run) -> None:
    with show_errors():
        objective = objective_of(run.config, state.lines(run))
        reward, kl = measure_at(run, strength(studio), objective)
        st.caption(
            f"At this strength: reward **{reward:.1f}**, KL **{kl:.2f}**, J **{objective.j(reward, kl):.2f}**",
            help=f"Reward is the weighted sum per {studio.one}, as the run was rewarded last; KL is in nats per "
            f"{studio.one} away from the prior; J is reward / c - KL at the run's c of {objective.c:.3g}. {SAMPLES} "
            "samples",
        )


def point(studio: Studio, run: store.Run, objective: Objective) -> Point:
    """Return where the run's policy stands at the chosen strength, under an objective; it must have a policy."""
    here = strength(studio)
    return Point(*measure_at(run, here, objective), "this run" if here == 1 else f"this run, strength {here:g}")


def measure_at(run: store.Run, strength: float, objective: Objective) -> Evaluation:
    """Return reward and KL at a strength. A living run has just measured itself at 1; everything else is sampled."""
    lines = state.lines(run)
    if strength == 1 and lines and run.state in store.ACTIVE and objective.combination == SUM:
        terms, kl = lines[-1]["terms"], lines[-1]["kl"]  # means will do for what is linear in them
        sums = torch.tensor([[terms.get(name, 0.0) for name in objective.weights]], dtype=torch.float64)
    else:
        sums, kl = _measured(run.id, written(run), strength, tuple(objective.active_terms))
    return Evaluation(objective.mean_reward(sums), kl)


@st.cache_data(max_entries=128, show_spinner=False)
def _measured(run_id: str, when: int, strength: float, active: tuple[str, ...]) -> tuple[Tensor, float]:
    """Return the terms (SAMPLES, K), of which `active` ones are scored, and KL of what a run wrote at a moment."""
    config = store.open_run(run_id).config
    domain = build_domain(config.domain, config.settings)
    domain.set_active_terms(dict.fromkeys(active, 1.0))
    with one_thread():
        sampled = next(rollouts(policy(run_id, when).interpolate(strength), SAMPLES, SEED, config.sampling_primer))
        return term_sums(domain, sampled), divergence(sampled)[0].mean().item()
