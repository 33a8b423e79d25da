"""A melody as files: MIDI, WAV, MusicXML, and a zip of many.

Times are in seconds, lengths in sixteenths, tempo in quarter notes a minute.
"""

import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import wave
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pretty_midi

from seqtutor_core.domains.melody.tokens import PITCH_NAMES, VOCABULARY, Note, beats_per_bar, decode
from seqtutor_core.errors import InputError, MissingPartError, SettingError, TokenError

SOUNDFONT = Path(pretty_midi.__file__).parent / "TimGM6mb.sf2"
SAMPLE_RATE = 44_100
PEAK = 0.9  # of full scale: loud, and clear of clipping when a browser resamples
SILENT = 1e-3  # a quieter peak is a synthesiser that failed without an error
TAIL_SECONDS = 1.5  # at most this much of the last note's decay is kept
FADE_SECONDS = 0.03
SYNTHESISER_TIMEOUT = 60.0

FLUIDSYNTH = "fluidsynth"
BASIC_SYNTH = "basic synth"
NO_NOTES = "silence: this melody has no notes"

Samples = npt.NDArray[np.float64]


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


@dataclass(frozen=True)
class Sound:
    """A rendered piece."""

    wav: bytes
    """Mono, 16 bits, 44.1 kHz; peak 0.9 of full scale, or 0 when there are no notes."""
    synthesiser: str
    """What made it, in words for the page: FLUIDSYNTH, BASIC_SYNTH or NO_NOTES."""
    seconds: float
    """Length of the sound, the tail included."""


@dataclass(frozen=True)
class Synthesiser:
    """Whether the real synthesiser is installed, and what to do when it is not."""

    available: bool
    label: str
    remedy: str


def synthesiser_available() -> Synthesiser:
    """Look for the fluidsynth program; the remedy is empty when it is there."""
    if shutil.which("fluidsynth"):
        return Synthesiser(True, FLUIDSYNTH, "")
    remedy = (
        "The fluidsynth program is not installed, so a plain sine-wave synth plays instead. Install it with "
        "`sudo apt-get install fluidsynth` (Debian, Ubuntu), `brew install fluid-synth` (macOS) or "
        "`choco install fluidsynth` (Windows), then play again."
    )
    return Synthesiser(False, BASIC_SYNTH, remedy)


# ---------------------------------------------------------------- MIDI


def midi(piece: Piece) -> bytes:
    """The piece as a MIDI file with one piano track, its metre and its key."""
    score = pretty_midi.PrettyMIDI(initial_tempo=piece.bpm)
    score.time_signature_changes.append(pretty_midi.TimeSignature(piece.beats_per_bar, 4, 0.0))
    key = PITCH_NAMES.index(piece.tonic) + (12 if piece.mode == "minor" else 0)
    score.key_signature_changes.append(pretty_midi.KeySignature(key, 0.0))
    piano = pretty_midi.Instrument(program=0, name=piece.title.encode("latin-1", "replace").decode("latin-1"))
    for note in piece.notes:
        start, end = note.start * piece.step_seconds, note.end * piece.step_seconds
        piano.notes.append(pretty_midi.Note(velocity=100, pitch=note.pitch, start=start, end=end))
    score.instruments.append(piano)
    file = io.BytesIO()
    score.write(file)
    return file.getvalue()


# ---------------------------------------------------------------- WAV


def sound(piece: Piece) -> Sound:
    """The piece through fluidsynth, or through the basic synth when fluidsynth is missing or fails."""
    if not piece.notes:
        silence = np.zeros(round(piece.seconds * SAMPLE_RATE))
        return Sound(_wav_bytes(silence), NO_NOTES, piece.seconds)
    if synthesiser_available().available:
        try:
            return _through_fluidsynth(midi(piece), piece.seconds)
        except MissingPartError:
            pass  # the label of what follows tells the listener
    return _through_basic_synth(midi(piece), piece.seconds)


