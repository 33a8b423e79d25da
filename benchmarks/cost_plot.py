"""Draw what benchmarks.cost measured as one SVG: a small chart for each growth, both axes logarithmic."""

from collections.abc import Mapping, Sequence
from html import escape
from math import log10
from typing import Any

COLUMNS, WIDTH, HEIGHT = 4, 240, 200  # of charts; pixels of one
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 44, 34
SERIES = (("ms", "#23737A", "CPU ms"), ("MB", "#B85C00", "MB more"))
LEAST = 0.1  # less cannot be shown on a logarithmic axis


def draw(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the SVG."""
    lines = -(-len(rows) // COLUMNS)
    width, height = COLUMNS * WIDTH, lines * HEIGHT + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">',
        "<title>How time and memory grow, both axes logarithmic</title>",
        f'<rect width="{width}" height="{height}" fill="#FCFBF8"/>',
    ]
    for number, row in enumerate(rows):
        x, y = number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT
        parts += [f'<g transform="translate({x} {y})" fill="#23262B">', *_chart(row), "</g>"]
    for number, (_, colour, name) in enumerate(SERIES):
        x, y = 20 + 110 * number, height - 10
        parts += [f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{colour}"/>', f'<text x="{x + 9}" y="{y}">{name}</text>']
    return "\n".join([*parts, "</svg>\n"])


def _chart(row: Mapping[str, Any]) -> list[str]:
    sizes = [log10(size) for size in row["sizes"]]
    costs = {key: [log10(max(cost, LEAST)) for cost in row[key]] for key, _, _ in SERIES}
    low = min(min(each) for each in costs.values())
    high = max(max(max(each) for each in costs.values()), low + 1)

    def at(size: float, cost: float) -> tuple[float, float]:
        across, up = (size - sizes[0]) / (sizes[-1] - sizes[0]), (cost - low) / (high - low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [f'<text x="10" y="18" font-weight="bold">{escape(row["what"])}</text>']
    parts += [f'<text x="10" y="33">by {escape(row["by"])}</text>']
    for power in range(-1, 7):
        if low <= power <= high:
            _, y = at(sizes[0], power)
            parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#DDD8CD"/>')
            parts.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{10**power:,.10g}</text>')
    for size, text in zip(sizes, row["sizes"], strict=True):
        x, _ = at(size, low)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 16}" text-anchor="middle">{_short(text)}</text>')
    for key, colour, _ in SERIES:
        points = [at(*each) for each in zip(sizes, costs[key], strict=True)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return parts


def _short(size: int) -> str:
    return f"{size / 1000:.0f}k" if size >= 10_000 else str(size)
