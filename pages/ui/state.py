"""The session's state: the one place that knows the keys that all domains share.

A widget's key is also a parameter of links, as Streamlit binds them; and it keeps its value when the page changes.
Pages whose defaults differ must not share keys then: the melody page's c would follow its user to the molecules.
So each studio's keys begin with its own prefix, none for melodies, whose links are the older ones.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st

from pages.ui import problems
from pages.ui.studio import Studio
from seqtutor_core import priors
from seqtutor_core.admitted import check_admitted
from seqtutor_core.config import TuningConfig, learner_settings
from seqtutor_core.domains import DOMAINS, build_domain
from seqtutor_core.errors import PriorError, RunError
from seqtutor_core.learners import DEFAULT, LEARNERS
from seqtutor_core.objective import SUM
from seqtutor_core.runs import store, trash
from seqtutor_core.stages import Stage

# ---------------------------------------------------------------- settings

KL, LEARNER, PRESET, SECONDS, SEED = "kl", "learner", "preset", "seconds", "seed"
LEARNING_RATE, DEVICE, PRIOR, ACTING = "learning_rate", "device", "prior", "acting"
KEEP_BUDGET, KL_BUDGET = "keep_kl_budget", "kl_budget"  # whether, and how many nats a sequence
CALLS, STAGES = "calls", "stages"
WARM_START, STOP_ON_COLLAPSE, STRENGTH = "warm_start", "stop_on_collapse", "strength"
COMBINATION = "combination"  # how the weighted terms make one reward

KL_STEPS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 32.0)
KL_BUDGET_STEPS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 25.0, 30.0, 40.0, 60.0, 100.0)
RATE_STEPS = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 4e-3, 6e-3, 8e-3, 2e-2)

DEFAULTS: dict[str, Any] = {
    COMBINATION: SUM,
    KL: DOMAINS["melody"].kl_coefficient,
    LEARNER: DEFAULT,
    PRESET: "default",
    SECONDS: 60,
    SEED: 0,
    LEARNING_RATE: learner_settings("melody").learning_rate,
    DEVICE: "auto",
    ACTING: "sample",
    KEEP_BUDGET: False,
    KL_BUDGET: 8.0,
    WARM_START: False,
    STOP_ON_COLLAPSE: False,
    STRENGTH: 1.0,
    CALLS: 0,
    STAGES: "",
}
"""What studios begin with unless they say otherwise; each names its own PRIOR."""


def key(studio: Studio, name: str) -> str:
    """Return the key of a setting's widget, which is also its parameter in a link."""
    return studio.prefix + name


def value(studio: Studio, name: str) -> Any:
    """Return a setting's value; before its widget has been drawn, its default."""
    return st.session_state.get(key(studio, name), studio.defaults[name])


def values(studio: Studio) -> dict[str, Any]:
    """Return the value of every setting."""
    return {name: value(studio, name) for name in studio.defaults}


def given(studio: Studio, name: str) -> bool:
    """Return whether a setting differs from its default; before its widget has been drawn the link decides."""
    return key(studio, name) in st.query_params or value(studio, name) != studio.defaults[name]


def choose(studio: Studio, values: Mapping[str, Any]) -> None:
    """Set widgets; only possible from a callback, before they are drawn."""
    for name, chosen in values.items():
        st.session_state[key(studio, name)] = chosen


def preset_values(studio: Studio, preset: str) -> dict[str, Any]:
    """Return a preset's weight for every reward term, and the other settings that it brings."""
    chosen = studio.reward_presets[preset]
    return {t.name: float(chosen.weights.get(t.name, 0.0)) for t in studio.terms} | dict(chosen.extras)


def published(domain_name: str, learner: str, kl: float) -> dict[str, Any]:
    """Return the settings of the paper's own method: its learner, rules, KL coefficient and prior."""
    return {
        LEARNER: learner,
        PRESET: "paper",
        LEARNING_RATE: learner_settings(domain_name, learner, "paper").learning_rate,
        ACTING: "sample",
        COMBINATION: SUM,
        KL: kl,
        KEEP_BUDGET: False,
        WARM_START: False,
        PRIOR: f"{domain_name}-paper",
    }


