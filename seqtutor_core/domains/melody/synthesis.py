"""From MIDI to sound: fluidsynth in this process, else its program, else pretty_midi's basic synth.

All three get the same MIDI file, and what they give is cut and scaled by the same rules.
"""

import io
import math
import shutil
import subprocess
import tempfile
import threading
import wave
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqtutor_core.domains.melody.midi_libraries import failure, pretty_midi
from seqtutor_core.errors import MissingPartError

SOUNDFONT = Path(pretty_midi.__file__).parent / "TimGM6mb.sf2"
SAMPLE_RATE = 44_100
PEAK = 0.9  # of full scale: loud, and clear of clipping when a browser resamples
SILENT = 1e-3  # a quieter peak is a synthesiser that failed without an error
TAIL_SECONDS = 1.5  # at most this much of the last note's decay is kept
FADE_SECONDS = 0.03
SYNTHESISER_TIMEOUT = 60.0
WARNINGS = 2  # fluidsynth's FLUID_WARN
GAIN = 0.6  # finer steps than fluidsynth's 0.2, and far from clipping with one note at a time
BLOCK = 64  # samples that fluidsynth computes at once; notes begin and end between two blocks
TAIL_PART = 160 * BLOCK  # the tail is computed in parts of a quarter second, until one is silent
TAIL_PARTS = math.ceil(TAIL_SECONDS * SAMPLE_RATE / TAIL_PART)

FLUIDSYNTH = "fluidsynth"
BASIC_SYNTH = "basic synth"

Samples = npt.NDArray[np.float64]


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
    """Which synthesiser plays, and what to do when it is not the best one."""

    available: bool
    """Whether fluidsynth plays, as a library or as a program."""
    label: str
    remedy: str
    """What is missing, what that costs and how to get it; empty when nothing is."""


def synthesiser_available() -> Synthesiser:
    """Return the synthesiser that the next melody will be played by."""
    library = fluidsynth_library()
    if isinstance(library, FluidSynth):
        return Synthesiser(True, FLUIDSYNTH, "")
    if shutil.which("fluidsynth"):
        return Synthesiser(True, FLUIDSYNTH, f"{_capital(library)}: its program plays, eight times slower.")
    remedy = (
        f"{_capital(library)}, and its program is missing too, so a plain sine-wave synth plays every instrument. "
        "Install fluidsynth with `sudo apt-get install fluidsynth` (Debian, Ubuntu) or `brew install fluid-synth` "
        "(macOS), then start the app again."
    )
    return Synthesiser(False, BASIC_SYNTH, remedy)


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def render(midi_file: bytes, seconds: float) -> Sound:
    """Return a MIDI file with notes as the best synthesiser that works plays it; `seconds` leave its tail out."""
    for synthesise in (_in_process, _by_program):
        try:
            return synthesise(midi_file, seconds)
        except MissingPartError:
            pass  # the label of what follows tells the listener
    return _basic(midi_file, seconds)


# ---------------------------------------------------------------- in this process


class FluidSynth:
    """The library fluidsynth with the soundfont loaded. Raises OSError when it cannot be used."""

    def __init__(self) -> None:
        if failure:
            raise OSError(failure)
        import fluidsynth

        fluidsynth._fl.fluid_set_log_function(WARNINGS, None, None)  # of audio drivers, which nothing here plays by
        self._synth = fluidsynth.Synth(gain=GAIN, samplerate=float(SAMPLE_RATE), channels=16)
        self._font = self._synth.sfload(str(SOUNDFONT))
        if self._font < 0:
            raise OSError(f"it cannot read {SOUNDFONT.name}")
        self._lock = threading.Lock()

    def play(self, midi_file: bytes, seconds: float) -> Samples:
        """Return the samples of the first track: `seconds` of them and what sounds after; sessions wait in line."""
        (track, *_) = pretty_midi.PrettyMIDI(io.BytesIO(midi_file)).instruments
        parts, now, end = [], 0, _sample(seconds)
        with self._lock:
            self._synth.system_reset()
            self._synth.program_select(0, self._font, 0, track.program)
            for at, begins, note in _moments(track.notes):
                parts.append(self._synth.get_samples(at - now))
                now = at
                if begins:
                    self._synth.noteon(0, note.pitch, note.velocity)
                else:
                    self._synth.noteoff(0, note.pitch)
            parts.append(self._synth.get_samples(max(0, end - now)))
            loudest = max(np.abs(part).max(initial=0) for part in parts)
            for _ in range(TAIL_PARTS):
                parts.append(self._synth.get_samples(TAIL_PART))
                if np.abs(parts[-1]).max() < SILENT * loudest:
                    break
        stereo = np.concatenate(parts).reshape(-1, 2)  # (samples, channels)
        return np.add(stereo[:, 0], stereo[:, 1], dtype=np.float64) / 65536


