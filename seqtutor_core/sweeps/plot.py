"""Reward against KL for all points of a sweep, as a file for the browser that needs no network."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import plotly.graph_objects as go

from seqtutor_core.files import replace_text
from seqtutor_core.sweeps.folder import Point

BEST, OTHERS = "#1f6feb", "#6e7781"


def write_plot(path: Path, title: str, points: Sequence[Point], best: Sequence[Point]) -> None:
    """Write the chart of the points that were measured; the best are joined by a line. OSError on a full disk."""
    numbers = {point.number for point in best}
    others = [point for point in points if point.number not in numbers]
    figure = go.Figure()
    _mark(figure, "points", others, OTHERS, "circle", "markers")
    _mark(figure, "best", sorted(best, key=lambda one: one.figures.get("kl") or 0.0), BEST, "diamond", "lines+markers")
    figure.update_layout(
        title=escape(title, quote=False),
        xaxis_title="KL from the prior, nats a sequence",
        yaxis_title="Reward",
        template="plotly_white",
        legend={"orientation": "h"},
    )
    replace_text(path, figure.to_html(include_plotlyjs=True, full_html=True))


def _mark(figure: go.Figure, name: str, points: Sequence[Point], colour: str, symbol: str, mode: str) -> None:
    measured = [p for p in points if p.figures.get("kl") is not None and p.figures.get("reward") is not None]
    figure.add_scatter(
        x=[point.figures["kl"] for point in measured],
        y=[point.figures["reward"] for point in measured],
        text=[escape(f"{point.title}, run {point.run}", quote=False) for point in measured],
        name=name,
        mode=mode,
        marker={"color": colour, "symbol": symbol, "size": 10},
        line={"color": colour, "width": 1.5, "dash": "dot"},
        hovertemplate="KL %{x:.2f}, reward %{y:.1f}<br>%{text}<extra></extra>",
    )
