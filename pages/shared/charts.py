"""The curves of a run: one Plotly figure, at most 500 points a trace."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from seqtutor_core.domains import RewardTerm

MOST_POINTS = 500
COLOURS = ("#2F7F86", "#D9822B", "#7A5BA6", "#B8405E", "#5B8C3A", "#4A78C2", "#A6843C", "#7D8590")
INK = "#7D8590"  # legible on light and dark


def _coloured(text: str, colour: str) -> str:
    return f'<span style="color:{colour}">{text}</span>'


TITLES = (
    "Reward by term",
    f"{_coloured('Reward', COLOURS[0])} and {_coloured('KL in nats, right', COLOURS[1])}",
    f"{_coloured('Objective J', COLOURS[2])} in nats",
    f"{_coloured('Entropy, nats a token', COLOURS[4])} and {_coloured('distinct share, right', COLOURS[3])}",
)


def curves(lines: Sequence[Mapping[str, Any]], terms: Sequence[RewardTerm]) -> go.Figure:
    """Reward by term, reward and KL, the objective J, entropy and distinct share, over learning seconds."""
    shown = _thinned(lines)
    seconds = [line["seconds"] for line in shown]
    figure = make_subplots(
        rows=2,
        cols=2,
        horizontal_spacing=0.09,
        vertical_spacing=0.16,
        subplot_titles=TITLES,
        specs=[[{}, {"secondary_y": True}], [{}, {"secondary_y": True}]],
    )

    def line(
        name: str, ys: list[float], row: int, col: int, colour: str, second: bool = False, dash: str = "solid"
    ) -> None:
        figure.add_scatter(
            x=seconds,
            y=ys,
            name=name,
            mode="lines",
            line={"color": colour, "width": 2, "dash": dash},
            legend="legend" if (row, col) == (1, 1) else "legend2",
            showlegend=(row, col) == (1, 1),
            hovertemplate="%{y:.2f}<extra>" + name + "</extra>",
            row=row,
            col=col,
            secondary_y=second if col == 2 else None,
        )

    active = [t for t in terms if any(step["weights"].get(t.name) for step in shown)]
    for k, term in enumerate(active):
        paid = [step["weights"][term.name] * step["terms"][term.name] for step in shown]
        line(term.label, paid, 1, 1, COLOURS[k % len(COLOURS)], dash="solid" if k < len(COLOURS) else "dot")
    line("reward", [step["reward"] for step in shown], 1, 2, COLOURS[0])
    line("KL", [step["kl"] for step in shown], 1, 2, COLOURS[1], second=True)
    line("J", [step["j"] for step in shown], 2, 1, COLOURS[2])
    line("entropy", [step["entropy"] for step in shown], 2, 2, COLOURS[4])
    line("distinct", [step["distinct"] for step in shown], 2, 2, COLOURS[3], second=True)
    _mark_changes(figure, lines)
    _lay_out(figure)
    return figure


def _thinned(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """At most MOST_POINTS lines, the last among them."""
    stride = max(1, -(-len(lines) // MOST_POINTS))
    return list(lines[::-1][::stride][::-1])


def _mark_changes(figure: go.Figure, lines: Sequence[Mapping[str, Any]]) -> None:
    """A dotted line where somebody moved a slider."""
    for step in lines:
        if step.get("changed"):
            figure.add_vline(x=step["seconds"], line={"dash": "dot", "width": 1, "color": INK})


def _lay_out(figure: go.Figure) -> None:
    figure.update_layout(
        height=480,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        uirevision="run",  # zoom and hidden traces outlive the redraw of every second
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="x",
        legend={"orientation": "h", "y": -0.12, "font": {"size": 11}},
    )
    figure.update_xaxes(showgrid=False, ticksuffix=" s", zeroline=False)
    figure.update_yaxes(gridcolor="rgba(125,133,144,0.25)", zerolinecolor="rgba(125,133,144,0.4)")
    figure.update_yaxes(
        color=COLOURS[1], showgrid=False, row=1, col=2, secondary_y=True, rangemode="tozero", tickmode="auto"
    )
    figure.update_yaxes(
        color=COLOURS[3], showgrid=False, row=2, col=2, secondary_y=True, range=[0, 1.05], tickmode="auto"
    )
    figure.update_yaxes(rangemode="tozero", row=2, col=2, secondary_y=False)
