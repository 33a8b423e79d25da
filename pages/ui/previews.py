"""The preview of a studio's page: drawn at once without training, and kept for as long as its settings stand.

A slider's move reruns the page and so asks for another preview; the next move interrupts that rerun. Nothing here runs
in the background, so there is never more than one preview under way in a session.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import streamlit as st

from pages.ui import state
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.domains import build_domain
from seqtutor_core.evaluation import rollouts
from seqtutor_core.objective import GEOMETRIC_MEAN, ZERO_ADVICE, Objective, unbounded_terms
from seqtutor_core.parallel import one_thread
from seqtutor_core.policy import Policy
from seqtutor_core.preview import FEW, PARTICLES, Preview, draw_preview
from seqtutor_core.rollout import Rollout

FIRST_SEED = 1000  # as of the sets that pages draw from the prior: what was measured of those is known here


@dataclass(frozen=True)
class Draw:
    """What decides which sequences the prior writes."""

    domain: str
    prior: str
    settings: str
    """Those that a draw depends on, as JSON."""
    seed: int
    primer: tuple[int, ...]


class PreviewRequest(NamedTuple):
    """All that a preview depends on."""

    draw: Draw
    objective: Objective
    """Its domain has only those settings that change sequences or rewards, so that others redraw nothing."""


BY_OBJECTIVE: dict[str | type[Any], Callable[[Any], Any]] = {Objective: lambda objective: objective.key}
"""The hash_funcs of what is kept for an objective: how Streamlit tells objectives apart."""


def preview_request(studio: Studio) -> PreviewRequest:
    """Return what the page's settings ask for, as far as they can be read."""
    draw = Draw(
        studio.domain,
        state.value(studio, state.PRIOR),
        _json(studio.sampling_settings(studio)),
        FIRST_SEED + state.draw_seed(studio, state.PREVIEW),
        studio.primer(studio),
    )
    domain = studio.objective_domain(studio.valid_settings(studio))
    weights, combination = state.weights(studio), state.value(studio, state.COMBINATION)
    if combination == GEOMETRIC_MEAN:  # terms that have none are left out meanwhile; the page names them
        weights |= dict.fromkeys((term.name for term in unbounded_terms(domain, weights)), 0.0)
    return PreviewRequest(draw, Objective(domain, weights, state.value(studio, state.KL), combination))


def _json(values: object) -> str:
    return json.dumps(values, sort_keys=True)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_OBJECTIVE)
def previewed(request: PreviewRequest) -> Preview:
    """Return the preview; SettingError for a weight that cannot count yet.

    Where all is paid at the end, the prior's own sequences are drawn once and only weighed anew.
    """
    draw, objective = request
    prior = Policy(objective.domain, state.prior(draw.domain, draw.prior).network)
    rollout = prior_rollout(draw) if objective.domain.terminal_reward else None
    return draw_preview(prior, objective, seed=draw.seed, primer=draw.primer, rollout=rollout)


@st.cache_resource(max_entries=8, show_spinner=False)
def prior_rollout(draw: Draw) -> Rollout:
    """Return as many sequences of the prior as a preview weighs."""
    prior = Policy(build_domain(draw.domain, json.loads(draw.settings)), state.prior(draw.domain, draw.prior).network)
    with one_thread():
        return next(rollouts(prior, PARTICLES, draw.seed, draw.primer))


# ---------------------------------------------------------------- what is said with it


def remarks(studio: Studio, request: PreviewRequest, result: Preview) -> None:
    """Say how much the preview was drawn from, how fast, and how far its figures can be trusted."""
    count = len(result.rows)
    if not request.objective.active_terms:
        st.caption("Every weight is 0, so nothing is preferred: this is what the prior writes by itself.")
        return
    if result.zero:
        st.caption(f":orange-badge[0 everywhere] {literal(', '.join(result.zero))}. {ZERO_ADVICE}")
    size = result.samples.effective_sample_size
    if result.rough:
        st.caption(
            f":orange-badge[Rough] The weight rests on about {size:.0f} of {count} {studio.many}, so take the figures "
            "as a hint. A larger c or gentler rewards make them surer; tuning finds what a preview cannot."
        )
    exact = f" {len(result.exact)} of the {count} are exact samples of the best policy, by rejection."
    st.caption(
        f"Preview, no training: what tuning would lead to, from {count} {studio.many} weighed by their rewards "
        f"in {result.milliseconds:.0f} ms; they count as much as {size:.0f} drawn one by one."
        + (exact if len(result.exact) >= FEW else "")
    )
