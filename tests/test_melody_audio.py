"""A melody as files: what is heard and read back is the melody."""

import io
import json
import shutil
import wave
import zipfile

import numpy as np
import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor_core.domains.melody import audio
from seqtutor_core.domains.melody.tokens import Note, decode
from seqtutor_core.errors import InputError, MissingPartError, SettingError, TokenError

needs_fluidsynth = pytest.mark.skipif(not shutil.which("fluidsynth"), reason="the fluidsynth program is not installed")

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


@needs_fluidsynth
def test_fluidsynth_plays_the_pitches_of_the_melody():
    heard = audio.sound(PIECE)
    assert heard.synthesiser == audio.FLUIDSYNTH
    check_sound(heard)


def test_basic_synth_plays_the_pitches_of_the_melody(monkeypatch):
    monkeypatch.setattr(audio.shutil, "which", lambda name: None)
    heard = audio.sound(PIECE)
    assert heard.synthesiser == audio.BASIC_SYNTH
    check_sound(heard)


def check_sound(heard: audio.Sound) -> None:
    sound = samples(heard.wav)
    notes = decode(MELODY)
    assert [sounding_pitch(sound, n, PIECE.step_seconds) for n in notes] == [n.pitch for n in notes]
    assert np.abs(sound).max() == pytest.approx(0.9, abs=0.002)
    assert heard.seconds == pytest.approx(len(sound) / 44_100)
    assert PIECE.seconds <= heard.seconds <= PIECE.seconds + audio.TAIL_SECONDS
    assert abs(sound[-1]) < 1e-3


@needs_fluidsynth
@pytest.mark.parametrize("pitch_token", [2, 37])
def test_lowest_and_highest_note_are_heard(pitch_token):
    piece = audio.Piece((pitch_token, 1, 1, 1, 1, 1, 1, 1), bpm=60)
    sound = samples(audio.sound(piece).wav)
    assert sounding_pitch(sound, Note(0, 0, 8), piece.step_seconds) == pitch_token + 46


def test_a_silent_synthesiser_falls_back_and_says_so(monkeypatch):
    def render_silence(command, **kwargs):
        with wave.open(command[-1], "wb") as out:
            out.setparams((2, 2, 44_100, 0, "NONE", ""))
            out.writeframes(bytes(4 * 44_100))

    monkeypatch.setattr(audio.shutil, "which", lambda name: "/usr/bin/fluidsynth")
    monkeypatch.setattr(audio.subprocess, "run", render_silence)
    audio._through_fluidsynth.cache_clear()
    heard = audio.sound(PIECE)
    assert heard.synthesiser == audio.BASIC_SYNTH
    assert np.abs(samples(heard.wav)).max() > 0.1


def test_a_hanging_synthesiser_falls_back(monkeypatch):
    def hang(*args, timeout, **kwargs):
        raise audio.subprocess.TimeoutExpired(args[0], timeout)

    monkeypatch.setattr(audio.shutil, "which", lambda name: "/usr/bin/fluidsynth")
    monkeypatch.setattr(audio.subprocess, "run", hang)
    audio._through_fluidsynth.cache_clear()
    assert audio.sound(PIECE).synthesiser == audio.BASIC_SYNTH
    with pytest.raises(MissingPartError, match="gave no sound"):
        audio._through_fluidsynth(audio.midi(PIECE), PIECE.seconds)


def test_without_the_program_the_remedy_names_the_package(monkeypatch):
    monkeypatch.setattr(audio.shutil, "which", lambda name: None)
    state = audio.synthesiser_available()
    assert (state.available, state.label) == (False, audio.BASIC_SYNTH)
    assert "apt-get install fluidsynth" in state.remedy


@pytest.mark.parametrize("tokens", [(1,) * 16, (0,) * 16, (0, 1, 1, 0) * 4])
def test_no_notes_give_a_valid_silence_of_their_length(tokens):
    heard = audio.sound(audio.Piece(tokens, bpm=120))
    sound = samples(heard.wav)
    assert len(sound) == 2 * 44_100 and not sound.any()
    assert heard.synthesiser == audio.NO_NOTES and heard.seconds == 2


@needs_fluidsynth
def test_the_same_melody_is_rendered_once(monkeypatch):
    first = audio.sound(PIECE)
    monkeypatch.setattr(audio.subprocess, "run", None)  # a second rendering would call it
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
