"""A melody as files: what is heard and read back is the melody."""

import io
import json
import os
import shutil
import subprocess
import sys
import wave
import zipfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor_core.domains.melody import audio, synthesis
from seqtutor_core.domains.melody.midi_libraries import pretty_midi
from seqtutor_core.domains.melody.tokens import Note, decode
from seqtutor_core.errors import InputError, MissingPartError, SettingError, TokenError

needs_program = pytest.mark.skipif(not shutil.which("fluidsynth"), reason="the fluidsynth program is not installed")
needs_library = pytest.mark.skipif(
    isinstance(synthesis.fluidsynth_library(), str), reason="the fluidsynth library cannot be used"
)
NO_LIBRARY = "the fluidsynth library cannot be used (a test says so)"

# C4 E4 G4 (rest) C5 A3, a quarter each
MELODY = (14, 1, 1, 1, 18, 1, 1, 1, 21, 1, 1, 1, 0, 1, 1, 1, 26, 1, 1, 1, 11, 1, 1, 1)
PIECE = audio.Piece(MELODY, bpm=100)

token_lists = st.lists(st.sampled_from([0, 1, 1, 1, *range(2, 38)]), min_size=1, max_size=64)


def samples(wav: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 44_100)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def sounding_pitch(sound: np.ndarray, note: Note, step_seconds: float) -> int:
    """The MIDI pitch (48..83) whose first five harmonics hold most of the spectrum while the note sounds."""
    start, end = (round(s * step_seconds * 44_100) for s in (note.start + 0.3, note.end - 0.3))
    window = sound[start:end] * np.hanning(end - start)
    spectrum = np.abs(np.fft.rfft(window, 1 << 17))
    hertz = 440 * 2 ** ((np.arange(48, 84) - 69) / 12)  # (36,)
    bins = np.outer(hertz, np.arange(1, 6)) * (1 << 17) / 44_100  # (36, 5)
    weights = 0.7 ** np.arange(5)
    return 48 + int(np.argmax((spectrum[np.round(bins).astype(int)] * weights).sum(axis=1)))


def read_back(midi: bytes, step_seconds: float) -> list[Note]:
    score = pretty_midi.PrettyMIDI(io.BytesIO(midi))
    (track,) = score.instruments
    return [
        Note(n.pitch, round(n.start / step_seconds), round(n.end / step_seconds) - round(n.start / step_seconds))
        for n in track.notes
    ]


def test_midi_of_a_known_melody():
    score = pretty_midi.PrettyMIDI(io.BytesIO(audio.midi(PIECE)))
    assert [n.pitch for n in score.instruments[0].notes] == [60, 64, 67, 72, 57]
    assert [round(n.start, 6) for n in score.instruments[0].notes] == [0, 0.6, 1.2, 2.4, 3.0]
    assert score.get_tempo_changes()[1] == pytest.approx([100])
    assert score.instruments[0].program == 0


def test_midi_and_musicxml_name_the_instrument():
    flute = audio.Piece(MELODY, instrument=73)
    assert pretty_midi.PrettyMIDI(io.BytesIO(audio.midi(flute))).instruments[0].program == 73
    (named,) = parsed(flute).recurse().getElementsByClass("Instrument")
    assert (named.midiProgram, named.instrumentName) == (73, "Flute")


@given(token_lists, st.integers(20, 320))
@settings(max_examples=60, deadline=None)
def test_midi_reads_back_equal(tokens, bpm):
    piece = audio.Piece(tuple(tokens), bpm=bpm)
    midi = audio.midi(piece)
    if decode(tokens):
        assert read_back(midi, piece.step_seconds) == decode(tokens)
    else:
        assert pretty_midi.PrettyMIDI(io.BytesIO(midi)).get_end_time() == 0


def test_a_hold_after_the_primer_carries_its_note_on():
    piece = audio.Piece((1, 1, 0, 1), primer=(14, 1, 1, 1))
    assert read_back(audio.midi(piece), piece.step_seconds) == [Note(60, 0, 6)]


@pytest.fixture
def no_library(monkeypatch):
    monkeypatch.setattr(synthesis, "fluidsynth_library", lambda: NO_LIBRARY)
    forget()
    yield
    forget()


def fluidsynth() -> synthesis.FluidSynth:
    """The library, which the test needs."""
    library = synthesis.fluidsynth_library()
    assert isinstance(library, synthesis.FluidSynth)
    return library


def forget():
    """Render anew what was rendered before."""
    for synthesise in (synthesis._in_process, synthesis._by_program, synthesis._basic):
        synthesise.cache_clear()


