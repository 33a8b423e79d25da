"""The settings of a run, set on the page of its domain: sliders take the nearest value that they have."""

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.ui import problems, state
from pages.ui.changes import forget_told
from pages.ui.learning import priors_of
from pages.ui.melody import settings as melody
from pages.ui.melody.spec import MELODY
from pages.ui.molecule.spec import MOLECULE
from pages.ui.studio import Studio
from seqtutor_core.batch_size import BATCH, for_device
from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs.names import run_name
from seqtutor_core.runs.store import Run

STUDIOS = {studio.domain: studio for studio in (MELODY, MOLECULE)}
SET = {"learning_rate", "argmax"}  # learner settings that a page can set


def prepare(domain: str) -> None:
    """Let the session know every setting of the domain's page, one run of the script before `use`.

    Streamlit (1.67) writes into a page's link only what the session knew before it was changed; a studio that has not
    been visited would show the settings and lose them at the next reload.
    """
    studio = STUDIOS[domain]
    for name, default in studio.defaults.items():
        st.session_state.setdefault(state.key(studio, name), default)


def use(run: Run) -> None:
    """Set the studio of the run's domain as the run was, and say what the page cannot set. For a callback."""
    if missed := _set(run.config):
        problems.tell(f"The settings of {run_name(run)}, but: {'; '.join(missed)}.")


def _set(config: TuningConfig) -> list[str]:
    """Set the studio as a config says; return in words what the page cannot set."""
    studio = STUDIOS[config.domain]
    exact = {**_usual(studio, config), **studio.reused(studio, config)}
    values = {name: _possible(studio, name, value) for name, value in exact.items()}
    state.choose(studio, values)
    forget_told()
    changed = [f"{name} is {values[name]} and not {exact[name]}" for name in exact if values[name] != exact[name]]
    left_out = [f"{name} = {value}" for name, value in config.overrides.items() if name not in SET | _chosen(config)]
    if config.updates:
        left_out.append(f"updates = {config.updates}")
    return [*changed, *(f"{one} is left out" for one in left_out)]


def _chosen(config: TuningConfig) -> frozenset[str]:
    """Return the names of the learner settings that the device would choose anew as they are."""
    free = replace(config, overrides={k: v for k, v in config.overrides.items() if k not in BATCH})
    with suppress(SeqTutorError):  # such as a prior that is not here
        if for_device(free) == config:
            return BATCH
    return frozenset()


def _usual(studio: Studio, config: TuningConfig) -> dict[str, Any]:
    """Return the page's values for what all domains share."""
    return {
        **{term.name: float(config.weights.get(term.name, 0.0)) for term in studio.terms},
        state.COMBINATION: config.combination,
        state.KL: float(config.kl_coefficient),
        state.KEEP_BUDGET: config.kl_budget is not None,
        **({} if config.kl_budget is None else {state.KL_BUDGET: float(config.kl_budget)}),
        state.LEARNER: config.learner,
        state.PRESET: config.preset,
        state.SECONDS: config.seconds,
        state.SEED: config.seed,
        state.LEARNING_RATE: config.learner_settings.learning_rate,
        state.ACTING: "argmax" if config.learner_settings.argmax else "sample",
        state.DEVICE: config.device,
        state.PRIOR: config.prior,
        state.WARM_START: config.warm_start,
        state.STOP_ON_COLLAPSE: config.stop_on_collapse,
        state.CALLS: config.calls or 0,
        state.STAGES: "\n".join(map(str, config.stages)),
    }


def _possible(studio: Studio, name: str, value: Any) -> Any:
    """Return the value that the setting's widget can have."""
    steps: dict[str, Iterable[float]] = {
        state.KL: state.KL_STEPS,
        state.KL_BUDGET: state.KL_BUDGET_STEPS,
        state.SECONDS: studio.budgets,
        state.LEARNING_RATE: state.RATE_STEPS,
    }
    limits: dict[str, tuple[float, float]] = {
        **{term.name: (0.0, term.largest) for term in studio.terms},
        state.SEED: (0, 2**31 - 1),
    }
    if studio.domain == MELODY.domain:
        steps |= {melody.LENGTH: melody.LENGTHS, melody.PHRASE: melody.PHRASES, melody.GRID: melody.GRIDS}
        limits[melody.TEMPO] = melody.TEMPI
    if name in steps:
        return min(steps[name], key=lambda step: abs(math.log(step / value)))
    if name in limits:
        low, high = limits[name]
        return min(max(value, low), high)
    offered = {state.PRIOR: priors_of(studio), melody.INSTRUMENT: melody.INSTRUMENTS}
    if name in offered and value not in offered[name]:
        return studio.defaults[name]
    return value