@lru_cache(maxsize=64)
def _through_fluidsynth(midi_file: bytes, seconds: float) -> Sound:
    """MissingPartError when the program fails, hangs or renders silence; errors are not cached."""
    with tempfile.TemporaryDirectory(prefix="seqtutor-") as folder:
        source, target = Path(folder, "piece.mid"), Path(folder, "piece.wav")
        source.write_bytes(midi_file)
        # midi2audio in a process of its own: its program prints a banner, and has no time limit.
        command = [sys.executable, "-m", "midi2audio", "-s", str(SOUNDFONT), "-r", str(SAMPLE_RATE)]
        try:
            subprocess.run([*command, str(source), str(target)], capture_output=True, timeout=SYNTHESISER_TIMEOUT)
            samples = _read_wav(target)
        except (OSError, EOFError, wave.Error, subprocess.TimeoutExpired) as error:
            raise MissingPartError(f"fluidsynth gave no sound ({error}); {BASIC_SYNTH} plays instead") from error
    if not samples.size or np.abs(samples).max() < SILENT:
        raise MissingPartError(f"fluidsynth gave silence; {BASIC_SYNTH} plays instead")
    return _finish(samples, seconds, FLUIDSYNTH)


@lru_cache(maxsize=64)
def _through_basic_synth(midi_file: bytes, seconds: float) -> Sound:
    samples = pretty_midi.PrettyMIDI(io.BytesIO(midi_file)).synthesize(fs=SAMPLE_RATE)
    return _finish(samples, seconds, BASIC_SYNTH)


def _finish(samples: Samples, seconds: float, label: str) -> Sound:
    """Cut or pad to the piece and its tail, fade the end, set the peak."""
    samples = samples * (PEAK / np.abs(samples).max())
    least = round(seconds * SAMPLE_RATE)
    heard = int(np.flatnonzero(np.abs(samples) > SILENT)[-1]) + 1
    size = max(least, min(heard, least + round(TAIL_SECONDS * SAMPLE_RATE)))
    shaped = np.zeros(size)
    shaped[: min(size, samples.size)] = samples[:size]
    fade = min(round(FADE_SECONDS * SAMPLE_RATE), size)
    shaped[size - fade :] *= np.linspace(1.0, 0.0, fade)
    shaped *= PEAK / np.abs(shaped).max()  # the loudest sample may have been cut off with the tail
    return Sound(_wav_bytes(shaped), label, size / SAMPLE_RATE)


def _read_wav(path: Path) -> Samples:
    """A 16-bit WAV file as mono samples from -1 to 1."""
    with wave.open(str(path), "rb") as file:
        channels = file.getnchannels()
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    mono: Samples = frames.reshape(-1, channels).mean(axis=1) / 32768.0  # (samples, channels) -> (samples,)
    return mono


def _wav_bytes(samples: Samples) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


# ---------------------------------------------------------------- MusicXML


def musicxml(piece: Piece) -> bytes:
    """The piece as a MusicXML score. Raises MissingPartError without the music21 package."""
    try:
        # Imported here: it takes over a second, which only this export should wait for.
        from music21 import metadata, meter, note, stream, tempo
        from music21.musicxml.m21ToXml import GeneralObjectExporter
    except ImportError:
        raise MissingPartError("MusicXML needs the music21 package: pip install -r requirements.txt") from None
    signature = _key_signature(piece)
    part = stream.Part(id="melody")
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
    """The tonic as a sharp or as its flat twin, whichever needs fewer accidentals."""
    from music21 import key

    flat_twins = {"C#": "D-", "D#": "E-", "F#": "G-", "G#": "A-", "A#": "B-"}
    spellings = [piece.tonic, flat_twins.get(piece.tonic, piece.tonic)]
    return min((key.Key(name, piece.mode) for name in spellings), key=lambda k: abs(k.sharps))


def notes_and_rests(notes: Sequence[Note], steps: int) -> Iterator[tuple[int | None, int]]:
    """Pitch (None: a rest) and length in sixteenths, without a gap from step 0 to `steps`."""
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
    """A zip with MIDI, WAV and MusicXML of every piece, and melodies.json with their tokens."""
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
                    "key": f"{piece.tonic} {piece.mode}",
                    "synthesiser": heard.synthesiser,
                    "primer": list(piece.primer),
                    "tokens": list(piece.tokens),
                }
            )
        out.writestr("melodies.json", json.dumps(listing, indent=2) + "\n")
    return file.getvalue()
