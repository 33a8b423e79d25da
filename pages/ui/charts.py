"""What all charts share: colours, dashes, the look of a Plotly figure, and how many points a curve has at most.

Text has the theme's own colour and never a series': no colour has 4.5:1 on both themes. Each series has a second cue
beside its colour: a dash, a symbol or a letter.
"""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

MOST_POINTS = 500
COLOURS = ("#2F7F86", "#CC7722", "#7A5BA6", "#B8405E", "#5B8C3A", "#4A78C2", "#A6843C", "#7D8590")
TEAL, ORANGE, VIOLET, RASPBERRY, GREEN, BLUE, OCHRE, GREY = COLOURS
PRIOR, PREVIEW, TUNED = TEAL, ORANGE, VIOLET  # A, B and C wherever they appear
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
GRID = "rgba(125,133,144,0.25)"


def dress(figure: go.Figure, name: str, height: int, legend: float, top: int = 10) -> None:
    """Give a figure the look that all share; under one `name` zoom and hidden traces outlive a redraw.

    height, top: of the figure and of its upper margin, in pixels. legend: its height below the plots, as a share of
    theirs.
    """
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": top, "b": 10},
        uirevision=name,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": legend, "font": {"size": 11}},
    )


def thinned(lines: Sequence[Any]) -> list[Any]:
    """Return at most MOST_POINTS of the lines, first and last among them.

    The step is a power of two, so the others stay the same ones while lines arrive and a drawn curve does not tremble.
    """
    step = 1
    while len(lines) - 1 > step * (MOST_POINTS - 1):
        step *= 2
    return [*lines[:-1:step], *lines[-1:]]
