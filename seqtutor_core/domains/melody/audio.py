"""A melody as files: MIDI, WAV, MusicXML, and a zip of many.

Times are in seconds, lengths in sixteenths, tempo in quarter notes a minute.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seqtutor_core.domains.melody.midi_libraries import instrument_name, pretty_midi
from seqtutor_core.domains.melody.synthesis import SAMPLE_RATE, Sound, render, wav_bytes
from seqtutor_core.domains.melody.tokens import PITCH_NAMES, VOCABULARY, Note, beats_per_bar, decode
from seqtutor_core.errors import InputError, MissingPartError, SettingError, TokenError

NO_NOTES = "silence: this melody has no notes"


@dataclass(frozen=True)
class Piece:
    """What a file needs to know about one melody. Raises TokenError or SettingError."""

    tokens: tuple[int, ...]
    primer: tuple[int, ...] = ()
    """Tokens that stand before the melody and sound with it."""
    bpm: float = 120.0
    """Quarter notes a minute, 20 to 320."""
    title: str = "Melody"
    tonic: str = "C"
    """A name out of PITCH_NAMES; MIDI and MusicXML have its key signature."""
    mode: str = "major"
    """major or minor."""
    transpose: int = 0
    """Semitones from the tokens to what sounds."""
    steps_per_beat: int = 4
    """The time grid: 4 makes a token a sixteenth, 2 an eighth, 3 a triplet."""
    bar: int = 16
    """Steps in a bar; on a grid of eighths, in two."""
    instrument: int = 0
    """General MIDI program, 0 to 127."""

    def __post_init__(self) -> None:
        VOCABULARY.check(self.all_tokens)
        if not self.all_tokens:
            raise TokenError("a melody of 0 tokens cannot be written; give it at least one")
        if not 20 <= self.bpm <= 320:
            raise SettingError(f"a tempo of {self.bpm} BPM is outside 20 to 320; choose one in between")
        if self.tonic not in PITCH_NAMES:
            raise SettingError(f"tonic {self.tonic!r} is not a pitch name; choose one of {', '.join(PITCH_NAMES)}")
        if self.mode not in ("major", "minor"):
            raise SettingError(f"mode {self.mode!r} is not known; choose major or minor")
        if self.instrument not in range(128):
            raise SettingError(f"instrument {self.instrument} is no General MIDI program; choose one from 0 to 127")

    @property
    def all_tokens(self) -> tuple[int, ...]:
        """Primer and melody as one sequence, so that a hold may carry a primer's note on."""
        return (*self.primer, *self.tokens)

    @property
    def notes(self) -> list[Note]:
        """What sounds; start and length in steps."""
        return [replace(note, pitch=note.pitch + self.transpose) for note in decode(self.all_tokens)]

    @property
    def beats_per_bar(self) -> int:
        """Quarter notes in a bar of music."""
        return beats_per_bar(self.bar, self.steps_per_beat)

    @property
    def step_seconds(self) -> float:
        """Seconds of one step, a sixteenth by default."""
        return 60.0 / self.bpm / self.steps_per_beat

    @property
    def seconds(self) -> float:
        """Seconds of the whole piece, the tail of the last note left out."""
        return len(self.all_tokens) * self.step_seconds


# ---------------------------------------------------------------- MIDI


def midi(piece: Piece) -> bytes:
    """Return the piece as a MIDI file with one track, its metre and its key."""
    score = pretty_midi.PrettyMIDI(initial_tempo=piece.bpm)
    score.time_signature_changes.append(pretty_midi.TimeSignature(piece.beats_per_bar, 4, 0.0))
    key = PITCH_NAMES.index(piece.tonic) + (12 if piece.mode == "minor" else 0)
    score.key_signature_changes.append(pretty_midi.KeySignature(key, 0.0))
    title = piece.title.encode("latin-1", "replace").decode("latin-1")
    track = pretty_midi.Instrument(program=piece.instrument, name=title)
    for note in piece.notes:
        start, end = note.start * piece.step_seconds, note.end * piece.step_seconds
        track.notes.append(pretty_midi.Note(velocity=100, pitch=note.pitch, start=start, end=end))
    score.instruments.append(track)
    file = io.BytesIO()
    score.write(file)
    return file.getvalue()


