"""What the page draws from a network itself: a few sequences of the prior, or of a run's policy."""

import json

import streamlit as st

from pages.shared import state
from pages.shared.studio import Studio
from seqtutor_core.domains import domain
from seqtutor_core.errors import PriorError
from seqtutor_core.evaluation import rollouts
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.runs import store


def has_policy(run: store.Run) -> bool:
    """Whether there is a tuned policy to draw from; the worker writes the first after two seconds."""
    return (run.folder / "policy.safetensors").exists()


def can_draw(studio: Studio) -> bool:
    """Whether the chosen prior can be loaded."""
    try:
        state.prior(studio.domain, state.value(studio, state.PRIOR))
    except PriorError:
        return False
    return True


def draw(studio: Studio, run: store.Run | None, n: int, seed: int) -> list[list[int]]:
    """n sequences from the run's policy, or from the prior; the same seed gives the same draw."""
    prior = run.config.prior if run else state.value(studio, state.PRIOR)
    tuned = (run.id, (run.folder / "policy.safetensors").stat().st_mtime_ns) if run else None
    primer = studio.primer(studio) or (run.config.sampling_primer if run else ())
    settings = json.dumps(studio.sampling(studio), sort_keys=True)
    return _draw(studio.domain, settings, prior, tuned, (n, seed), primer)


@st.cache_data(max_entries=64, show_spinner=False)
def _draw(
    name: str,
    settings: str,
    prior: str,
    tuned: tuple[str, int] | None,
    many_and_seed: tuple[int, int],
    primer: tuple[int, ...] | None,
) -> list[list[int]]:
    """The draw, kept for when only a slider has moved. `tuned` is a run and when its policy was written."""
    policy = _policy(*tuned) if tuned else None
    learner = store.open_run(tuned[0]).config.learner if tuned else None
    network = state.prior(name, prior).network
    found = rollouts(domain(name, json.loads(settings)), network, policy, learner, *many_and_seed, primer)
    return [tokens for rollout in found for tokens in rollout.tokens.tolist()]


@st.cache_resource(max_entries=8, show_spinner=False)
def _policy(run_id: str, written: int) -> RecurrentNetwork:
    """A run's policy as of a moment; loaded again when the worker has written a newer one."""
    return store.load_policy(store.open_run(run_id))
