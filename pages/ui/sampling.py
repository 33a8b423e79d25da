"""What the page draws from a network itself: a few sequences of the prior, or of a run's policy."""

import json
from dataclasses import replace

import streamlit as st

from pages.ui import state
from pages.ui.studio import Studio
from seqtutor_core.domains import build_domain
from seqtutor_core.errors import PriorError, RunError
from seqtutor_core.evaluation import rollouts
from seqtutor_core.files import reason
from seqtutor_core.parallel import one_thread
from seqtutor_core.policy import Policy
from seqtutor_core.runs import store
from seqtutor_core.runs.checkpoints import policy_seconds
from seqtutor_core.runs.policies import policy_of


def others_button(studio: Studio, which: str, key: str, label: str, help: str | None = None) -> None:
    """Draw a button that lets a part of the page, `which`, sample anew. key, label, help: the button's own."""
    st.button(label, key=key, icon=":material/casino:", on_click=state.draw_others, args=(studio, which), help=help)


def has_policy(run: store.Run) -> bool:
    """Return whether there is a tuned policy to sample from; the worker writes the first after half a second."""
    return (run.folder / "policy.safetensors").exists()


def written(run: store.Run) -> int:
    """Return when the run's policy was written, in ns; another number for each policy. RunError when it vanished."""
    try:
        return (run.folder / "policy.safetensors").stat().st_mtime_ns
    except OSError as error:
        raise RunError(
            f"the policy of run {run.id} cannot be read: {reason(error)}; resume it, or start anew"
        ) from None


def second(run: store.Run) -> float | None:
    """Return the learning second of the run's policy; None when it does not say."""
    return _second(run.id, written(run))


@st.cache_data(max_entries=64, show_spinner=False)
def _second(run_id: str, when: int) -> float | None:
    return policy_seconds(store.open_run(run_id).folder / "policy.safetensors")


def can_draw(studio: Studio) -> bool:
    """Return whether the chosen prior can be loaded."""
    try:
        state.prior(studio.domain, state.value(studio, state.PRIOR))
    except PriorError:
        return False
    return True


def draw(studio: Studio, run: store.Run | None, n: int, seed: int) -> list[list[int]]:
    """Return n sequences from the run's policy at the tutor's strength, or from the prior; same seed, same draw."""
    prior = run.config.prior if run else state.value(studio, state.PRIOR)
    tuned = (run.id, written(run), float(state.value(studio, state.STRENGTH))) if run else None
    primer = studio.primer(studio) or (run.config.sampling_primer if run else ())
    settings = json.dumps({**studio.sampling_settings(studio), **state.prior_settings(prior)}, sort_keys=True)
    return _draw(studio.domain, settings, prior, tuned, (n, seed), primer)


def draw_as_tuned(run: store.Run, n: int, seed: int) -> list[list[int]]:
    """Return n sequences of the run's policy under the run's own settings, whatever the page's are."""
    config = run.config
    settings, tuned = json.dumps(dict(config.settings), sort_keys=True), (run.id, written(run), 1.0)
    return _draw(config.domain, settings, config.prior, tuned, (n, seed), config.sampling_primer)


@st.cache_data(max_entries=64, show_spinner=False)
def _draw(
    name: str,
    settings: str,
    prior: str,
    tuned: tuple[str, int, float] | None,
    many_and_seed: tuple[int, int],
    primer: tuple[int, ...] | None,
) -> list[list[int]]:
    """Return sequences, kept for when only a slider has moved.

    tuned: a run, when its policy was written, the strength; None: the prior.
    """
    domain = build_domain(name, json.loads(settings))
    if tuned is None:
        drawing = Policy(domain, state.prior(name, prior).network)
    else:
        run_id, when, strength = tuned
        drawing = replace(policy(run_id, when), space=domain).interpolate(strength)
    with one_thread():
        return [tokens for rollout in rollouts(drawing, *many_and_seed, primer) for tokens in rollout.tokens.tolist()]


@st.cache_resource(max_entries=8, show_spinner=False)
def policy(run_id: str, when: int) -> Policy:
    """Return a run's policy as of a moment; loaded again when the worker has written a newer one."""
    run = store.open_run(run_id)
    return policy_of(run, state.prior(run.config.domain, run.config.prior).network)
