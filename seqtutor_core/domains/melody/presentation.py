"""Present a melody: as a piece that sounds, and as a piano roll with the reward of each term."""

from collections.abc import Mapping, Sequence

import torch

from seqtutor_core.domains.base import every_weight
from seqtutor_core.domains.melody import Melody
from seqtutor_core.domains.melody.audio import Piece
from seqtutor_core.domains.melody.roll import Metre, Roll, make_roll
from seqtutor_core.domains.melody.tokens import PITCH_NAMES


def piece(melody: Melody, tokens: Sequence[int], primer: Sequence[int], title: str) -> Piece:
    """Return a melody as a piece that sounds in the key, tempo, metre and instrument of the domain's settings.

    melody: the domain. tokens: the melody, T of them; primer: those before it. title: what the piece is called.
    """
    s = melody.settings
    return Piece(
        tuple(tokens),
        tuple(primer),
        bpm=s.tempo,
        title=title,
        tonic=PITCH_NAMES[s.key],
        mode=s.mode,
        transpose=s.transpose,
        steps_per_beat=s.steps_per_beat,
        bar=s.bar,
        instrument=s.instrument,
    )


def roll(melody: Melody, tokens: Sequence[int], primer: Sequence[int], weights: Mapping[str, float]) -> Roll:
    """Return a melody's piano roll with the reward of each term and step; terms of weight 0 are left out.

    melody: the domain. tokens: the melody, T of them; primer: those before it. weights: by the term's name.
    """
    s = melody.settings
    values = melody.score(torch.tensor([list(tokens)]))[0]  # (T, K)
    every = every_weight(melody.terms, weights)
    chosen = [k for k, term in enumerate(melody.terms) if every[term.name]]
    return make_roll(
        tokens,
        values[:, chosen].tolist(),
        [(melody.terms[k].label, every[melody.terms[k].name]) for k in chosen],
        primer=primer,
        metre=Metre(s.tempo, s.steps_per_beat, s.steps_per_bar),
        transpose=s.transpose,
    )
