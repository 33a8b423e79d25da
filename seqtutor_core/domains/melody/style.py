"""Reward terms beyond the paper's: what its tuned melodies were missed for, rests and held notes first of all.

Several are about a whole melody (a share, a distance). They are paid out as they change: the value at a step is
the figure of the melody so far minus the figure before the step, so the steps add up to the figure itself and
the term stays causal.
"""

import json
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from seqtutor_core.domains.melody.theory import is_note, last_step_where, previous_note, steps_of
from seqtutor_core.domains.melody.tokens import NO_EVENT, OFFSET

LARGEST_STEP = 2  # semitones; a larger move is a skip
LONGEST_NOTE = 16  # sixteenths; longer notes are counted with these
STATISTICS = Path(__file__).with_name("corpus_statistics.json")  # written by `prior corpus melody --ship`


def paid_as_it_changes(figure: Tensor) -> Tensor:
    """Return the differences (B, T) of a running figure (B, T) that starts at 0; they sum to its last value."""
    return torch.diff(figure, dim=1, prepend=torch.zeros_like(figure[:, :1]))


def density(tokens: Tensor, notes_per_beat: float, steps_per_beat: int) -> Tensor:
    """Return minus the notes that the melody has too many or too few for a target density, paid as it changes.

    tokens: (B, T). notes_per_beat: the target. steps_per_beat: steps in a quarter note. Returns (B, T) float64.
    """
    wanted = notes_per_beat * (steps_of(tokens) + 1) / steps_per_beat
    return paid_as_it_changes(-(is_note(tokens).cumsum(1) - wanted).abs().double())


def on_beat(tokens: Tensor, steps_per_beat: int) -> Tensor:
    """Return the share of notes that begin on a beat, 0 to 1, paid as it changes; 0 without notes; (B, T) float64."""
    note = is_note(tokens)
    beat = steps_of(tokens) % steps_per_beat == 0
    return paid_as_it_changes((note & beat).cumsum(1) / note.cumsum(1).clamp(min=1).double())


def phrase_rests(tokens: Tensor, length: int, phrase: int) -> Tensor:
    """Return +1 at the last step of each phrase if it is silent after a note, else 0; (B, T) float64.

    tokens: (B, T). length: steps of a whole melody. phrase: steps of a phrase.
    """
    step = steps_of(tokens)
    ends = ((step + 1) % phrase == 0) | (step == length - 1)
    silent = ~sounding(tokens) & is_note(tokens).cummax(1).values
    return (ends & silent).double()


def pitch_range(tokens: Tensor, lowest: int, highest: int) -> Tensor:
    """Return -1 for each semitone that a note lies below `lowest` or above `highest` (MIDI pitches); (B, T) float64."""
    pitch = tokens + OFFSET
    outside = (lowest - pitch).clamp(min=0) + (pitch - highest).clamp(min=0)
    return -torch.where(is_note(tokens), outside, 0).double()


def contour(tokens: Tensor) -> Tensor:
    """Return +1 for a move of 1 or 2 semitones from the last note, -1 for a larger one, else 0; (B, T) float64."""
    previous = previous_note(tokens)
    distance = (tokens - previous).abs()
    moves = is_note(tokens) & (previous > 0) & (distance > 0)
    return torch.where(moves, torch.where(distance <= LARGEST_STEP, 1.0, -1.0), 0.0).double()


def rhythm(tokens: Tensor) -> Tensor:
    """Return minus the distance of the melody's note lengths from the corpus's, 0 to 1, paid as it changes.

    Total variation over lengths 1 to 16 and more, weighted by the time notes take up. The sounding note counts
    with its length so far. tokens and result: (B, T), the result float64.
    """
    length = running_length(tokens)  # (B, T)
    counted, short = length.clamp(max=LONGEST_NOTE), length <= LONGEST_NOTE
    # time taken by notes of each length: a note that grows from l - 1 to l moves its l - 1 steps on and adds one
    entered, left = torch.where(short, length, 1), torch.where(short, counted - 1, 0).clamp(min=0)
    change = torch.zeros(*length.shape, LONGEST_NOTE + 1, dtype=torch.float64, device=tokens.device)
    change.scatter_(2, (counted - 1).clamp(min=0).unsqueeze(2), -left.double().unsqueeze(2))
    change.scatter_(2, counted.unsqueeze(2), entered.double().unsqueeze(2))
    time = change[..., 1:].cumsum(1)  # (B, T, 16)
    share = time / (entered - left).cumsum(1).clamp(min=1).unsqueeze(2)
    distance = share.sub_(_corpus_lengths(tokens.device)).abs_().sum(-1) / 2
    started = is_note(tokens).cummax(1).values
    return paid_as_it_changes(-torch.where(started, distance, 0.0))


def sounding(tokens: Tensor) -> Tensor:
    """Return whether a note sounds at each step, (B, T)."""
    last_event = last_step_where(tokens != NO_EVENT)
    return (last_event >= 0) & is_note(tokens.gather(1, last_event.clamp(min=0)))


def running_length(tokens: Tensor) -> Tensor:
    """Return how long the sounding note has lasted, in steps, this one included; 0 in silence; (B, T)."""
    since = steps_of(tokens) - last_step_where(tokens != NO_EVENT) + 1
    return torch.where(sounding(tokens), since, 0)


@cache
def _corpus_lengths(device: torch.device) -> Tensor:
    return torch.tensor(corpus_lengths(), dtype=torch.float64, device=device)


@cache
def corpus_lengths() -> tuple[float, ...]:
    """Return the shares of sounding time in notes of 1 to 16 and more sixteenths, of the corpus's binary metres."""
    return tuple(json.loads(STATISTICS.read_text())["share_of_time"])
