"""The curves of a run: one Plotly figure, at most 500 points a trace."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from seqtutor_core.domains import Figure, RewardTerm

MOST_POINTS = 500
COLOURS = ("#2F7F86", "#D9822B", "#7A5BA6", "#B8405E", "#5B8C3A", "#4A78C2", "#A6843C", "#7D8590")
INK = "#7D8590"  # legible on light and dark
GRID = "rgba(125,133,144,0.25)"


def dress(figure: go.Figure, name: str, height: int, legend: float, top: int = 10) -> None:
    """What all figures share; legend is its height below the plots, as a share of theirs.

    Under one name zoom and hidden traces outlive a redraw.
    """
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": top, "b": 10},
        uirevision=name,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": legend, "font": {"size": 11}},
    )


def _coloured(text: str, colour: str) -> str:
    return f'<span style="color:{colour}">{text}</span>'


TITLES = (
    "Reward by term",
    f"{_coloured('Reward', COLOURS[0])} and {_coloured('KL in nats, right', COLOURS[1])}",
    f"{_coloured('Objective J', COLOURS[2])} in nats",
    f"{_coloured('Entropy, nats a token', COLOURS[4])} and {_coloured('distinct share, right', COLOURS[3])}",
)


def curves(lines: Sequence[Mapping[str, Any]], terms: Sequence[RewardTerm], figures: Sequence[Figure]) -> go.Figure:
    """Reward by term, reward and KL, the objective J, entropy and distinct share, over learning seconds.

    A third row shows the domain's own figures, shares on the left and counts on the right.
    """
    shown = thinned(lines)
    own = [f for f in figures if all(f.name in step.get("figures", {}) for step in shown)]
    figure = _grid(own)
    seconds = [step["seconds"] for step in shown]

    def line(name: str, ys: list[float], place: tuple[int, int], colour: str, **looks: Any) -> None:
        stroke = {"color": colour, "width": 2, "dash": looks.get("dash", "solid")}
        _line(figure, name, (seconds, ys), place, stroke, looks.get("second", False))

    active = [t for t in terms if any(step["weights"].get(t.name) for step in shown)]
    for k, term in enumerate(active):
        paid = [step["weights"].get(term.name, 0.0) * step["terms"].get(term.name, 0.0) for step in shown]
        line(term.label, paid, (1, 1), COLOURS[k % len(COLOURS)], dash="solid" if k < len(COLOURS) else "dot")
    line("reward", [step["reward"] for step in shown], (1, 2), COLOURS[0])
    line("KL", [step["kl"] for step in shown], (1, 2), COLOURS[1], second=True)
    line("J", [step["j"] for step in shown], (2, 1), COLOURS[2])
    line("entropy", [step["entropy"] for step in shown], (2, 2), COLOURS[4])
    line("distinct", [step["distinct"] for step in shown], (2, 2), COLOURS[3], second=True)
    for f, colour, column in _coloured_figures(own):
        line(f.label.lower(), [step["figures"][f.name] for step in shown], (3, column), colour)
    _mark_changes(figure, lines)
    _lay_out(figure, 3 if own else 2)
    return figure


def _grid(own: Sequence[Figure]) -> go.Figure:
    """Empty plots: two rows, and a third for what the domain has of its own."""
    titles, specs = list(TITLES), [[{}, {"secondary_y": True}], [{}, {"secondary_y": True}]]
    if own:
        coloured = _coloured_figures(own)
        for column in (1, 2):
            titles.append(", ".join(_coloured(f.label, colour) for f, colour, c in coloured if c == column))
        specs.append([{}, {}])
    rows = len(specs)
    return make_subplots(
        rows=rows,
        cols=2,
        horizontal_spacing=0.09,
        vertical_spacing=0.32 / rows,
        subplot_titles=titles,
        specs=specs,
    )


def _coloured_figures(own: Sequence[Figure]) -> list[tuple[Figure, str, int]]:
    """Each figure with its colour and column: shares left, counts right."""
    return [(f, COLOURS[(4, 0, 1, 2, 3)[k % 5]], 1 if f.percent else 2) for k, f in enumerate(own)]


def _line(
    figure: go.Figure,
    name: str,
    points: tuple[list[float], list[float]],
    place: tuple[int, int],
    stroke: Mapping[str, Any],
    second: bool,
) -> None:
    row, col = place
    figure.add_scatter(
        x=points[0],
        y=points[1],
        name=name,
        mode="lines",
        line=stroke,
        legend="legend" if place == (1, 1) else "legend2",
        showlegend=place == (1, 1),
        hovertemplate="%{y:.2f}<extra>" + name + "</extra>",
        row=row,
        col=col,
        secondary_y=second if col == 2 and row < 3 else None,
    )


def thinned(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """At most MOST_POINTS lines, the last among them."""
    stride = max(1, -(-len(lines) // MOST_POINTS))
    return list(lines[::-1][::stride][::-1])


def _mark_changes(figure: go.Figure, lines: Sequence[Mapping[str, Any]]) -> None:
    """A dotted line where somebody moved a slider."""
    for step in lines:
        if step.get("changed"):
            figure.add_vline(x=step["seconds"], line={"dash": "dot", "width": 1, "color": INK})


def _lay_out(figure: go.Figure, rows: int) -> None:
    dress(figure, "run", 240 * rows, legend=-0.24 / rows, top=30)
    figure.update_layout(hovermode="x")
    figure.update_xaxes(showgrid=False, ticksuffix=" s", zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor="rgba(125,133,144,0.4)")
    figure.update_yaxes(
        color=COLOURS[1], showgrid=False, row=1, col=2, secondary_y=True, rangemode="tozero", tickmode="auto"
    )
    figure.update_yaxes(
        color=COLOURS[3], showgrid=False, row=2, col=2, secondary_y=True, range=[0, 1.05], tickmode="auto"
    )
    figure.update_yaxes(rangemode="tozero", row=2, col=2, secondary_y=False)
    if rows > 2:
        figure.update_yaxes(range=[0, 1.05], row=3, col=1)
        figure.update_yaxes(rangemode="tozero", row=3, col=2)
