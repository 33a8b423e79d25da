"""Molecules as a table with their structures: a click on a title sorts, ticked rows are chosen."""

from base64 import b64encode
from collections.abc import Sequence

import streamlit as st

from pages.ui.molecule import selection
from pages.ui.molecule.drawing import UNDRAWN
from pages.ui.molecule.filters import NAMES
from pages.ui.molecule.settings import tokens
from pages.ui.molecule.spec import MOLECULE
from seqtutor_core.chemistry import remote
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule
from seqtutor_core.domains.molecule.training_set import in_training_set

WIDTH, HEIGHT = 120, 80  # of a structure
SHOWN = ("qed", "log_p", "sa_score", "molecular_weight", "tpsa", "heavy_atoms", "similarity", "alerts")


def rows(molecules: Sequence[ScoredMolecule], name: str, first: int) -> None:
    """Draw the molecules as rows; the row that is ticked last is looked at, all ticked ones are chosen."""
    valid = [one for one in molecules if one.measurement.valid]
    smiles = [one.smiles for one in valid]
    selection.show_row(name, smiles, first)
    ticked = [i for i, one in enumerate(smiles) if one in selection.chosen()]
    key = f"table-{hash(tuple(smiles))}"  # other molecules, another table: ticks are places and not molecules
    st.dataframe(
        _cells(valid, first + 1),
        key=key,
        height=560,
        row_height=HEIGHT,
        hide_index=True,
        column_config={
            "structure": st.column_config.ImageColumn(width=WIDTH, help="Drawn in the plane"),
            **{NAMES[column]: st.column_config.NumberColumn(format="%.3g") for column in SHOWN},
            "points": st.column_config.NumberColumn(format="%.1f"),
        },
        on_select=lambda: _choose(key, smiles, name, first),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": ticked, "columns": [], "cells": []}},
        alt=f"{len(valid)} molecules with their structures and properties",
    )
    if selection.moved():
        st.rerun()


def _cells(molecules: Sequence[ScoredMolecule], first: int) -> list[dict[str, object]]:
    measurements = [one.measurement for one in molecules]
    known = in_training_set(tokens(MOLECULE).corpus, measurements).tolist()
    return [
        {
            "#": number,
            "structure": _picture(one.smiles),
            "points": one.reward,
            **{NAMES[name]: one.measurement.values[name] for name in SHOWN if name in one.measurement.values},
            "novel": not is_known,
            "SMILES": one.smiles,
        }
        for number, (one, is_known) in enumerate(zip(molecules, known, strict=True), first)
    ]


def _picture(smiles: str) -> str | None:
    """Return the drawing as the address of an image, None where there is none."""
    try:
        svg = remote.drawing(smiles, WIDTH, HEIGHT)
    except UNDRAWN:
        return None
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()


def _choose(key: str, smiles: Sequence[str], name: str, first: int) -> None:
    """Take the ticks over, and look at the newest."""
    ticked = [smiles[i] for i in st.session_state[key].selection.rows if i < len(smiles)]
    fresh = [one for one in ticked if one not in selection.chosen()]
    selection.choose(ticked, smiles)
    if fresh:
        selection.look_at(fresh[-1], name, first + smiles.index(fresh[-1]))
