"""Read a Standard MIDI File: its notes, metre and tempo, whatever else some program wrote into it.

Readers at hand refuse a whole file for one odd event, and drop notes that have no end. Here an event that a melody
does not need is skipped by its length, whatever it says. Time and memory grow with the file's size, which is limited
first, and not with the numbers in it.
"""

import struct
from collections import deque
from dataclasses import dataclass, field

from seqtutor_core.domains.melody.midi_events import END_OF_TRACK, events
from seqtutor_core.errors import InputError

MAX_BYTES = 1 << 20
MAX_NOTES = 50_000  # the longest symphonies have about as many
DRUMS = 9  # the channel, counted from 0
USUAL_TEMPO = 120.0  # what a file without a tempo is played at
SUSTAIN = 64  # the controller of the pedal, pressed from 64 on
CENTRE = b"\x00\x40"  # a pitch wheel at rest
SILENCING = {120, 123, 124, 125, 126, 127}  # controllers: all sound off, all notes off and what implies it
FRAME_RATES = {24: 24.0, 25: 25.0, 29: 30_000 / 1001, 30: 30.0}  # SMPTE, frames a second


@dataclass(frozen=True)
class MidiNote:
    """A note as the file has it; start and end in quarter notes."""

    pitch: int
    start: float
    end: float
    hanging: bool = False
    """Nothing in the file ends it; `end` is where its track ends."""


@dataclass(frozen=True)
class TimeSignature:
    """A metre and where it begins, in quarter notes."""

    beats: int
    unit: int
    start: float

    @property
    def bar(self) -> float:
        """Quarter notes in a bar."""
        return 4 * self.beats / self.unit

    def __str__(self) -> str:
        return f"{self.beats}/{self.unit}"


@dataclass(frozen=True)
class MidiFile:
    """What a melody can be taken from."""

    notes: tuple[MidiNote, ...]
    """Pitched notes of all tracks, in no order."""
    signatures: tuple[TimeSignature, ...]
    """Each metre up to the last note, in order."""
    tempos: tuple[float, ...]
    """Each tempo up to the last note, beats a minute."""
    timed: bool
    """Whether the file counts seconds (SMPTE) and names no tempo: a quarter note is then half a second."""
    drums: int
    bends: int
    pedals: int
    """How many strokes, moves of the pitch wheel and presses of the sustain pedal were left out."""
    remarks: tuple[str, ...]
    """A sentence for each part of the file that could not be read."""


@dataclass
class _Contents:
    """What is gathered from tracks; times in ticks, notes as (pitch, start, end, hanging)."""

    notes: list[tuple[int, int, int, bool]] = field(default_factory=list)
    signatures: dict[int, tuple[int, int]] = field(default_factory=dict)
    tempos: dict[int, float] = field(default_factory=dict)
    """By tick: of several at one tick the last one counts."""
    drums: int = 0
    bends: int = 0
    pedals: int = 0
    damaged: list[int] = field(default_factory=list)
    """The numbers of tracks that could not be read to their end."""


def read_midi_file(data: bytes) -> MidiFile:
    """Read the notes of a MIDI file; InputError when it is not one, too large, or cannot be read at all."""
    form, division, tracks, remarks = _chunks(_checked(data))
    contents = _Contents()
    for number, track in enumerate(tracks, start=1):
        _read_track(track, number, contents)
        if len(contents.notes) > MAX_NOTES:
            raise InputError(f"the file has more than {MAX_NOTES:,} notes; export just the melody")
        if form == 2 and contents.notes and number < len(tracks):
            remarks.append(f"Read one of the {len(tracks)} separate pieces in the file.")
            break
    if contents.damaged:
        which = ", ".join(map(str, contents.damaged[:3])) + (" and others" if contents.damaged[3:] else "")
        remarks.append(f"Damaged: track {which}; what stands before the damage was read.")
    starts = [start for _, start, _, _ in contents.notes] or [0]
    tempos = {tick: tempo for tick, tempo in sorted(contents.tempos.items()) if tick <= max(starts)}
    quarter, timed = _ticks_a_quarter(division, next(iter(tempos.values()), None))
    if tempos and min(tempos) > min(starts) and division < 0x8000:  # until then it is played at the usual one
        tempos = {0: USUAL_TEMPO, **tempos}
    signatures = {tick: metre for tick, metre in sorted(contents.signatures.items()) if tick <= max(starts)}
    return MidiFile(
        tuple(MidiNote(pitch, start / quarter, end / quarter, open_) for pitch, start, end, open_ in contents.notes),
        tuple(TimeSignature(*metre, tick / quarter) for tick, metre in signatures.items()),
        tuple(dict.fromkeys(tempos.values())),
        timed,
        contents.drums,
        contents.bends,
        contents.pedals,
        tuple(remarks),
    )


# ---------------------------------------------------------------- the file


def _checked(data: bytes) -> bytes:
    """Return the file from its header on; InputError for one that is empty, too large or not MIDI."""
    if not data:
        raise InputError("the file is empty; choose a MIDI file that holds a melody")
    if len(data) > MAX_BYTES:
        raise InputError(f"the file has more than {MAX_BYTES:,} bytes; choose a smaller one, or export just the melody")
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":  # a MIDI file in a wrapper
        data = data[max(data.find(b"MThd"), 0) :]
    if not data.startswith(b"MThd"):
        raise InputError(
            "this is not a MIDI file: it does not begin with MThd; choose a file ending in .mid, or export one as MIDI"
        )
    return data


