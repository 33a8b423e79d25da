"""The session's state: the one place that knows its keys. Widget keys are also the parameters of a link."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from seqtutor_core import prior as priors
from seqtutor_core.config import PRESETS, TuningConfig
from seqtutor_core.domains import domain
from seqtutor_core.domains.melody import PAPER_TERMS, TERMS, Melody
from seqtutor_core.domains.melody.primer import Primer
from seqtutor_core.errors import RunError
from seqtutor_core.runs import store

# ---------------------------------------------------------------- keys of widgets

KL, LEARNER, PRESET, SECONDS, SEED = "kl", "learner", "preset", "seconds", "seed"
LEARNING_RATE, DEVICE, PRIOR, ACTING = "learning_rate", "device", "prior", "acting"
LISTEN_SEED, GALLERY_SEED = "listen_seed", "gallery_seed"
LENGTH, KEY, MODE, TEMPO, GRID, BAR = "length", "in_key", "mode", "tempo", "grid", "bar"  # key is a reward's name
DENSITY, PHRASE, RANGE = "notes_per_beat", "phrase", "range"

KL_STEPS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 32.0)
RATE_STEPS = (2e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 2e-2)
BUDGETS = (10, 20, 30, 60, 120, 300, 600)

MELODY_DEFAULTS: dict[str, Any] = {
    KL: 4.0,
    LEARNER: "psi",
    PRESET: "default",
    SECONDS: 60,
    SEED: 0,
    LEARNING_RATE: PRESETS["default"].learning_rate,
    DEVICE: "auto",
    PRIOR: "melody",
    ACTING: "sample",
    LENGTH: 32,
    KEY: 0,
    MODE: "major",
    TEMPO: 120,
    GRID: 4,
    BAR: 16,
    DENSITY: 1.5,
    PHRASE: 32,
    RANGE: (55, 79),
    **{t.name: t.default for t in TERMS},
}

REWARD_PRESETS: dict[str, dict[str, float]] = {
    "Paper": dict.fromkeys(PAPER_TERMS, 1.0),
    "Keep the rhythm": {**dict.fromkeys(PAPER_TERMS, 1.0), "motif": 0.5, "rhythm": 60.0, "on_beat": 20.0},
    "Calm": {
        "key": 3.0,
        "tonic": 1.0,
        "interval": 1.5,
        "leap": 1.0,
        "repetition": 1.0,
        "contour": 1.0,
        "rhythm": 40.0,
        "on_beat": 30.0,
        "phrase_rests": 5.0,
    },
    "All off": {},
}


def value(key: str) -> Any:
    """A setting as it stands, or its default before its widget has been drawn."""
    return st.session_state.get(key, MELODY_DEFAULTS[key])


def choose(values: Mapping[str, Any]) -> None:
    """Set widgets; only possible from a callback, before they are drawn."""
    for key, chosen in values.items():
        st.session_state[key] = chosen


def choose_rewards(preset: str) -> None:
    """Set every reward slider to a preset."""
    choose({t.name: float(REWARD_PRESETS[preset].get(t.name, 0.0)) for t in TERMS})


def reset() -> None:
    """Everything as on the first visit."""
    choose(MELODY_DEFAULTS)


# ---------------------------------------------------------------- what the settings mean


def weights() -> dict[str, float]:
    """The sliders."""
    return {t.name: float(value(t.name)) for t in TERMS}


def melody() -> Melody:
    """The domain under the settings of the page."""
    lowest, highest = value(RANGE)
    known = domain(
        "melody",
        {
            "length": value(LENGTH),
            "key": value(KEY),
            "mode": value(MODE),
            "tempo": float(value(TEMPO)),
            "steps_per_beat": value(GRID),
            "bar": value(BAR),
            "notes_per_beat": value(DENSITY),
            "phrase": value(PHRASE),
            "lowest": lowest,
            "highest": highest,
        },
    )
    assert isinstance(known, Melody)
    return known


def tuning_config() -> TuningConfig:
    """The job that the page's settings ask for; SettingError when they do not make one."""
    settings = melody().settings
    overrides: dict[str, Any] = {}
    if value(LEARNING_RATE) != PRESETS["default"].learning_rate:
        overrides["learning_rate"] = value(LEARNING_RATE)
    if value(ACTING) == "argmax" and value(LEARNER) == "q":
        overrides["argmax"] = True
    return TuningConfig(
        domain="melody",
        prior=value(PRIOR),
        learner=value(LEARNER),
        preset=value(PRESET),
        weights=weights(),
        kl_coefficient=float(value(KL)),
        seconds=float(value(SECONDS)),
        settings=vars(settings),
        overrides=overrides,
        primer=primer().tokens,
        device=value(DEVICE),
        seed=int(value(SEED)),
    )


@st.cache_resource(max_entries=4, show_spinner="Loading the prior")
def prior(name: str) -> priors.Prior:
    """A prior, loaded once for all sessions."""
    return priors.load(name)


# ---------------------------------------------------------------- the run in view

_RUN, _LINKED = "run", "_linked"


def run() -> store.Run | None:
    """The run this session looks at: from the link, from the session, else one that is alive."""
    linked, wanted = st.query_params.get(_RUN), st.session_state.get(_RUN)
    if linked and linked != st.session_state.get(
        _LINKED
    ):  # not what this session wrote there: somebody followed a link
        wanted = linked
    if wanted is None:
        alive = next((r for r in store.runs() if r.state in store.ACTIVE and r.config.domain == "melody"), None)
        wanted = alive.id if alive else None
    if wanted is None:
        return None
    try:
        found = store.open_run(wanted)
    except RunError as error:
        forget_run()
        st.warning(str(error))
        return None
    look_at(found)
    st.session_state[_LINKED] = found.id
    if linked != found.id:  # here and not in a callback: what those write gets lost
        st.query_params[_RUN] = found.id
    return found


def look_at(found: store.Run) -> None:
    """Remember a run; the link follows when the page is drawn."""
    st.session_state[_RUN] = found.id


def forget_run() -> None:
    """Look at no run."""
    st.session_state.pop(_RUN, None)
    st.session_state.pop(_LINKED, None)
    st.query_params.pop(_RUN, None)


# ---------------------------------------------------------------- primer, choice, problems

_PRIMER, _PICKED, _PROBLEM = "_primer", "_picked", "_problem"


def primer() -> Primer:
    """The notes every melody begins with; none by default."""
    return st.session_state.get(_PRIMER, Primer((), ()))


def set_primer(chosen: Primer) -> None:
    st.session_state[_PRIMER] = chosen


def picked() -> tuple[str, tuple[int, ...]] | None:
    """Title and tokens of the melody chosen from a gallery."""
    return st.session_state.get(_PICKED)


def pick(title: str | None = None, tokens: Sequence[int] = ()) -> None:
    """Choose a melody to hear, or none."""
    st.session_state[_PICKED] = (title, tuple(tokens)) if title else None


def problem() -> str:
    """What went wrong in a callback, once."""
    return st.session_state.pop(_PROBLEM, "")


def set_problem(text: str) -> None:
    st.session_state[_PROBLEM] = text
