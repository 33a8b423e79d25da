"""A user's own notes as they were given: an uploaded MIDI file, or keys pressed on the page.

A tune knows no key, grid or metre of ours; `primer.py` makes tokens of it, anew whenever a setting changes.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from seqtutor_core.domains.melody.midi_file import MidiFile, MidiNote, TimeSignature, read_midi_file
from seqtutor_core.domains.melody.tokens import HIGHEST, LOWEST, pitch_name
from seqtutor_core.errors import InputError, SettingError

LONGEST_PICK = 64  # sixteenths
SLACK = 0.125  # quarter notes that notes may overlap, or a roll of a chord be spread, unremarked
LEGATO = 0.3  # the share of a note that may sound on into the next: a quarter, and a little for how it is played
POLYPHONY = ("error", "top")


@dataclass(frozen=True)
class Tune:
    """One note at a time, in order; all times in quarter notes."""

    notes: tuple[MidiNote, ...]
    """At least one."""
    end: float = 0.0
    """Rests after the last note last until here."""
    signature: TimeSignature | None = None
    """The metre, where the file has one."""
    tempos: tuple[float, ...] = ()
    """Beats a minute, where the file says so."""
    timed: bool = False
    """Whether the file counts seconds; a quarter note is then half a second."""
    remarks: tuple[str, ...] = ()
    """A sentence for each thing that was left out or changed."""


@dataclass(frozen=True)
class Picked:
    """A note picked on the keyboard; pitch None is a rest, length in sixteenths."""

    pitch: int | None
    length: int


def tune_of_midi(file: bytes, polyphony: str = "error") -> Tune:
    """Return the melody of a MIDI file.

    polyphony "error" refuses notes that sound together, "top" keeps the highest of them. Raises InputError, which
    says why a file cannot be used and how to go on, and SettingError for another word.
    """
    if polyphony not in POLYPHONY:
        raise SettingError(f"polyphony {polyphony!r} is not known; choose error or top")
    midi = read_midi_file(file)
    if not midi.notes:
        raise _no_notes(midi)
    remarks = list(midi.remarks)
    if midi.drums:
        remarks.append(f"Left out the drums ({many(midi.drums, 'stroke')}).")
    if midi.bends:
        remarks.append(f"Left out the pitch wheel ({many(midi.bends, 'move')}).")
    if midi.pedals:
        presses = f"{midi.pedals} press{'' if midi.pedals == 1 else 'es'}"
        remarks.append(f"Left out the sustain pedal ({presses}); notes end where their keys are released.")
    signature = _signature(midi.signatures, remarks)
    notes = _ended(_without_doubles(midi.notes, remarks), remarks)
    if polyphony == "top":
        notes = _top_line(notes, remarks)
    else:
        _refuse_chords(notes, signature.bar if signature else 4.0)
    if slurred := sum(earlier.end - later.start > SLACK for earlier, later in itertools.pairwise(notes)):
        remarks.append(f"Ended {many(slurred)} where the next begins.")
    return Tune(
        tuple(notes),
        signature=signature,
        tempos=midi.tempos,
        timed=midi.timed,
        remarks=tuple(remarks),
    )


def tune_of_picked(picked: Sequence[Picked]) -> Tune:
    """Return the picked notes one after another. Raises InputError for no notes, or a pitch or length out of range."""
    notes: list[MidiNote] = []
    end = 0  # sixteenths
    for position, pick in enumerate(picked, start=1):
        if not 1 <= pick.length <= LONGEST_PICK:
            raise InputError(
                f"picked note {position} lasts {pick.length} sixteenths; choose a length from 1 to {LONGEST_PICK}"
            )
        if pick.pitch is not None and not LOWEST <= pick.pitch <= HIGHEST:
            raise InputError(
                f"picked note {position} has pitch {pick.pitch}; "
                f"choose one from {pitch_name(LOWEST)} ({LOWEST}) to {pitch_name(HIGHEST)} ({HIGHEST})"
            )
        if pick.pitch is not None:
            notes.append(MidiNote(pick.pitch, end / 4, (end + pick.length) / 4))
        end += pick.length
    if not notes:
        raise InputError("no notes are picked, and a beginning needs one; play some on the keyboard")
    return Tune(tuple(notes), end / 4)


def _no_notes(midi: MidiFile) -> InputError:
    """Return the error for a file that holds nothing to sing, with what is wrong with it otherwise."""
    what = f"only drums ({many(midi.drums, 'stroke')}), which have no pitch" if midi.drums else "no notes"
    wrong = f" ({' '.join(midi.remarks)})" if midi.remarks else ""
    return InputError(f"the MIDI file holds {what}{wrong}; choose one with a melody")


def _signature(signatures: Sequence[TimeSignature], remarks: list[str]) -> TimeSignature | None:
    """Return the metre at the last note; a remark says that there were others, unless the first was for a pickup."""
    if not signatures:
        return None
    metres = list(dict.fromkeys(map(str, signatures)))
    first, last = signatures[0], signatures[-1]
    pickup = len(signatures) == 2 and last.start - first.start <= first.bar < last.bar
    if len(metres) > 1 and not pickup:
        more = ", ..." if metres[4:] else ""
        remarks.append(
            f"The file's metre changes ({', '.join(metres[:4])}{more}); bars are counted from where the last begins."
        )
    return last


# ---------------------------------------------------------------- notes that are not as they should be


def _without_doubles(notes: Iterable[MidiNote], remarks: list[str]) -> list[MidiNote]:
    """Return the notes in order; of those that begin together at one pitch, as in two tracks in unison, the longest."""
    kept: dict[tuple[float, int], MidiNote] = {}
    doubled = 0
    for note in sorted(notes, key=_best_first):
        doubled += (note.start, note.pitch) in kept
        kept.setdefault((note.start, note.pitch), note)
    if doubled:
        remarks.append(f"Left out {many(doubled)} that double another.")
    return list(kept.values())


def _best_first(note: MidiNote) -> tuple[float, int, float, int]:
    """Return what notes are sorted by: their start; there those with a length first, then hanging and empty ones; the
    longest first.
    """
    fault = 1 if note.hanging else 2 * (note.end == note.start)
    return note.start, fault, note.start - note.end, -note.pitch


def _ended(notes: Sequence[MidiNote], remarks: list[str]) -> list[MidiNote]:
    """Give each note an end: a hanging one rings until the next; one of no length is kept where nothing else sounds."""
    following = dict(itertools.pairwise(sorted({note.start for note in notes})))
    kept: list[MidiNote] = []
    sounding_until, empty, inside, hanging = 0.0, 0, 0, 0
    for note in notes:
        if note.hanging:
            hanging += 1
            ends = [end for end in (note.end, following.get(note.start, note.end)) if end > note.start]
            note = replace(note, end=min(ends, default=note.start))
        elif note.end == note.start:
            if note.start < sounding_until:
                inside += 1
                continue
            empty += 1
        sounding_until = max(sounding_until, note.end)
        kept.append(note)
    if hanging:
        remarks.append(
            f"Nothing in the file ends {many(hanging)}; each rings until the next, the bar line or its track's end."
        )
    if empty:
        remarks.append(f"Gave the shortest length to {many(empty)} without any.")
    if inside:
        remarks.append(f"Left out {many(inside)} of no length that fall on others.")
    return kept


def many(count: int, noun: str = "note") -> str:
    """Return a count in words: 1 note, 2 notes."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