def _moments(notes: list[pretty_midi.Note]) -> list[tuple[int, bool, pretty_midi.Note]]:
    """Return when a note begins (True) or ends, in samples; where one follows another, the end comes first."""
    moments = [(_sample(note.start), True, note) for note in notes] + [
        (_sample(note.end), False, note) for note in notes
    ]
    return sorted(moments, key=lambda moment: moment[:2])


def _sample(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE / BLOCK) * BLOCK


@lru_cache(maxsize=1)
def fluidsynth_library() -> FluidSynth | str:
    """Return the library, loaded once, or half a sentence that says why it cannot be used."""
    try:
        return FluidSynth()
    except (OSError, AttributeError, TypeError) as error:  # the last two: a version that lacks some function
        return f"the fluidsynth library cannot be used ({error})"


@lru_cache(maxsize=64)
def _in_process(midi_file: bytes, seconds: float) -> Sound:
    """Play by the library; MissingPartError when there is none or it renders silence; errors are not cached."""
    library = fluidsynth_library()
    if isinstance(library, str):
        raise MissingPartError(library)
    return _finish(_audible(library.play(midi_file, seconds)), seconds, FLUIDSYNTH)


# ---------------------------------------------------------------- by other means


@lru_cache(maxsize=64)
def _by_program(midi_file: bytes, seconds: float) -> Sound:
    """Play by the program; MissingPartError if it is missing, fails, hangs or is silent; errors are not cached."""
    if not shutil.which("fluidsynth"):
        raise MissingPartError("the fluidsynth program is not on the PATH")
    with tempfile.TemporaryDirectory(prefix="seqtutor-") as folder:
        source, target = Path(folder, "piece.mid"), Path(folder, "piece.wav")
        source.write_bytes(midi_file)
        try:
            from seqtutor_core.domains.melody.fluidsynth_program import FluidSynthProgram

            program = FluidSynthProgram(str(SOUNDFONT), SAMPLE_RATE, SYNTHESISER_TIMEOUT)
            program.midi_to_audio(str(source), str(target))
            samples = _read_wav(target)
        except (ImportError, OSError, EOFError, wave.Error, subprocess.TimeoutExpired) as error:
            raise MissingPartError(f"fluidsynth gave no sound ({error}); {BASIC_SYNTH} plays instead") from error
    return _finish(_audible(samples), seconds, FLUIDSYNTH)


@lru_cache(maxsize=64)
def _basic(midi_file: bytes, seconds: float) -> Sound:
    samples = pretty_midi.PrettyMIDI(io.BytesIO(midi_file)).synthesize(fs=SAMPLE_RATE)
    return _finish(samples, seconds, BASIC_SYNTH)


# ---------------------------------------------------------------- samples and WAV


def _audible(samples: Samples) -> Samples:
    if not samples.size or np.abs(samples).max() < SILENT:
        raise MissingPartError(f"fluidsynth gave silence; {BASIC_SYNTH} plays instead")
    return samples


def _finish(samples: Samples, seconds: float, label: str) -> Sound:
    """Cut or pad to the piece and its tail, fade the end, set the peak."""
    least, loudness = round(seconds * SAMPLE_RATE), np.abs(samples)
    heard = int(np.flatnonzero(loudness > SILENT / PEAK * loudness.max())[-1]) + 1
    size = max(least, min(heard, least + round(TAIL_SECONDS * SAMPLE_RATE)))
    shaped = np.zeros(size)
    shaped[: min(size, samples.size)] = samples[:size]
    fade = min(round(FADE_SECONDS * SAMPLE_RATE), size)
    shaped[size - fade :] *= np.linspace(1.0, 0.0, fade)
    shaped *= PEAK / np.abs(shaped).max()  # the loudest sample may have been cut off with the tail
    return Sound(wav_bytes(shaped), label, size / SAMPLE_RATE)


def _read_wav(path: Path) -> Samples:
    """Return a 16-bit WAV file as mono samples from -1 to 1."""
    with wave.open(str(path), "rb") as file:
        channels = file.getnchannels()
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    mono: Samples = frames.reshape(-1, channels).mean(axis=1) / 32768.0  # (samples, channels) -> (samples,)
    return mono


def wav_bytes(samples: Samples) -> bytes:
    """Return mono samples from -1 to 1 as a 16-bit WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return file.getvalue()
