"""The pair of melodies that the home page plays."""

import json
from pathlib import Path

from pages.ui.melody.player import Track, piano_rolls
from seqtutor_core.domains.melody import PAPER_TERMS, Melody, studio
from seqtutor_core.domains.melody.audio import sound

EXAMPLE = Path(__file__).resolve().parents[3] / "assets" / "example.json"  # written by benchmarks/example.py


def example() -> None:
    """One melody of the prior and one after a minute of tuning; A and B switch between them."""
    melody, weights = Melody(), dict.fromkeys(PAPER_TERMS, 1.0)
    takes = []
    for title, tokens in json.loads(EXAMPLE.read_text(encoding="utf-8")).items():
        piece = studio.piece(melody, tokens, (), title)
        takes.append(Track(studio.roll(melody, tokens, (), weights), sound(piece), title))
    piano_rolls(takes, key="example")
