"""Melody tokens: one token is one sixteenth note."""

from collections.abc import Sequence
from dataclasses import dataclass

from seqtutor_core.errors import TokenError
from seqtutor_core.vocabulary import Vocabulary

NOTE_OFF = 0  # end the sounding note; silence follows
NO_EVENT = 1  # hold: whatever sounds, or is silent, goes on
FIRST_NOTE = 2
LOWEST, HIGHEST = 48, 83  # MIDI pitches of the first and the last note token
OFFSET = LOWEST - FIRST_NOTE  # MIDI pitch = token + OFFSET
TONIC = 60 - OFFSET  # middle C

PITCH_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def pitch_name(midi: int) -> str:
    """Return the name of a MIDI pitch, middle C being C4."""
    return f"{PITCH_NAMES[midi % 12]}{midi // 12 - 1}"


def beats_per_bar(steps: int, steps_per_beat: int) -> int:
    """Return the quarter notes in a bar, 3 or 4: on a grid of eighths, 12 or 16 `steps` are two bars."""
    beats = steps // steps_per_beat
    return beats if beats <= 4 else beats // 2


VOCABULARY = Vocabulary(["off", "hold", *(pitch_name(p) for p in range(LOWEST, HIGHEST + 1))])


@dataclass(frozen=True)
class Note:
    """A sounding note; start and length in sixteenths."""

    pitch: int
    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


def decode(tokens: Sequence[int]) -> list[Note]:
    """Return the notes of a token sequence; TokenError for a token outside the vocabulary."""
    notes: list[Note] = []
    sounding: tuple[int, int] | None = None  # pitch, start
    ids = VOCABULARY.check(list(tokens))
    for step, token in enumerate([*ids, NOTE_OFF]):
        if token == NO_EVENT:
            continue
        if sounding is not None:
            notes.append(Note(sounding[0], sounding[1], step - sounding[1]))
        sounding = (token + OFFSET, step) if token >= FIRST_NOTE else None
    return notes


def encode(notes: Sequence[Note], length: int) -> list[int]:
    """Return the tokens of a monophonic list of notes, `length` sixteenths long.

    Raises TokenError for a pitch outside the range, a note outside the length, or overlapping notes.
    """
    tokens = [NO_EVENT] * length
    end = 0
    for note in sorted(notes, key=lambda n: n.start):
        if not LOWEST <= note.pitch <= HIGHEST:
            raise TokenError(
                f"pitch {note.pitch} at step {note.start} is outside {LOWEST} to {HIGHEST}; transpose it by octaves"
            )
        if note.start < end or note.length < 1 or note.end > length:
            raise TokenError(
                f"the note at step {note.start} overlaps another or leaves the {length} steps; "
                "a melody has one note at a time"
            )
        if note.start > end > 0:
            tokens[end] = NOTE_OFF
        tokens[note.start] = note.pitch - OFFSET
        end = note.end
    if notes and end < length:
        tokens[end] = NOTE_OFF
    return tokens
