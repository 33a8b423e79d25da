"""A melody as a piano roll shows it: every note and rest with what the reward terms paid for it.

A step's pay belongs to what sounds at that step: a note collects the steps from its onset to its last hold, a rest
those of its NOTE_OFF and the holds after it. So the totals of all notes and rests add up to the melody's reward.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from seqtutor_core.domains.melody.tokens import decode, pitch_name
from seqtutor_core.errors import SettingError


@dataclass(frozen=True)
class RollNote:
    """A note; start and length in sixteenths."""

    pitch: int
    name: str
    start: int
    length: int
    paid: dict[str, float]
    """Term label -> weighted sum over the note's steps."""
    total: float


@dataclass(frozen=True)
class RollRest:
    """A silence; start and length in sixteenths."""

    start: int
    length: int
    paid: dict[str, float]
    total: float


@dataclass(frozen=True)
class Metre:
    """How steps become beats, bars and seconds."""

    bpm: float = 120.0
    beat: int = 4
    """Steps in a beat."""
    bar: int = 16
    """Steps in a bar."""


@dataclass(frozen=True)
class Roll:
    """A whole melody with its account."""

    notes: tuple[RollNote, ...]
    rests: tuple[RollRest, ...]
    steps: int
    """Sixteenths, the primer's included."""
    primer_steps: int
    """So many of the first steps were given by the user; nobody was paid for them."""
    bpm: float
    beat: int
    """Steps in a beat."""
    bar: int
    """Steps in a bar."""
    paid: dict[str, float]
    """Term label -> weighted sum over all steps."""
    total: float

    def as_dict(self) -> dict[str, object]:
        """Return plain lists, dictionaries and numbers, for JSON."""
        return asdict(self)


def make_roll(
    tokens: Sequence[int],
    values: Sequence[Sequence[float]],
    terms: Sequence[tuple[str, float]],
    *,
    primer: Sequence[int] = (),
    metre: Metre = Metre(),
    transpose: int = 0,
) -> Roll:
    """Return the roll of T tokens, their unweighted term values (T, K) and the K terms' (label, weight).

    primer: the tokens before them. metre: steps in a beat and a bar. transpose: semitones from the tokens to what is
    heard. TokenError for a token out of range, SettingError when shapes do not fit or a value is not finite.
    """
    _check(tokens, values, terms, metre.bpm)
    pay = [[0.0] * len(terms)] * len(primer)  # (P, K)
    pay += [[weight * float(v) for (_, weight), v in zip(terms, row, strict=True)] for row in values]  # (P + T, K)
    labels = [label for label, _ in terms]

    def account(start: int, length: int) -> dict[str, float]:
        return {label: math.fsum(row[k] for row in pay[start : start + length]) for k, label in enumerate(labels)}

    notes, rests, end = [], [], 0
    for note in decode([*primer, *tokens]):
        if note.start > end:
            rests.append(_rest(end, note.start - end, account(end, note.start - end)))
        paid = account(note.start, note.length)
        total = math.fsum(paid.values())
        pitch = note.pitch + transpose
        notes.append(RollNote(pitch, pitch_name(pitch), note.start, note.length, paid, total))
        end = note.end
    if len(pay) > end:
        rests.append(_rest(end, len(pay) - end, account(end, len(pay) - end)))
    whole = account(0, len(pay))
    return Roll(
        tuple(notes), tuple(rests), len(pay), len(primer), **vars(metre), paid=whole, total=math.fsum(whole.values())
    )


def _rest(start: int, length: int, paid: dict[str, float]) -> RollRest:
    return RollRest(start, length, paid, math.fsum(paid.values()))


def _check(
    tokens: Sequence[int], values: Sequence[Sequence[float]], terms: Sequence[tuple[str, float]], bpm: float
) -> None:
    if len(values) != len(tokens):
        raise SettingError(f"{len(values)} rows of values for {len(tokens)} tokens; give one row for each token")
    labels = [label for label, _ in terms]
    if len(set(labels)) != len(labels):
        raise SettingError(f"labels {labels} repeat; an account needs a label of its own for each term")
    for step, row in enumerate(values):
        if len(row) != len(terms):
            raise SettingError(f"{len(row)} values for {len(terms)} terms at step {step}; give one value for each term")
        if not all(math.isfinite(v) for v in row):
            raise SettingError(f"the values {list(row)} at step {step} are not all finite; check their term")
    if not all(math.isfinite(weight) for _, weight in terms):
        raise SettingError(f"the weights in {list(terms)} are not all finite; set each to a plain number")
    if not (math.isfinite(bpm) and bpm > 0):
        raise SettingError(f"a tempo of {bpm} BPM is not above 0; choose one from 20 to 320")
