"""The preview of a studio's page: drawn at once without training, and kept for as long as its settings stand.

A slider's move reruns the page and so asks for another preview; the next move interrupts that rerun. Nothing here runs
in the background, so there is never more than one preview under way in a session.
"""

import json
from dataclasses import dataclass

import streamlit as st

from pages.ui import state
from pages.ui.studio import Studio
from seqtutor_core.domains import Domain, domain
from seqtutor_core.evaluation import rollouts
from seqtutor_core.parallel import one_thread
from seqtutor_core.preview import FEW, PARTICLES, Preview, preview
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


@dataclass(frozen=True)
class PreviewRequest:
    """All that a preview depends on."""

    draw: Draw
    settings: str
    """Those that a sequence or its reward depends on, as JSON."""
    weights: str
    """Those that are not 0, as JSON."""
    c: float

    @property
    def rewarding(self) -> bool:
        """Whether there is anything to learn from."""
        return self.weights != "{}"

    @property
    def world(self) -> Domain:
        """The domain under these settings."""
        return domain(self.draw.domain, json.loads(self.settings))


def preview_request(studio: Studio) -> PreviewRequest:
    """What the page's settings ask for, as far as they can be read."""
    draw = Draw(
        studio.domain,
        state.value(studio, state.PRIOR),
        _json(studio.sampling(studio)),
        FIRST_SEED + state.draw_seed(studio, state.PREVIEW),
        studio.primer(studio),
    )
    weights = {name: weight for name, weight in state.weights(studio).items() if weight}
    settings = studio.objective_settings(studio.valid_settings(studio))
    return PreviewRequest(draw, _json(settings), _json(weights), float(state.value(studio, state.KL)))


def _json(values: object) -> str:
    return json.dumps(values, sort_keys=True)


@st.cache_resource(max_entries=64, show_spinner=False)
def previewed(wanted: PreviewRequest) -> Preview:
    """The preview; SettingError for a weight that cannot count yet.

    Where all is paid at the end, the prior's own sequences are drawn once and only weighed anew.
    """
    draw, world = wanted.draw, wanted.world
    return preview(
        world,
        state.prior(draw.domain, draw.prior).network,
        json.loads(wanted.weights),
        wanted.c,
        seed=draw.seed,
        primer=draw.primer,
        drawn=drawn(draw) if world.terminal_reward else None,
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def drawn(draw: Draw) -> Rollout:
    """As many sequences of the prior as a preview has particles."""
    world = domain(draw.domain, json.loads(draw.settings))
    network = state.prior(draw.domain, draw.prior).network
    with one_thread():
        return next(rollouts(world, network, None, None, PARTICLES, draw.seed, draw.primer))


# ---------------------------------------------------------------- what is said with it


def remarks(studio: Studio, wanted: PreviewRequest, found: Preview) -> None:
    """From how much it was drawn, how fast, and how far its figures can be trusted."""
    count = len(found.rows)
    if not wanted.rewarding:
        st.caption("Every weight is 0, so nothing is preferred: this is what the prior writes by itself.")
        return
    size = found.found.effective_sample_size
    if found.rough:
        st.caption(
            f":orange-badge[Rough] The weight rests on about {size:.0f} of {count} {studio.many}, so take the figures "
            "as a hint. A larger c or gentler rewards make them surer; tuning finds what a preview cannot."
        )
    exact = f" {len(found.exact)} of the {count} are exact samples of the best policy, by rejection."
    st.caption(
        f"Preview, no training: what tuning would lead to, from {count} {studio.many} weighed by their rewards "
        f"in {found.milliseconds:.0f} ms; they count as much as {size:.0f} drawn one by one."
        + (exact if len(found.exact) >= FEW else "")
    )
