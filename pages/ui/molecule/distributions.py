"""Properties of prior, preview, tuned and training molecules laid over each other, and their means as a table."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from pages.ui import charts
from pages.ui.molecule import scored, selection
from pages.ui.molecule.filters import NAMES, SIMILARITY
from pages.ui.molecule.scored import PREVIEW, PRIOR, SET, SOURCES, TUNED
from pages.ui.molecule.selection import VIEW
from pages.ui.molecule.settings import tokens
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import fragment, show_errors
from pages.ui.previews import preview_request, previewed, remarks
from pages.ui.sampling import has_policy
from seqtutor_core.chemistry.tokens import SmilesTokens
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule, expected_properties
from seqtutor_core.domains.molecule.statistics import central_range, histogram
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import store

EVERY = 5.0  # seconds; the figure changes when the worker has written a newer policy
SHOWN = ("qed", "log_p", "sa_score", "molecular_weight", "tpsa", "rotatable_bonds", "fraction_sp3", "heavy_atoms")
COUNTS = ("rotatable_bonds", "heavy_atoms", "h_bond_donors", "h_bond_acceptors")
COLUMNS, ROWS, HEIGHT = 2, 4, 560
BINS = 24
STROKES = {PRIOR: (charts.PRIOR, "solid"), PREVIEW: (charts.PREVIEW, "dot"), TUNED: (charts.TUNED, "dash")}
TRAINING = "Training"

Sets = Mapping[str, Sequence[ScoredMolecule]]


def panel(run: store.Run | None) -> None:
    """Draw the figure and the table; anew while a run moves them."""
    living = run is not None and run.state in store.ACTIVE
    fragment(_panel, run, every=EVERY if living else None, steady=True)


def _panel(run: store.Run | None) -> None:
    with show_errors():
        request = preview_request(MOLECULE)
        sets = {PRIOR: scored.of_prior(request)}
        with suppress(SeqTutorError):  # the centre says why there is none
            sets[PREVIEW] = scored.of_preview(request)
        if run and has_policy(run):
            sets[TUNED] = scored.drawn(MOLECULE, run, SET)
        _figure(sets)
        st.caption("Draw a box over a histogram to see only the molecules within; *Sort, filter* does the same.")
        st.table(means(sets), border="horizontal", alt="Means of the molecules of each source")
        if PREVIEW in sets:
            remarks(MOLECULE, request, previewed(request))


def _figure(sets: Sets) -> None:
    names = _names(sets)
    key = f"distributions-{selection.brush()}"
    figure = distributions(tokens(MOLECULE), sets)
    _mark_selected(figure, names)
    st.plotly_chart(
        figure,
        key=key,
        config={"displayModeBar": False},
        on_select=lambda: _brush(key, names, list(sets)[-1]),
        selection_mode="box",
        alt=in_words(sets),
    )
    if selection.moved():
        st.rerun()


# ---------------------------------------------------------------- the figure


def distributions(vocabulary: SmilesTokens, sets: Sets) -> go.Figure:
    """Return a histogram for each property, in shares of the valid molecules of each set.

    vocabulary: what the prior writes; the training molecules are those that it learned from.
    """
    names = _names(sets)
    figure = make_subplots(
        rows=ROWS,
        cols=COLUMNS,
        subplot_titles=[NAMES[name] for name in names],
        horizontal_spacing=0.06,
        vertical_spacing=0.085,
    )
    for i, name in enumerate(names):
        rows = {source: _values(molecules, name) for source, molecules in sets.items()}
        _property(figure, vocabulary, name, rows, (i // COLUMNS + 1, i % COLUMNS + 1))
    charts.dress(figure, "properties", HEIGHT, legend=-0.05, top=24)
    figure.update_annotations(font_size=12)
    figure.update_layout(bargap=0, dragmode="select", selectdirection="h", hovermode="x")
    figure.update_xaxes(showgrid=False, zeroline=False, nticks=5)
    figure.update_yaxes(showgrid=False, zeroline=False, showticklabels=False, rangemode="tozero")
    return figure


def _names(sets: Sets) -> list[str]:
    """Return the properties to show; with a target, similarity replaces the last."""
    targeted = any(SIMILARITY in one.measurement.values for molecules in sets.values() for one in molecules)
    return [*SHOWN[:-1], SIMILARITY] if targeted else list(SHOWN)


def _values(molecules: Sequence[ScoredMolecule], name: str) -> np.ndarray:
    return np.array([one.measurement.values[name] for one in molecules if one.measurement.valid])


def _property(
    figure: go.Figure, vocabulary: SmilesTokens, name: str, rows: Mapping[str, np.ndarray], place: tuple[int, int]
) -> None:
    """Add one plot: the training molecules as a filled area, the sets as lines."""
    edges, training = _edges(vocabulary.corpus, name, rows), f"{TRAINING}, {vocabulary.title}"
    middles = (edges[1:] + edges[:-1]) / 2
    where = {"row": place[0], "col": place[1]}
    first = place == (1, 1)
    if name != SIMILARITY:
        figure.add_bar(
            x=middles,
            y=histogram(vocabulary.corpus, name, edges.tolist()),
            name=training,
            marker={"color": "rgba(125,133,144,0.35)", "line": {"width": 0}},
            hovertemplate="%{x:.3g}: %{y:.0%}<extra>" + training + "</extra>",
            legendgroup=TRAINING,
            showlegend=first,
            **where,
        )
    for source, values in rows.items():
        colour, dash = STROKES[source]
        figure.add_scatter(
            x=middles,
            y=np.histogram(values, edges)[0] / max(len(values), 1),
            name=source,
            mode="lines",
            line={"shape": "hvh", "color": colour, "width": 2, "dash": dash},
            hovertemplate="%{x:.3g}: %{y:.0%}<extra>" + source + "</extra>",
            legendgroup=source,
            showlegend=first,
            **where,
        )


def _edges(corpus: str, name: str, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the edges of the bins: whole numbers for counts, wide enough for every set."""
    low, high = (0.0, 1.0) if name == SIMILARITY else central_range(corpus, name, 0.998)
    for values in rows.values():
        if len(values):
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if name in COUNTS:
        return np.arange(np.floor(low) - 0.5, np.ceil(high) + 1.0)
    return np.linspace(low, high + 1e-9, BINS + 1)


