"""Properties of prior, tuned and training molecules laid over each other."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from pages.ui import charts
from pages.ui.molecule.scored import PRIOR, SET, TUNED, taken
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import fragment, show_errors
from pages.ui.sampling import has_policy
from seqtutor_core.domains.molecule.statistics import LABELS, central_range, histogram
from seqtutor_core.domains.molecule.studio import Found
from seqtutor_core.runs import store

EVERY = 5.0  # seconds; the figure changes when the worker has written a newer policy
SHOWN = ("log_p", "qed", "sa_score", "molecular_weight", "tpsa", "rotatable_bonds", "fraction_sp3", "heavy_atoms")
COUNTS = ("rotatable_bonds", "heavy_atoms", "h_bond_donors", "h_bond_acceptors")
SIMILARITY = "similarity"  # takes the last place when there is a target
BINS = 24
STROKES = {PRIOR: {"color": charts.PRIOR}, TUNED: {"color": charts.TUNED, "dash": "dash"}}
TRAINING = "Training"


def panel(run: store.Run | None) -> None:
    """The figure, drawn anew while a run moves it."""
    st.markdown("##### Properties")
    living = run is not None and run.state in store.ACTIVE
    fragment(_distributions, run, every=EVERY if living else None, steady=True)


def _distributions(run: store.Run | None) -> None:
    with show_errors():
        sets = {PRIOR: taken(MOLECULE, PRIOR, run)}
        if run and has_policy(run):
            sets[TUNED] = taken(MOLECULE, TUNED, run)
        alt = "Histograms of the properties of prior, tuned and training molecules"
        st.plotly_chart(distributions(sets), key="distributions", config={"displayModeBar": False}, alt=alt)
        valid = ", ".join(f"{name} {_share(found):.0%}" for name, found in sets.items())
        st.caption(f"Of {SET} sequences each are molecules: {valid}. Behind them the training set.")


def _share(found: Sequence[Found]) -> float:
    return sum(one.facts.valid for one in found) / len(found)


def distributions(sets: Mapping[str, Sequence[Found]]) -> go.Figure:
    """A histogram for each property, in shares of the valid molecules of each set."""
    values = {name: [one.facts.values for one in found if one.facts.valid] for name, found in sets.items()}
    has_target = any(SIMILARITY in known for rows in values.values() for known in rows)
    names = [*SHOWN[:-1], SIMILARITY] if has_target else list(SHOWN)
    titles = [_capital(LABELS.get(name, "similarity to the target")) for name in names]
    figure = make_subplots(rows=2, cols=4, subplot_titles=titles, horizontal_spacing=0.05, vertical_spacing=0.2)
    for i, name in enumerate(names):
        rows = {source: np.array([known[name] for known in found]) for source, found in values.items()}
        _property(figure, name, rows, (i // 4 + 1, i % 4 + 1))
    charts.dress(figure, "properties", 420, legend=-0.12, top=30)
    figure.update_annotations(font_size=12)
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_yaxes(showgrid=False, zeroline=False, showticklabels=False, rangemode="tozero")
    return figure


def _property(figure: go.Figure, name: str, rows: Mapping[str, np.ndarray], place: tuple[int, int]) -> None:
    """One plot: the training molecules as a filled ground, the sets as lines."""
    edges = _edges(name, rows)
    middles = (edges[1:] + edges[:-1]) / 2
    row, col = place
    first = place == (1, 1)
    if name != SIMILARITY:
        figure.add_scatter(
            x=middles,
            y=histogram(name, edges.tolist()),
            name=TRAINING,
            mode="lines",
            line={"shape": "hvh", "width": 0},
            fill="tozeroy",
            fillcolor="rgba(125,133,144,0.3)",
            hoverinfo="skip",
            legendgroup=TRAINING,
            showlegend=first,
            row=row,
            col=col,
        )
    for source, found in rows.items():
        shares = np.histogram(found, edges)[0] / max(len(found), 1)
        figure.add_scatter(
            x=middles,
            y=shares,
            name=source,
            mode="lines",
            line={"shape": "hvh", "width": 2, **STROKES.get(source, {"color": charts.GREY})},
            hovertemplate="%{x:.3g}: %{y:.0%}<extra>" + source + "</extra>",
            legendgroup=source,
            showlegend=first,
            row=row,
            col=col,
        )


def _edges(name: str, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Edges of the bins: whole numbers for counts; wide enough for all that is shown."""
    low, high = (0.0, 1.0) if name == SIMILARITY else central_range(name, 0.998)
    for found in rows.values():
        if len(found):
            low, high = min(low, float(found.min())), max(high, float(found.max()))
    if name in COUNTS:
        return np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.0)
    return np.linspace(low, high + 1e-9, BINS + 1)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
