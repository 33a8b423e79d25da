"""A melody as a small picture."""

from collections.abc import Sequence

from seqtutor_core.domains.melody.tokens import decode

WIDTH, HEIGHT = 160, 56


def drawing(tokens: Sequence[int]) -> str:
    """Return a melody as a small SVG picture: time to the right, pitch upwards."""
    notes = decode(list(tokens))
    low = min((n.pitch for n in notes), default=60) - 2
    high = max((n.pitch for n in notes), default=60) + 2
    step, row = WIDTH / max(len(tokens), 1), HEIGHT / (high - low + 1)
    bars = "".join(
        f'<rect x="{n.start * step:.1f}" y="{(high - n.pitch) * row:.1f}" width="{max(n.length * step - 1, 1):.1f}" '
        f'height="{max(row, 3):.1f}" rx="1.5" fill="#2F7F86"/>'
        for n in notes
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="a melody of {len(notes)} notes">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#7D8590" fill-opacity="0.14"/>{bars}</svg>'
    )