# ---------------------------------------------------------------- one note at a time


def _together(sounding: MidiNote, note: MidiNote) -> bool:
    """Return whether a note begins while another sounds that is not just released late, as in legato."""
    length, overlap = sounding.end - sounding.start, min(sounding.end, note.end) - note.start
    released = overlap <= LEGATO * length and sounding.end < note.end
    return overlap > min(SLACK, length / 2, (note.end - note.start) / 2) and not released


def _refuse_chords(notes: Sequence[MidiNote], bar: float) -> None:
    sounding = notes[0]
    for note in notes[1:]:
        if _together(sounding, note):
            raise InputError(
                f"the MIDI file is polyphonic: {pitch_name(sounding.pitch)} and {pitch_name(note.pitch)} "
                f"sound together in bar {int(note.start // bar) + 1}, and a melody has one note at a time; "
                "keep the highest notes only, or choose a file with a single line"
            )
        if note.end > sounding.end:
            sounding = note


def _top_line(notes: Sequence[MidiNote], remarks: list[str]) -> list[MidiNote]:
    """Keep of notes that sound together the highest: a lower one is left out, or ends where a higher one begins."""
    line: list[MidiNote] = []
    for note in notes:
        while line and note.pitch > line[-1].pitch and note.start - line[-1].start < SLACK:
            line.pop()
        if line and note.pitch <= line[-1].pitch and _together(line[-1], note):
            continue
        line.append(note)
    if dropped := len(notes) - len(line):
        remarks.append(f"Kept the highest of the notes that sound together and left out {dropped}.")
    return line
