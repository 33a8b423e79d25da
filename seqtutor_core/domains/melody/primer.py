"""A user's own beginning for a melody: an uploaded MIDI file, or notes picked on a keyboard."""

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import pretty_midi

from seqtutor_core.domains.melody.tokens import HIGHEST, LOWEST, Note, encode, pitch_name
from seqtutor_core.errors import InputError, SettingError

MAX_BYTES = 1 << 20
MAX_STEPS = 64
BAR = 16  # sixteenths
SLACK = 0.5  # sixteenths that a player's legato may overlap, or a roll of a chord be spread, unremarked


@dataclass(frozen=True)
class Primer:
    """Tokens to be continued, in whole bars of 16."""

    tokens: tuple[int, ...]
    notes: tuple[str, ...]
    """Remarks for the user, one for each thing that was changed on the way."""


@dataclass(frozen=True)
class Picked:
    """A note picked on the keyboard; pitch None is a rest, length in sixteenths."""

    pitch: int | None
    length: int


@dataclass(frozen=True)
class _Heard:
    """A note of the file before it is put on the grid; start and end in sixteenths."""

    pitch: int
    start: float
    end: float


def from_midi(file: bytes, *, polyphony: str = "error") -> Primer:
    """The melody of a MIDI file.

    polyphony "error" refuses notes that sound together, "top" keeps the highest of them. Raises InputError, which
    says why a file cannot be used and how to go on, and SettingError for another word.
    """
    if polyphony not in ("error", "top"):
        raise SettingError(f"polyphony {polyphony!r} is not known; choose error or top")
    remarks: list[str] = []
    heard = _read(file, remarks)
    if polyphony == "top":
        heard = _top_line(heard, remarks)
    else:
        _refuse_chords(heard)
    notes = _on_grid(heard, remarks)
    notes, steps = _last_bars(notes, remarks)
    return Primer(tuple(encode(_in_range(notes, remarks), steps)), tuple(remarks))


def from_picked(picked: Sequence[Picked]) -> Primer:
    """The picked notes one after another. Raises InputError for no notes, or a pitch or length out of range."""
    notes: list[Note] = []
    end = 0
    for position, pick in enumerate(picked, start=1):
        if not 1 <= pick.length <= MAX_STEPS:
            raise InputError(
                f"picked note {position} lasts {pick.length} sixteenths; choose a length from 1 to {MAX_STEPS}"
            )
        if pick.pitch is not None and not LOWEST <= pick.pitch <= HIGHEST:
            raise InputError(
                f"picked note {position} has pitch {pick.pitch}; "
                f"choose one from {pitch_name(LOWEST)} ({LOWEST}) to {pitch_name(HIGHEST)} ({HIGHEST})"
            )
        if pick.pitch is not None:
            notes.append(Note(pick.pitch, end, pick.length))
        end += pick.length
    if not notes:
        raise InputError("no notes are picked, and a beginning needs one; play some on the keyboard")
    remarks: list[str] = []
    notes, steps = _last_bars(notes, remarks, end)
    return Primer(tuple(encode(notes, steps)), tuple(remarks))


# ---------------------------------------------------------------- reading the file