@needs_library
def test_the_library_plays_the_pitches_of_the_melody(monkeypatch):
    forget()
    monkeypatch.setattr(synthesis.subprocess, "run", None)  # the program would call it
    heard = audio.sound(PIECE)
    assert heard.synthesiser == synthesis.FLUIDSYNTH
    check_sound(heard)


@needs_program
def test_the_program_plays_where_the_library_cannot(no_library):
    heard = audio.sound(PIECE)
    assert heard.synthesiser == synthesis.FLUIDSYNTH
    check_sound(heard)


def test_basic_synth_plays_the_pitches_of_the_melody(no_library, monkeypatch):
    monkeypatch.setattr(synthesis.shutil, "which", lambda name: None)
    heard = audio.sound(PIECE)
    assert heard.synthesiser == synthesis.BASIC_SYNTH
    check_sound(heard)


def spectrum(sound: np.ndarray) -> np.ndarray:
    """Energy in half-tones from 100 Hz up, of unit length."""
    energy = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / 44_100)
    edges = 100 * 2 ** (np.arange(72) / 12)
    bands = np.array([energy[(low <= hertz) & (hertz < high)].sum() for low, high in pairwise(edges)])
    return bands / np.linalg.norm(bands)


@needs_library
@needs_program
@pytest.mark.parametrize("instrument", [0, 40, 73])
def test_library_and_program_sound_alike(instrument):
    piece = audio.Piece(MELODY, bpm=100, instrument=instrument)
    library, program = (
        play(audio.midi(piece), piece.seconds) for play in (synthesis._in_process, synthesis._by_program)
    )
    assert library.seconds == pytest.approx(program.seconds, abs=0.2)  # where its last note is 60 dB down
    assert spectrum(samples(library.wav)) @ spectrum(samples(program.wav)) > 0.99
    loud = [np.flatnonzero(np.abs(samples(heard.wav)) > 0.05)[0] / 44_100 for heard in (library, program)]
    assert loud[0] == pytest.approx(loud[1], abs=0.005)


@needs_library
def test_an_instrument_is_heard():
    flute, piano = (samples(audio.sound(audio.Piece(MELODY, bpm=100, instrument=i)).wav) for i in (73, 0))
    assert spectrum(flute) @ spectrum(piano) < 0.99


@needs_library
def test_a_melody_sounds_the_same_after_many_others_and_beside_them():
    library = fluidsynth()
    pieces = [audio.Piece((token, 1, 1, 1), bpm=240, instrument=token) for token in range(2, 38)]
    files = [audio.midi(piece) for piece in pieces]
    alone = [library.play(file, 0.25) for file in files]
    with ThreadPoolExecutor(4) as sessions:
        together = list(sessions.map(lambda file: library.play(file, 0.25), files * 2))
    for first, again in zip(alone * 2, together, strict=True):
        size = min(len(first), len(again))  # the tail may be a part longer or shorter
        assert np.abs(again).max() == pytest.approx(np.abs(first).max(), rel=0.3)  # some instruments waver
        assert np.corrcoef(first[:size], again[:size])[0, 1] > 0.8


@needs_library
def test_nothing_of_a_melody_is_left_in_the_next():
    library = fluidsynth()
    library.play(audio.midi(audio.Piece((37, 1, 1, 1), instrument=19)), 0.1)  # cut off while it sounds
    after = library.play(audio.midi(audio.Piece((0, 1, 1, 1, 1, 1, 1, 1, 14, 1))), 1.25)
    assert np.abs(after[: 44_100 - 64]).max() < 1e-3 * np.abs(after).max()


def played_apart(folder: Path) -> subprocess.CompletedProcess[str]:
    """A process of its own that plays a melody and says by what; modules of the folder come first."""
    code = """if True:
        from seqtutor_core.domains.melody import audio, synthesis
        print(audio.sound(audio.Piece((14, 1))).synthesiser, synthesis.synthesiser_available().remedy)"""
    env = {"CI": "1", "PYTHONPATH": str(folder), "PATH": os.environ["PATH"]}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=120)


