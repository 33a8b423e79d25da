"""The pair of melodies that the home page plays."""

import json
from pathlib import Path

from pages.ui.melody.player import Track, piano_rolls
from seqtutor_core.domains.melody import PAPER_TERMS, Melody, studio
from seqtutor_core.domains.melody.audio import sound

EXAMPLE = Path(__file__).resolve().parents[3] / "assets" / "example.json"  # written by benchmarks/example.py


def example() -> None:
    """One melody of the prior and one after a minute of tuning; A and C switch between them."""
    melody, weights = Melody(), dict.fromkeys(PAPER_TERMS, 1.0)
    tracks = []
    for letter, (title, tokens) in zip("AC", json.loads(EXAMPLE.read_text(encoding="utf-8")).items(), strict=True):
        piece = studio.piece(melody, tokens, (), title)
        tracks.append(Track(letter, title, studio.roll(melody, tokens, (), weights), sound(piece)))
    piano_rolls(tracks, key="example")