def _read(file: bytes, remarks: list[str]) -> list[_Heard]:
    """The pitched notes of a MIDI file in order of their start."""
    if not file:
        raise InputError("the file is empty; choose a MIDI file that holds a melody")
    if len(file) > MAX_BYTES:
        raise InputError(
            f"the file has {len(file):,} bytes, more than {MAX_BYTES:,}; "
            "choose a smaller one, or export just the melody"
        )
    if not file.startswith(b"MThd"):
        raise InputError(
            "this is not a MIDI file: it does not begin with MThd; choose a file ending in .mid, or export one as MIDI"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            midi = pretty_midi.PrettyMIDI(io.BytesIO(file))
            instruments = midi.instruments
            heard = [
                _Heard(n.pitch, _sixteenths(midi, n.start), _sixteenths(midi, n.end))
                for i in instruments
                if not i.is_drum
                for n in i.notes
            ]
    except Exception as error:  # the reader raises whatever the broken byte leads to
        raise InputError(
            f"this MIDI file is broken and cannot be read ({type(error).__name__}: {error}); "
            "open it in a music program and export it again"
        ) from error
    drums = sum(len(i.notes) for i in instruments if i.is_drum)
    if not heard:
        what = f"only drums ({drums} strokes), which have no pitch" if drums else "no notes"
        raise InputError(f"the MIDI file holds {what}; choose one with a melody")
    if drums:
        remarks.append(f"Left out the drums ({drums} strokes).")
    return sorted(heard, key=lambda n: (n.start, -n.pitch))


def _sixteenths(midi: pretty_midi.PrettyMIDI, seconds: float) -> float:
    """Through ticks, so that the file's own tempo, and its changes, set the grid."""
    return float(midi.time_to_tick(seconds) * 4 / midi.resolution)


# ---------------------------------------------------------------- one note at a time


def _refuse_chords(heard: Sequence[_Heard]) -> None:
    sounding = heard[0]
    for note in heard[1:]:
        shorter = min(sounding.end - sounding.start, note.end - note.start)
        if min(sounding.end, note.end) - note.start > min(SLACK, shorter / 2):
            raise InputError(
                f"the MIDI file is polyphonic: {pitch_name(sounding.pitch)} and {pitch_name(note.pitch)} "
                f"sound together in bar {int(note.start // BAR) + 1}, and a melody has one note at a time; "
                "keep the highest notes only, or choose a file with a single line"
            )
        if note.end > sounding.end:
            sounding = note


def _top_line(heard: Sequence[_Heard], remarks: list[str]) -> list[_Heard]:
    """Of notes that sound together the highest: a lower one is left out, or ends where a higher one begins."""
    line: list[_Heard] = []
    for note in heard:
        while line and note.pitch > line[-1].pitch and note.start - line[-1].start < SLACK:
            line.pop()
        if line and note.pitch <= line[-1].pitch and note.start < line[-1].end - SLACK:
            continue
        line.append(note)
    if dropped := len(heard) - len(line):
        remarks.append(f"Kept the highest of the notes that sound together and left out {dropped}.")
    return line


def _on_grid(heard: Sequence[_Heard], remarks: list[str]) -> list[Note]:
    """Rounded to whole sixteenths, each note ending where the next begins at the latest."""
    starts = [_nearest(n.start) for n in heard]
    notes: list[Note] = []
    for i, note in enumerate(heard):
        following = starts[i + 1] if i + 1 < len(heard) else math.inf
        if following == starts[i]:
            continue  # two notes within one sixteenth: the grid has room for the last
        end = min(max(_nearest(note.end), starts[i] + 1), following)
        notes.append(Note(note.pitch, starts[i], int(end) - starts[i]))
    moved = sum(abs(n.start - s) > 0.05 for n, s in zip(heard, starts, strict=True))
    if moved:
        remarks.append(f"Moved {moved} of {len(heard)} notes to the nearest sixteenth.")
    if lost := len(heard) - len(notes):
        remarks.append(f"Left out {lost} notes that fall within the same sixteenth as the next.")
    return notes


def _nearest(sixteenths: float) -> int:
    """Half a sixteenth goes up, always: Python's own rounding would send it to the even side."""
    return math.floor(sixteenths + 0.5)


# ---------------------------------------------------------------- length and range


def _last_bars(notes: list[Note], remarks: list[str], end: int = 0) -> tuple[list[Note], int]:
    """The notes of the last MAX_STEPS sixteenths moved to begin there, and their length in whole bars.

    `end` counts rests after the last note. Silent bars before the first note are left out.
    """
    steps = -(-max(notes[-1].end, end) // BAR) * BAR
    silent = notes[0].start // BAR * BAR
    cut = max(silent, steps - MAX_STEPS)
    if cut > silent:
        remarks.append(f"Kept the last {MAX_STEPS // BAR} bars ({MAX_STEPS} sixteenths) of {(steps - silent) // BAR}.")
    elif silent:
        remarks.append(f"Left out {silent // BAR} silent bars at the start.")
    kept = [Note(n.pitch, max(n.start - cut, 0), n.end - max(n.start, cut)) for n in notes if n.end > cut]
    if not kept:
        raise InputError(
            f"the last {MAX_STEPS // BAR} bars are silent, so there is nothing to continue; remove the rests at the end"
        )
    return kept, steps - cut


def _in_range(notes: list[Note], remarks: list[str]) -> list[Note]:
    """Moved by the fewest octaves that bring every note between LOWEST and HIGHEST."""
    low, high = min(n.pitch for n in notes), max(n.pitch for n in notes)
    for octaves in sorted(range(-10, 11), key=lambda o: (abs(o), o)):
        shift = 12 * octaves
        if low + shift >= LOWEST and high + shift <= HIGHEST:
            break
    else:
        offender = low if low < LOWEST else high
        raise InputError(
            f"pitch {pitch_name(offender)} ({offender}) is outside {pitch_name(LOWEST)} to {pitch_name(HIGHEST)}, "
            f"and no octave holds the whole of {pitch_name(low)} to {pitch_name(high)}; choose one within three octaves"
        )
    if octaves:
        way = "up" if octaves > 0 else "down"
        remarks.append(f"Moved everything {way} by {abs(octaves)} octave{'s' if abs(octaves) > 1 else ''} to fit.")
    return [Note(n.pitch + shift, n.start, n.length) for n in notes]
