"""A run among up to six that are compared: its number, colour and dash, its name, its curves."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from pages.ui.charts import COLOURS, thinned
from pages.ui.text import literal
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.objective import SUM
from seqtutor_core.runs.index import RunInfo
from seqtutor_core.runs.store import open_run

MOST = 6
SHORT = 40  # characters of a label in a legend
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")  # a second cue beside the colour
CURVES = {"reward": "Reward", "kl": "KL in nats", "j": "Objective J in nats", "distinct": "Distinct share"}
ALONG = {"Seconds": "seconds", "Updates": "update"}


@dataclass(frozen=True)
class Curves:
    """What a run's curves say, thinned."""

    values: Mapping[str, list[float]]
    """By the names of CURVES and ALONG; empty for a run that has learned nothing yet."""
    weights: Mapping[str, float]
    """Of the last line, 0 left out: sliders may have moved since the run began."""
    combination: str = SUM
    """Of the last line too: how these make one reward."""


@dataclass(frozen=True)
class Compared:
    """A run and what marks it among the others."""

    place: int
    """From 0, in the order of the table."""
    label: str
    """Its number and name; where two share a name, its id as well."""
    run: RunInfo

    @property
    def mark(self) -> str:
        """Its number, as charts and columns show it."""
        return str(self.place + 1)

    @property
    def shown(self) -> str:
        """Its label as a chart shows it, as it is and not too long: plotly reads a few tags of HTML."""
        return escape(self.label if len(self.label) <= SHORT else f"{self.label[:SHORT]}…", quote=False)

    @property
    def colour(self) -> str:
        return COLOURS[self.place]

    @property
    def dash(self) -> str:
        return DASHES[self.place]


def compared(runs: Sequence[RunInfo]) -> list[Compared]:
    """Return the first MOST runs with their numbers."""
    often = Counter(run.name for run in runs[:MOST])
    names = [run.name if often[run.name] == 1 else f"{run.name} ({run.id})" for run in runs[:MOST]]
    return [Compared(n, f"{n + 1} {name}", run) for n, (name, run) in enumerate(zip(names, runs, strict=False))]


def curves(one: Compared) -> Curves:
    """Return the curves of a run; none, with the reason on the page, for one that cannot be read."""
    try:
        return _read(one.run.id, one.run)
    except SeqTutorError as error:
        st.warning(literal(f"{one.run.name}: {error}"), icon=":material/warning:")
        return Curves({}, {})


@st.cache_data(max_entries=64, show_spinner=False)
def _read(run_id: str, state: RunInfo) -> Curves:
    """Read the curves of a run, kept as long as its folder says the same."""
    lines = thinned(open_run(run_id).curves()[0])
    values = {name: [line[name] for line in lines] for name in (*ALONG.values(), *CURVES)} if lines else {}
    weights = lines[-1]["weights"] if lines else {}
    combination = lines[-1].get("combination", SUM) if lines else SUM
    return Curves(values, {name: weight for name, weight in weights.items() if weight}, combination)