# ---------------------------------------------------------------- WAV


def sound(piece: Piece) -> Sound:
    """Return the piece as the best synthesiser that works plays it."""
    if not piece.notes:
        return Sound(wav_bytes(np.zeros(round(piece.seconds * SAMPLE_RATE))), NO_NOTES, piece.seconds)
    return render(midi(piece), piece.seconds)


# ---------------------------------------------------------------- MusicXML


def musicxml(piece: Piece) -> bytes:
    """Return the piece as a MusicXML score. Raises MissingPartError without the music21 package."""
    try:
        # Imported here: it takes over a second, which only this export should wait for.
        from music21 import instrument, metadata, meter, note, stream, tempo
        from music21.musicxml.m21ToXml import GeneralObjectExporter
    except ImportError:
        raise MissingPartError("MusicXML needs the music21 package: pip install -r requirements.txt") from None
    signature = _key_signature(piece)
    part = stream.Part(id="melody")
    part.append(instrument.instrumentFromMidiProgram(piece.instrument))
    part.append([tempo.MetronomeMark(number=piece.bpm), signature, meter.TimeSignature(f"{piece.beats_per_bar}/4")])
    for pitch, length in notes_and_rests(piece.notes, len(piece.all_tokens)):
        if pitch is None:
            part.append(note.Rest(quarterLength=length / piece.steps_per_beat))
            continue
        heard = note.Note(pitch, quarterLength=length / piece.steps_per_beat)
        accidental = heard.pitch.accidental
        if accidental is not None and accidental.alter * signature.sharps < 0:
            heard.pitch = heard.pitch.getEnharmonic()
        part.append(heard)
    score = stream.Score([part])
    score.metadata = metadata.Metadata(title=piece.title, composer="Sequence Tutor Studio")
    exported: bytes = GeneralObjectExporter(score).parse()
    return exported


def _key_signature(piece: Piece):  # type: ignore[no-untyped-def]  # a music21 Key
    """Return the tonic as a sharp or as its flat twin, whichever needs fewer accidentals."""
    from music21 import key

    flat_twins = {"C#": "D-", "D#": "E-", "F#": "G-", "G#": "A-", "A#": "B-"}
    spellings = [piece.tonic, flat_twins.get(piece.tonic, piece.tonic)]
    return min((key.Key(name, piece.mode) for name in spellings), key=lambda k: abs(k.sharps))


def notes_and_rests(notes: Sequence[Note], steps: int) -> Iterator[tuple[int | None, int]]:
    """Return pitch (None: a rest) and length in sixteenths, without a gap from step 0 to `steps`."""
    end = 0
    for note in notes:
        if note.start > end:
            yield None, note.start - end
        yield note.pitch, note.length
        end = note.end
    if steps > end:
        yield None, steps - end


# ---------------------------------------------------------------- all at once


def archive(pieces: Sequence[Piece]) -> bytes:
    """Return a zip with MIDI, WAV and MusicXML of every piece, and melodies.json with their tokens."""
    if not pieces:
        raise InputError("0 melodies were chosen, and a zip needs one; choose some first")
    listing = []
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for number, piece in enumerate(pieces, start=1):
            name = f"{number:03d}-{re.sub('[^a-z0-9]+', '-', piece.title.lower()).strip('-') or 'melody'}"
            heard = sound(piece)
            out.writestr(f"{name}.mid", midi(piece))
            out.writestr(f"{name}.wav", heard.wav)
            out.writestr(f"{name}.musicxml", musicxml(piece))
            listing.append(
                {
                    "file": name,
                    "title": piece.title,
                    "bpm": piece.bpm,
                    "instrument": instrument_name(piece.instrument),
                    "key": f"{piece.tonic} {piece.mode}",
                    "synthesiser": heard.synthesiser,
                    "primer": list(piece.primer),
                    "tokens": list(piece.tokens),
                }
            )
        out.writestr("melodies.json", json.dumps(listing, indent=2) + "\n")
    return file.getvalue()
