"""A page of melodies from the policy or the prior: look, hear, choose, take away."""

from typing import Any

import streamlit as st
import torch

from pages.ui import state
from pages.ui.melody.cards import strip
from pages.ui.melody.figures import shown
from pages.ui.melody.spec import MELODY, melody
from pages.ui.page import show_errors
from pages.ui.sampling import draw, has_policy, others_button
from seqtutor_core.domains import weight_vector
from seqtutor_core.domains.melody import Melody, studio
from seqtutor_core.domains.melody.audio import archive
from seqtutor_core.domains.melody.metrics import MORE, TABLE_1
from seqtutor_core.runs import store

ROW, PAGE = 6, 12


def panel(run: store.Run | None) -> None:
    """Twelve melodies, the best first, with their figures and everything as a zip."""
    st.markdown("##### Gallery")
    sources = ["Prior"] + (["Tuned"] if run and has_policy(run) else [])
    with st.container(horizontal=True, vertical_alignment="center"):
        source = st.segmented_control("From", sources, default=sources[-1], required=True, label_visibility="collapsed")
        others_button(MELODY, state.SET, "redraw", "Draw twelve others")
    with show_errors():
        known = melody()
        seed = 1000 + state.draw_seed(MELODY, state.SET)
        tokens = draw(MELODY, run if source == "Tuned" else None, PAGE, seed)
        ranked = _ranked(known, tokens)
        for start in range(0, PAGE, ROW):
            row = ranked[start : start + ROW]
            strip(
                [(f"{source} {start + i + 1}: {total:.1f} points", t) for i, (total, t) in enumerate(row)],
                f"card-{start}",
            )
        _take_away(known, [t for _, t in ranked], source or "Prior")
        _table(run)


def _ranked(known: Melody, tokens: list[list[int]]) -> list[tuple[float, list[int]]]:
    """Reward under the sliders and tokens, the best first."""
    weights = torch.tensor(weight_vector(known.terms, state.weights(MELODY)), dtype=torch.float64)
    totals = (known.score(torch.tensor(tokens)).sum(1) @ weights).tolist()
    return sorted(zip(totals, tokens, strict=True), key=lambda pair: -pair[0])


def _take_away(known: Melody, tokens: list[list[int]], source: str) -> None:
    primer = MELODY.primer(MELODY)
    st.download_button(
        "All twelve as a zip",
        lambda: archive([studio.piece(known, t, primer, f"{source} {i + 1}") for i, t in enumerate(tokens)]),
        "melodies.zip",
        "application/zip",
        key="zip",
        icon=":material/folder_zip:",
        on_click="ignore",
        help="MIDI, WAV, MusicXML and tokens of each",
    )


def _table(run: store.Run | None) -> None:
    """Table 1 of the paper: the prior's samples beside the run's."""
    rows: list[dict[str, Any]] = []
    card = state.prior("melody", run.config.prior if run else state.value(MELODY, state.PRIOR)).card.get("samples", {})
    summary = run.status.summary if run else None
    for name, label in {**TABLE_1, **MORE}.items():
        row = {"figure": label, "prior": shown(name, card.get(name))}
        if summary:
            row["tuned"] = shown(name, summary.get("metrics", {}).get(name))
        rows.append(row)
    with st.expander("The paper's Table 1, measured"):
        st.table(rows)
        st.caption("Prior: 10,000 melodies. Tuned: 2,048 melodies at the end of the run, or 256 where it was stopped.")