# ---------------------------------------------------------------- linked with the molecules


def _mark_selected(figure: go.Figure, names: Sequence[str]) -> None:
    """Add a line to each plot for the molecule looked at and each chosen one, and shade the limits."""
    look = selection.looked_at()
    smiles = [*selection.chosen(), *([look.smiles] if look else [])]
    marked = (
        [one.measurement.values for one in scored.score_smiles(MOLECULE, smiles) if one.measurement.valid]
        if smiles
        else []
    )
    for i, name in enumerate(names):
        where: dict[str, Any] = {"row": i // COLUMNS + 1, "col": i % COLUMNS + 1}
        for values in marked:
            if name in values:
                figure.add_vline(x=values[name], line={"width": 1.5, "color": charts.GREY}, **where)
        if name in selection.limits():
            low, high = selection.limits()[name]
            figure.add_vrect(x0=low, x1=high, fillcolor=charts.TUNED, opacity=0.15, line_width=0, **where)


def _brush(key: str, names: Sequence[str], latest: str) -> None:
    """Limit properties to the boxes drawn over their histograms, and show all molecules that lie within."""
    for box in st.session_state[key].selection.box:
        axis = int(box["xref"].removeprefix("x") or 1)
        selection.limit(names[axis - 1], min(box["x"]), max(box["x"]))
        if st.session_state.get(VIEW) not in SOURCES:
            st.session_state[VIEW] = latest


# ---------------------------------------------------------------- in figures and words


def means(sets: Sets) -> list[dict[str, str]]:
    """Return a row for each figure, with a column for each set."""
    figures = {source: _expected(molecules) for source, molecules in sets.items()}
    labels = {"reward": "points", "valid": "valid", "distinct": "distinct", **{n: NAMES[n] for n in _names(sets)}}
    return [
        {"mean": label, **{source: _shown(name, row.get(name)) for source, row in figures.items()}}
        for name, label in labels.items()
    ]


def _expected(molecules: Sequence[ScoredMolecule]) -> dict[str, float]:
    n = len(molecules)
    return {
        "reward": sum(one.reward for one in molecules) / n,
        "distinct": len({one.smiles for one in molecules}) / n,
        **expected_properties(molecules, [1 / n] * n),
    }


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0%}" if name in ("valid", "distinct") else f"{value:.3g}"


def in_words(sets: Sets) -> str:
    """Return the figure's content as a sentence, for those who do not see it."""
    rows = [row for row in means(sets) if row["mean"] in map(NAMES.get, _names(sets))]
    sentences = "; ".join(", ".join(f"{name} {value}" for name, value in row.items()) for row in rows)
    return f"Histograms of properties over those of the training molecules: {sentences}"