def matching_preset(studio: Studio) -> str | None:
    """Return the preset that the settings equal, of several the one that sets most; None if there is none."""
    standing = [
        name
        for name in studio.reward_presets
        if all(value(studio, each) == expected for each, expected in preset_values(studio, name).items())
    ]
    return max(standing, key=lambda name: len(studio.reward_presets[name].extras), default=None)


def weights(studio: Studio) -> dict[str, float]:
    """Return the sliders' values: a weight for each reward term."""
    return {t.name: float(value(studio, t.name)) for t in studio.terms}


def rules(studio: Studio) -> str:
    """Return the preset of learner settings; a learner that does not have the chosen one has ours."""
    chosen = value(studio, PRESET)
    return chosen if chosen in LEARNERS[value(studio, LEARNER)].presets else "default"


def own_rate(studio: Studio) -> float:
    """Return the chosen learner's default learning rate on this domain."""
    return learner_settings(studio.domain, value(studio, LEARNER), rules(studio)).learning_rate


def tuning_config(studio: Studio) -> TuningConfig:
    """Return the tuning job that the page's settings ask for; SettingError or InputError when they make none."""
    overrides: dict[str, Any] = {}
    if value(studio, LEARNING_RATE) != own_rate(studio):
        overrides["learning_rate"] = value(studio, LEARNING_RATE)
    if value(studio, ACTING) == "argmax" and value(studio, LEARNER) == "q":
        overrides["argmax"] = True
    return TuningConfig(
        domain=studio.domain,
        prior=value(studio, PRIOR),
        learner=value(studio, LEARNER),
        preset=rules(studio),
        weights=weights(studio),
        combination=value(studio, COMBINATION),
        kl_coefficient=float(value(studio, KL)),
        kl_budget=float(value(studio, KL_BUDGET)) if value(studio, KEEP_BUDGET) else None,
        warm_start=bool(value(studio, WARM_START)),
        stop_on_collapse=bool(value(studio, STOP_ON_COLLAPSE)),
        seconds=float(value(studio, SECONDS)),
        settings=studio.settings(studio),
        overrides=overrides,
        primer=studio.primer(studio),
        device=value(studio, DEVICE),
        seed=int(value(studio, SEED)),
        calls=int(value(studio, CALLS)) or None,
        stages=tuple(map(Stage.of, value(studio, STAGES).splitlines())),
    )


@st.cache_resource(max_entries=4, show_spinner="Loading the prior")
def prior(domain_name: str, name: str) -> priors.Prior:
    """Load a prior of a domain, once for all sessions; PriorError when it writes other tokens."""
    check_admitted(name)
    return priors.load(name, space=build_domain(domain_name, priors.domain_settings(name)))


@st.cache_data(max_entries=16, show_spinner=False)
def prior_settings(name: str) -> dict[str, Any]:
    """Return the domain settings that a prior was trained for; none for a prior that `prior` calls missing."""
    try:
        check_admitted(name)
        return priors.domain_settings(name)
    except PriorError:
        return {}


# ---------------------------------------------------------------- draws

# The seeds of what the page draws: a melody of each source, a set to choose from, the preview.
PAIR, SET, PREVIEW = "_pair_seed", "_set_seed", "_preview_seed"


def draw_seed(studio: Studio, which: str) -> int:
    """Return the seed that a part of the page draws with: 0, 1, 2, ..."""
    return st.session_state.get(key(studio, which), 0)


def draw_others(studio: Studio, which: str) -> None:
    """Let that part draw anew."""
    st.session_state[key(studio, which)] = draw_seed(studio, which) + 1


# ---------------------------------------------------------------- the run in view