def _broken(reason: str) -> InputError:
    return InputError(
        f"this MIDI file is broken and cannot be read: {reason}; open it in a music program and export it again"
    )


def _chunks(data: bytes) -> tuple[int, int, list[bytes], list[str]]:
    """Return format, division, tracks, and remarks on what is missing; chunks of other kinds are skipped."""
    if len(data) < 14:
        raise _broken("it ends within its header")
    length, form, announced, division = struct.unpack(">IHHH", data[4:14])
    tracks, remarks, at = [], [], 8 + max(length, 6)
    while at + 8 <= len(data) and data[at : at + 4].isalnum():
        start, end = at + 8, at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == b"MTrk":
            end = _end_of_track(data, start, end)
            tracks.append(data[start:end])
            if end > len(data) and END_OF_TRACK not in data[start:]:
                remarks.append("The file ends in the middle of a track; what stands before was read.")
        at = end
    if not tracks:
        raise _broken("it has no track")
    if data[at:].strip(b"\0"):
        remarks.append(f"Left out the last {len(data) - at} bytes of the file, which belong to no track.")
    if len(tracks) < announced:
        remarks.append(f"The file announces {announced} tracks and has {len(tracks)}.")
    return form, division, tracks, remarks


def _end_of_track(data: bytes, start: int, announced: int) -> int:
    """Return where a track ends: as announced, unless another begins within it or what comes next cannot follow."""
    following = data.find(b"MTrk", start)
    if 0 <= following < announced:
        return following
    if announced >= len(data) or data[announced : announced + 4].isalnum():
        return announced
    return following if following >= 0 else len(data)


def _ticks_a_quarter(division: int, tempo: float | None) -> tuple[float, bool]:
    """Return the ticks in a quarter note, and whether they are a guess, as for SMPTE, which counts seconds."""
    if division < 0x8000:
        if not division:
            raise _broken("its header says 0 ticks a quarter note")
        return float(division), False
    rate, ticks = 256 - (division >> 8), division & 0xFF
    if rate not in FRAME_RATES or not ticks:
        raise _broken(
            f"its header says {ticks} ticks a frame at {rate} frames a second, and SMPTE knows 24, 25, 29 and 30"
        )
    return FRAME_RATES[rate] * ticks * 60 / (tempo or USUAL_TEMPO), tempo is None


# ---------------------------------------------------------------- a track


def _read_track(track: bytes, number: int, contents: _Contents) -> None:
    """Add what a track holds; where it is damaged, what stands before."""
    sounding: list[dict[int, deque[int]]] = [{} for _ in range(16)]  # by channel: pitch -> starts, the oldest first
    tick = 0
    try:
        for tick, status, content in events(track):
            _take(tick, status, content, sounding, contents)
    except IndexError:
        contents.damaged.append(number)
    for pitches in sounding:
        for pitch in pitches:
            _close(pitches, pitch, tick, contents, all_of_it=True, hanging=True)


def _take(tick: int, status: int, content: bytes, sounding: list[dict[int, deque[int]]], contents: _Contents) -> None:
    """Add what one event says. Raises IndexError for an impossible pitch."""
    kind, channel = status & 0xF0, status & 0x0F
    if status == 0xFF:
        _take_meta(tick, content, contents)
    elif channel == DRUMS:
        contents.drums += kind == 0x90 and content[1] > 0
    elif kind in (0x80, 0x90):
        pitch, velocity = content
        if pitch > 127:
            raise IndexError
        if kind == 0x90 and velocity:
            sounding[channel].setdefault(pitch, deque()).append(tick)
        else:
            _close(sounding[channel], pitch, tick, contents)
    elif kind == 0xB0 and content[0] in SILENCING:
        for pitch in sounding[channel]:
            _close(sounding[channel], pitch, tick, contents, all_of_it=True)
        sounding[channel].clear()
    elif kind == 0xB0:
        contents.pedals += content[0] == SUSTAIN and content[1] >= 64
    elif kind == 0xE0:
        contents.bends += content != CENTRE


def _close(
    pitches: dict[int, deque[int]],
    pitch: int,
    tick: int,
    contents: _Contents,
    all_of_it: bool = False,
    hanging: bool = False,
) -> None:
    """End the oldest sounding note of a pitch, or all of them: at the latest where the same pitch begins again."""
    starts = pitches.get(pitch, deque())
    while starts:
        start = starts.popleft()
        together = 1
        while starts and starts[0] == start:
            starts.popleft()
            together += 1
        end = min(tick, starts[0]) if starts else tick
        contents.notes += [(pitch, start, end, hanging)] * together
        if not all_of_it:
            return


def _take_meta(tick: int, content: bytes, contents: _Contents) -> None:
    """Add a tempo or a metre; skip an impossible one, for it is no reason to refuse a melody."""
    kind, value = content[0], content[1:]
    if kind == 0x51 and len(value) == 3 and (micros := int.from_bytes(value, "big")):
        contents.tempos[tick] = 60_000_000 / micros
    elif kind == 0x58 and len(value) >= 2 and value[0] and value[1] <= 6:
        contents.signatures[tick] = (value[0], 2 ** value[1])
