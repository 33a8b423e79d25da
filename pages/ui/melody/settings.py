"""What is set on the melody page alone: key, tempo, instrument, metre, length, and a melody's first notes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui import own, state
from pages.ui.melody.choice import choose_none
from pages.ui.rows import row, slider_row, widget
from pages.ui.studio import Studio
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.melody import MelodySettings
from seqtutor_core.domains.melody.midi_libraries import instrument_name
from seqtutor_core.domains.melody.primer import Primer, primer_of, tune_of
from seqtutor_core.domains.melody.tokens import HIGHEST, LOWEST, PITCH_NAMES, pitch_name
from seqtutor_core.domains.melody.tune import Tune
from seqtutor_core.domains.own import OWN

LENGTH, KEY, MODE, TEMPO, GRID, BAR = "length", "in_key", "mode", "tempo", "grid", "bar"  # key is a reward's name
DENSITY, PHRASE, RANGE = "notes_per_beat", "phrase", "range"
INSTRUMENT = "instrument"

DEFAULTS: dict[str, Any] = {
    LENGTH: 32,
    KEY: 0,
    MODE: "major",
    TEMPO: 120,
    GRID: 4,
    BAR: 16,
    DENSITY: 1.5,
    PHRASE: 32,
    RANGE: (55, 79),
    INSTRUMENT: 0,
    **own.DEFAULTS,
}
GRIDS = {4: "sixteenths", 2: "eighths"}
PHRASES = (16, 32, 64)
TEMPI = (40, 240)
INSTRUMENTS = (0, 4, 11, 12, 19, 21, 24, 40, 42, 46, 56, 65, 68, 71, 73, 110)  # of the 128 of General MIDI
LENGTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256)


def settings(studio: Studio) -> dict[str, Any]:
    """Return the page's settings as MelodySettings names them."""
    lowest, highest = limits(studio)
    return {
        "length": state.value(studio, LENGTH),
        "key": state.value(studio, KEY),
        "mode": state.value(studio, MODE),
        "tempo": float(state.value(studio, TEMPO)),
        "steps_per_beat": state.value(studio, GRID),
        "bar": state.value(studio, BAR),
        "notes_per_beat": state.value(studio, DENSITY),
        "phrase": state.value(studio, PHRASE),
        "lowest": lowest,
        "highest": highest,
        "instrument": state.value(studio, INSTRUMENT),
        **own.files(studio),
    }


def limits(studio: Studio) -> tuple[int, int]:
    """Return the lowest and the highest pitch of the range, which a link may give in either order."""
    one, other = state.value(studio, RANGE)
    return min(one, other), max(one, other)


def objective_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a melody or its reward depends on, and not those that only change how it sounds."""
    chosen = vars(MelodySettings.of(values))
    return {name: value for name, value in chosen.items() if name not in ("tempo", "key", "instrument")}


def sampling_settings(studio: Studio) -> dict[str, Any]:
    """Return the settings that a draw from the prior depends on."""
    return {"length": state.value(studio, LENGTH), "bar": state.value(studio, BAR)}


def reused(studio: Studio, config: TuningConfig) -> dict[str, Any]:
    """Return the page's values for the settings of a run; its beginning becomes the page's."""
    chosen = MelodySettings.of(config.settings)
    set_tune(tune_of(config.primer, chosen))
    choose_none()
    return {
        LENGTH: chosen.length,
        KEY: chosen.key,
        MODE: chosen.mode,
        TEMPO: round(chosen.tempo),
        GRID: chosen.steps_per_beat,
        BAR: chosen.bar,
        DENSITY: float(chosen.notes_per_beat),
        PHRASE: chosen.phrase,
        RANGE: (chosen.lowest, chosen.highest),
        INSTRUMENT: chosen.instrument,
        **{own.file_key(term): getattr(chosen, term) for term in OWN},
    }


# ---------------------------------------------------------------- controls


def controls(studio: Studio) -> None:
    """Draw key, tempo, instrument, metre and the targets of some rewards."""
    with st.expander("Key, tempo and metre", expanded=True, key="group-sound", type="compact"):
        _choices(
            studio,
            ("Key", KEY, range(12), PITCH_NAMES.__getitem__, "What the melodies sound in; they are learned in C"),
            ("Mode", MODE, ("major", "minor"), str, "Which notes are in key"),
        )
        _choices(
            studio,
            ("Metre", BAR, (16, 12), {16: "4/4", 12: "3/4"}.__getitem__, "Where the bars begin"),
            ("Grid", GRID, (4, 2), GRIDS.__getitem__, "What one token lasts"),
        )
        _choices(studio, ("Instrument", INSTRUMENT, INSTRUMENTS, instrument_name, "What plays the melodies"))
        _numbers(studio)


def _choices(studio: Studio, *choices: tuple[str, str, Sequence[Any], Callable[[Any], str], str]) -> None:
    """Draw choices in a row, each given as its label, name, options, how an option is shown, help."""
    with row(choices[0][1]):
        for label, name, options, shown, text in choices:
            widget(studio, st.selectbox, label, name, options=options, format_func=shown, help=text)


def _numbers(studio: Studio) -> None:
    tempi: dict[str, Any] = {"min_value": TEMPI[0], "max_value": TEMPI[1], "step": 4}
    slider_row(studio, "Tempo", TEMPO, help="Beats a minute", **tempi)
    lengths = "Steps of a sixteenth: 32 are two bars of 4/4"
    slider_row(studio, "Length", LENGTH, st.select_slider, options=LENGTHS, help=lengths)
    phrases = "After how many steps the reward Breathe wants a rest"
    slider_row(studio, "Phrase", PHRASE, st.select_slider, options=PHRASES, help=phrases)
    densities: dict[str, Any] = {"min_value": 0.0, "max_value": 4.0, "step": 0.25}
    slider_row(studio, "Notes a beat", DENSITY, help="Target of the reward Note density", **densities)
    pitches: dict[str, Any] = {"min_value": LOWEST, "max_value": HIGHEST, "shown": _range}
    slider_row(studio, "Range", RANGE, help="Limits of the reward Singable range", **pitches)


def _range(ends: tuple[int, int]) -> str:
    return f"{pitch_name(min(ends))} to {pitch_name(max(ends))}"


# ---------------------------------------------------------------- primer

_TUNE, _PRIMER = "_tune", "_primer"


def primer(studio: Studio) -> Primer:
    """Return the notes every melody begins with, as tokens under the settings as they stand; none by default."""
    tune = st.session_state.get(_TUNE)
    return Primer((), ()) if tune is None else primer_under(studio, tune)


def primer_under(studio: Studio, tune: Tune) -> Primer:
    """Return a tune as tokens under the settings as they stand; the last one is kept."""
    chosen = MelodySettings.of(settings(studio))
    cached = st.session_state.get(_PRIMER)
    if cached is None or cached[:2] != (tune, chosen):
        cached = st.session_state[_PRIMER] = (tune, chosen, primer_of(tune, chosen))
    return cached[2]


def set_tune(chosen: Tune | None) -> None:
    """Begin every melody with these notes, or with none."""
    st.session_state[_TUNE] = chosen