_RUN, _LINKED, _LINES, _VIEWS = "run", "_linked", "_lines", "_views"
_LEFT = "_left"  # links that this session has replaced, until the browser is known to have the newer one
SHORTER = "metrics.jsonl became shorter while it was shown, so its curves have gaps; the run itself lost nothing"


def run(studio: Studio) -> store.Run | None:
    """Return the run in view: the link's, else the session's, else one of this domain that lives; None without one."""
    linked, run_id = st.query_params.get(_RUN), views().get(studio.domain)
    replaced: set[str] = st.session_state.setdefault(_LEFT, set())
    if linked and linked != st.session_state.get(_LINKED) and linked not in replaced:  # somebody followed a link
        run_id = linked
    if run_id is None:
        run_id = next((one.id for one in store.all_runs() if one.state in store.ACTIVE and belongs(studio, one)), None)
    if run_id is None:
        return None
    try:
        opened = store.open_run(run_id)
        if not belongs(studio, opened):
            raise RunError(f"the run {run_id} is not one of {studio.many}; the home page links to the page it is for")
    except RunError as error:
        forget_run(studio)
        left = trash.seconds_left(run_id) or 0.0
        deleted = f"{run_id} was deleted; for {left / 60:.0f} more minutes `runs restore {run_id}` brings it back"
        problems.tell(deleted if left else str(error))  # kept until it is shown, for a fragment draws the page anew
        return None
    look_at(studio, opened)
    st.session_state[_LINKED] = opened.id
    if linked != opened.id:  # here and not in a callback: what those write gets lost
        replaced.update([linked] if linked else ())  # what a busy browser asks meanwhile still has it
        st.query_params[_RUN] = opened.id
    return opened


def note_link() -> None:
    """Note that the browser has the link that this session wrote last: an older one is then one that it went back to.

    To be called when a page begins, before it writes a link itself.
    """
    if st.query_params.get(_RUN) == st.session_state.get(_LINKED):
        st.session_state.pop(_LEFT, None)


def belongs(studio: Studio, run: store.Run) -> bool:
    """Return whether a run is for this page; a damaged one, which names no domain, is for every page."""
    try:
        return run.config.domain == studio.domain
    except RunError:
        return True


def look_at(studio: Studio, run: store.Run) -> None:
    """Remember a run; the link follows when the page is drawn."""
    views()[studio.domain] = run.id


def look_away(gone: store.Run) -> None:
    """Let no page look at a run that was deleted."""
    for name in [name for name, run_id in views().items() if run_id == gone.id]:
        del views()[name]


def views() -> dict[str, str]:
    """Return domain -> id of the run in view: the session's own dict, which a callback that asks only once changes."""
    return st.session_state.setdefault(_VIEWS, {})


def forget_run(studio: Studio) -> None:
    """Look at no run."""
    views().pop(studio.domain, None)
    st.session_state.pop(_LINKED, None)
    st.query_params.pop(_RUN, None)


class Curves(NamedTuple):
    """The lines of a run's metrics.jsonl that could be read, and what is wrong with the file."""

    lines: list[dict[str, Any]]
    problem: str = ""


def curves(run: store.Run) -> Curves:
    """Return the curves of the run in view so far. Only new lines are read; a damaged file costs no earlier line."""
    kept = st.session_state.setdefault(_LINES, {})
    if kept.get("run") != run.id:
        kept.clear()
        kept.update(run=run.id, offset=0, lines=[], shorter="")
    try:
        fresh, offset = run.curves(kept["offset"])
    except RunError as error:
        return Curves(kept["lines"], str(error))
    if offset < kept["offset"]:
        kept["shorter"] = SHORTER
    kept["offset"], kept["lines"] = offset, store.drop_superseded([*kept["lines"], *fresh])
    return Curves(kept["lines"], kept["shorter"])


def lines(run: store.Run) -> list[dict[str, Any]]:
    """Return the lines of `curves`, without what is wrong with the file."""
    return curves(run).lines