@needs_library
@pytest.mark.slow
def test_a_process_that_played_says_nothing_else_and_ends_in_peace(tmp_path):
    done = played_apart(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{synthesis.FLUIDSYNTH} \n", "")


@needs_program
@pytest.mark.slow
def test_a_library_that_fails_as_it_is_imported_gives_way_and_is_named(tmp_path):
    (tmp_path / "fluidsynth.py").write_text("raise OSError('libglib is missing')")
    done = played_apart(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{synthesis.FLUIDSYNTH} The fluidsynth library cannot be used (libglib is missing):")


@needs_program
def test_a_library_that_renders_silence_gives_way(monkeypatch):
    forget()
    monkeypatch.setattr(synthesis.FluidSynth, "play", lambda self, file, seconds: np.zeros(1000))
    with pytest.raises(MissingPartError, match="silence"):
        synthesis._in_process(audio.midi(PIECE), PIECE.seconds)
    check_sound(audio.sound(PIECE))


def check_sound(heard: audio.Sound) -> None:
    sound = samples(heard.wav)
    notes = decode(MELODY)
    assert [sounding_pitch(sound, n, PIECE.step_seconds) for n in notes] == [n.pitch for n in notes]
    assert np.abs(sound).max() == pytest.approx(0.9, abs=0.002)
    assert heard.seconds == pytest.approx(len(sound) / 44_100)
    assert PIECE.seconds <= heard.seconds <= PIECE.seconds + synthesis.TAIL_SECONDS
    assert abs(sound[-1]) < 1e-3


@needs_library
@pytest.mark.parametrize("pitch_token", [2, 37])
def test_lowest_and_highest_note_are_heard(pitch_token):
    piece = audio.Piece((pitch_token, 1, 1, 1, 1, 1, 1, 1), bpm=60)
    sound = samples(audio.sound(piece).wav)
    assert sounding_pitch(sound, Note(0, 0, 8), piece.step_seconds) == pitch_token + 46


def test_a_silent_program_falls_back_and_says_so(no_library, monkeypatch):
    def render_silence(command, **kwargs):
        with wave.open(command[command.index("-F") + 1], "wb") as out:
            out.setparams((2, 2, 44_100, 0, "NONE", ""))
            out.writeframes(bytes(4 * 44_100))

    monkeypatch.setattr(synthesis.shutil, "which", lambda name: "/usr/bin/fluidsynth")
    monkeypatch.setattr(synthesis.subprocess, "run", render_silence)
    heard = audio.sound(PIECE)
    assert heard.synthesiser == synthesis.BASIC_SYNTH
    assert np.abs(samples(heard.wav)).max() > 0.1


def test_a_program_that_takes_no_option_after_a_file_plays(no_library, monkeypatch, tmp_path):
    """As fluidsynth 2.6 does not; this one writes what the basic synth plays."""
    sound = tmp_path / "sound.wav"
    sound.write_bytes(synthesis._basic.__wrapped__(audio.midi(PIECE), PIECE.seconds).wav)
    program = tmp_path / "fluidsynth"
    program.write_text(f"""#!/bin/sh
while [ "${{1#-}}" != "$1" ]; do
  case $1 in -F) target=$2; shift 2;; -r) shift 2;; *) shift;; esac
done
for file in "$@"; do [ -f "$file" ] || exit 1; done
cp {sound} "$target"
""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    heard = audio.sound(PIECE)
    assert heard.synthesiser == synthesis.FLUIDSYNTH
    check_sound(heard)


def test_a_hanging_program_falls_back(no_library, monkeypatch):
    def hang(*args, timeout, **kwargs):
        raise subprocess.TimeoutExpired(args[0], timeout)

    monkeypatch.setattr(synthesis.shutil, "which", lambda name: "/usr/bin/fluidsynth")
    monkeypatch.setattr(synthesis.subprocess, "run", hang)
    assert audio.sound(PIECE).synthesiser == synthesis.BASIC_SYNTH
    with pytest.raises(MissingPartError, match="gave no sound"):
        synthesis._by_program(audio.midi(PIECE), PIECE.seconds)


@needs_library
def test_nothing_is_missing_where_the_library_plays():
    assert synthesis.synthesiser_available() == synthesis.Synthesiser(True, synthesis.FLUIDSYNTH, "")


def test_the_remedy_says_what_is_missing_and_what_that_costs(no_library, monkeypatch):
    monkeypatch.setattr(synthesis.shutil, "which", lambda name: "/usr/bin/fluidsynth")
    state = synthesis.synthesiser_available()
    assert (state.available, state.label) == (True, synthesis.FLUIDSYNTH)
    assert state.remedy == f"T{NO_LIBRARY[1:]}: its program plays, eight times slower."
    monkeypatch.setattr(synthesis.shutil, "which", lambda name: None)
    state = synthesis.synthesiser_available()
    assert (state.available, state.label) == (False, synthesis.BASIC_SYNTH)
    assert "apt-get install fluidsynth" in state.remedy


@pytest.mark.parametrize("tokens", [(1,) * 16, (0,) * 16, (0, 1, 1, 0) * 4])
def test_no_notes_give_a_valid_silence_of_their_length(tokens):
    heard = audio.sound(audio.Piece(tokens, bpm=120))
    sound = samples(heard.wav)
    assert len(sound) == 2 * 44_100 and not sound.any()
    assert heard.synthesiser == audio.NO_NOTES and heard.seconds == 2


@needs_library
def test_the_same_melody_is_rendered_once(monkeypatch):
    first = audio.sound(PIECE)
    monkeypatch.setattr(synthesis.FluidSynth, "play", None)  # a second rendering would call it
    assert audio.sound(audio.Piece(MELODY, bpm=100)) is first


@pytest.mark.parametrize(
    ("error", "settings", "message"),
    [
        (TokenError, {"tokens": (14, 38)}, "38 at position 1"),
        (TokenError, {"tokens": ()}, "0 tokens"),
        (SettingError, {"tokens": (14,), "bpm": 0}, "0 BPM"),
        (SettingError, {"tokens": (14,), "bpm": float("nan")}, "nan BPM"),
        (SettingError, {"tokens": (14,), "tonic": "H"}, "'H'"),
        (SettingError, {"tokens": (14,), "mode": "dorian"}, "'dorian'"),
        (SettingError, {"tokens": (14,), "instrument": 128}, "instrument 128"),
    ],
)
def test_a_piece_names_what_is_wrong(error, settings, message):
    with pytest.raises(error, match=message):
        audio.Piece(**settings)


# ---------------------------------------------------------------- MusicXML and zip


def parsed(piece: audio.Piece):
    from music21 import converter

    return converter.parseData(audio.musicxml(piece), format="musicxml")


def test_musicxml_reads_back_equal_across_bar_lines():
    piece = audio.Piece((14, 1, 1, 1, 1, 0, 1, *[18] * 7, 21, *[1] * 11, 0, 1), bpm=90, title="Über & <co>")
    score = parsed(piece)
    notes = [Note(n.pitch.midi, int(n.offset * 4), int(n.quarterLength * 4)) for n in score.stripTies().flatten().notes]
    assert notes == decode(piece.tokens)
    assert score.metadata.bestTitle == "Über & <co>"
    assert [m.number for m in score.recurse().getElementsByClass("MetronomeMark")] == [90]
    assert [s.ratioString for s in score.recurse().getElementsByClass("TimeSignature")] == ["4/4"]
    assert len(score.recurse().getElementsByClass("Measure")) == 2


@pytest.mark.parametrize(("tonic", "mode", "sharps"), [("C", "major", 0), ("A#", "major", -2), ("A", "minor", 0)])
def test_musicxml_has_a_readable_key_signature(tonic, mode, sharps):
    score = parsed(audio.Piece((16, 17, 24, 1), tonic=tonic, mode=mode))
    assert [k.sharps for k in score.recurse().getElementsByClass("KeySignature")] == [sharps]


def test_accidentals_follow_the_key():
    flat = parsed(audio.Piece((15, 1, 20, 1), tonic="A#")).flatten().notes
    sharp = parsed(audio.Piece((17, 1, 24, 1), tonic="E")).flatten().notes
    assert [n.pitch.name for n in flat] == ["D-", "G-"]
    assert [n.pitch.name for n in sharp] == ["D#", "A#"]


@given(token_lists)
@settings(max_examples=8, deadline=None)
def test_musicxml_of_any_melody_reads_back_equal(tokens):
    score = parsed(audio.Piece(tuple(tokens)))
    notes = [Note(n.pitch.midi, int(n.offset * 4), int(n.quarterLength * 4)) for n in score.stripTies().flatten().notes]
    assert notes == decode(tokens)


def test_the_zip_holds_every_melody_in_every_form():
    pieces = [PIECE, audio.Piece((1, 14), primer=(16, 1), title="../Own tune!")]
    with zipfile.ZipFile(io.BytesIO(audio.archive(pieces))) as file:
        names = [f"{stem}.{kind}" for stem in ("001-melody", "002-own-tune") for kind in ("mid", "wav", "musicxml")]
        assert file.namelist() == [*names, "melodies.json"]
        listing = json.loads(file.read("melodies.json"))
        assert listing[0]["tokens"] == list(MELODY)
        assert (listing[1]["primer"], listing[1]["tokens"], listing[1]["bpm"]) == ([16, 1], [1, 14], 120)
        assert read_back(file.read("001-melody.mid"), PIECE.step_seconds) == decode(MELODY)
        assert samples(file.read("002-own-tune.wav")).any()


def test_a_zip_of_nothing_is_refused():
    with pytest.raises(InputError, match="0 melodies"):
        audio.archive([])
