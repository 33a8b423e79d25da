"""What is uploaded is what sounds, whatever key, mode, grid and metre are chosen; and files say what was chosen."""

import io
from itertools import product

import pretty_midi
import pytest

from seqtutor_core.domains.melody import Melody, MelodySettings, presentation
from seqtutor_core.domains.melody.audio import midi, musicxml
from seqtutor_core.domains.melody.primer import from_midi, from_picked
from seqtutor_core.domains.melody.tokens import decode
from seqtutor_core.domains.melody.tune import Picked

GRIDS = ((4, 16), (4, 12), (2, 16), (2, 12), (3, 12))  # steps a beat, steps in the network's bar
TUNE = [(60, 0, 1), (62, 1, 2), (64, 2, 3), (65, 3, 4), (67, 4, 5), (69, 5, 6)]  # pitch, start, end in quarters


def upload(notes, *, bpm=120.0, metre=None) -> bytes:
    score = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=bpm)
    if metre:
        score.time_signature_changes.append(pretty_midi.TimeSignature(*metre, 0.0))
    track = pretty_midi.Instrument(program=0)
    track.notes = [pretty_midi.Note(90, p, start * 60 / bpm, end * 60 / bpm) for p, start, end in notes]
    score.instruments.append(track)
    file = io.BytesIO()
    score.write(file)
    return file.getvalue()


def exported(primer, settings: MelodySettings) -> bytes:
    return midi(presentation.piece(Melody(settings), (0, 1), primer.tokens, "Own"))


def sounding(file: bytes, bpm: float) -> list[tuple[int, float, float]]:
    """Pitch, start and end in quarter notes, as another program hears a file."""
    (track,) = pretty_midi.PrettyMIDI(io.BytesIO(file)).instruments
    beat = 60 / bpm
    return [(n.pitch, round(n.start / beat, 2), round(n.end / beat, 2)) for n in track.notes]


# ---------------------------------------------------------------- what sounds


@pytest.mark.parametrize(("steps", "bar"), GRIDS)
def test_an_upload_sounds_as_given_in_every_key_mode_grid_and_metre(steps, bar):
    for key, mode in product(range(12), ("major", "minor")):
        settings = MelodySettings(key=key, mode=mode, steps_per_beat=steps, bar=bar, tempo=90)
        primer = from_midi(upload(TUNE, bpm=90, metre=(settings.beats_per_bar, 4)), settings)
        assert sounding(exported(primer, settings), 90) == TUNE, settings
        assert len(primer.tokens) % settings.steps_per_bar == 0
        assert not [said for said in primer.remarks if "next bar line" not in said]


def test_picked_keys_sound_as_pressed():
    for key, mode in product(range(12), ("major", "minor")):
        settings = MelodySettings(key=key, mode=mode, steps_per_beat=2)
        primer = from_picked([Picked(60, 4), Picked(None, 2), Picked(63, 2), Picked(67, 8)], settings)
        assert sounding(exported(primer, settings), 120) == [(60, 0, 1), (63, 1.5, 2), (67, 2, 4)]
        assert primer.remarks == ()


def test_a_pitch_that_a_key_cannot_sound_is_said():
    settings = MelodySettings(key=7)  # tokens sound a fourth lower: G2 to F#5
    lower = from_midi(upload([(79, 0, 4)]), settings)
    assert sounding(exported(lower, settings), 120) == [(67, 0, 4)]
    assert lower.remarks == ("Moved everything down by 1 octave to fit.",)
    wide = from_midi(upload([(43, 0, 1), (60, 1, 2), (79, 2, 4)]), settings)
    assert sounding(exported(wide, settings), 120) == [(43, 0, 1), (60, 1, 2), (67, 2, 4)]
    assert wide.remarks == (
        "Outside G2 to F#5, which is all that sounds in this key: 1 of 3 notes, moved by octaves (G5 as G4).",
    )


def test_what_a_coarse_grid_cannot_say_is_said():
    sixteenths = [(60 + i, i / 4, (i + 1) / 4) for i in range(4)] + [(67, 1, 4)]
    primer = from_midi(upload(sixteenths), MelodySettings(steps_per_beat=2))
    assert [(n.pitch, n.start) for n in decode(primer.tokens)] == [(60, 0), (62, 1), (67, 2)]
    assert "Left out 2 notes on the same eighth as another." in primer.remarks


# ---------------------------------------------------------------- bars


@pytest.mark.parametrize(("steps", "bar", "length"), [(4, 12, 24), (2, 12, 12), (4, 16, 32), (2, 16, 16), (3, 12, 24)])
def test_two_bars_of_three_end_at_the_bar_line_of_the_chosen_metre(steps, bar, length):
    primer = from_midi(upload(TUNE, metre=(3, 4)), MelodySettings(steps_per_beat=steps, bar=bar))
    assert len(primer.tokens) == length
    said = any("The file is in 3/4; bars are counted in 4/4" in remark for remark in primer.remarks)
    assert said == ((steps, bar) not in ((4, 12), (2, 12)))


def test_bars_are_counted_from_where_the_metre_begins():
    """A beat before the first bar, which the file writes as a bar of 1/4."""
    file = upload([(55, 0, 1), *((p, s + 1, e + 1) for p, s, e in TUNE)], metre=(1, 4))
    place = file.index(b"\xff\x58") + 7  # behind the metre
    file = file[:place] + b"\x83\x60\xff\x58\x04\x03\x02\x18\x08" + file[place:]  # 3/4, a quarter later
    file = file[:18] + (int.from_bytes(file[18:22], "big") + 9).to_bytes(4, "big") + file[22:]
    primer = from_midi(file, MelodySettings(bar=12))
    assert [n.start for n in decode(primer.tokens)] == [8, 12, 16, 20, 24, 28, 32]
    assert len(primer.tokens) == 36


@pytest.mark.parametrize("ring", [0.1, 0.146, 0.24])
@pytest.mark.parametrize(("steps", "bar", "beats"), [(4, 16, 16), (2, 16, 16), (4, 12, 15)])
def test_a_last_note_that_rings_over_costs_no_bar(ring, steps, bar, beats):
    notes = [(60 + i % 12, i, i + 1) for i in range(beats)]
    notes[-1] = (60, beats - 1, beats + ring)
    settings = MelodySettings(steps_per_beat=steps, bar=bar)
    primer = from_midi(upload(notes), settings)
    assert len(primer.tokens) == beats * steps
    assert [n.start for n in decode(primer.tokens)] == [i * steps for i in range(beats)]
    assert primer.tokens[-1] == 1  # it rings up to the bar line
    assert not any("Kept" in remark or "goes on" in remark for remark in primer.remarks)


def test_a_release_is_cut_and_a_tie_is_kept():
    long = from_midi(upload([(60, 0, 4.5)]))  # an eighth beyond a whole note
    assert (len(long.tokens), long.remarks) == (16, ("The last note rings a little over the bar line; it ends there.",))
    tie = from_midi(upload([(60, 0, 3), (62, 3, 4.5)]))
    assert [(n.start, n.length) for n in decode(tie.tokens)] == [(0, 12), (12, 6)] and len(tie.tokens) == 32


def test_of_a_long_upload_the_kept_bars_are_named():
    notes = [(60 + i % 12, i, i + 1) for i in range(21)]
    primer = from_midi(upload(notes, metre=(3, 4)), MelodySettings(bar=12))
    assert primer.remarks == ("Kept the last 5 bars, 3 to 7 of 7: a beginning has at most 64 steps.",)
    assert len(primer.tokens) == 60


def test_the_tempo_of_the_file_is_compared():
    (remark,) = from_midi(upload([(60, 0, 4)], bpm=80), MelodySettings(tempo=100)).remarks
    assert remark == "The file's tempo is 80 beats a minute; it sounds at 100, as chosen here."


# ---------------------------------------------------------------- what files say


def expected_metre(steps: int, bar: int) -> int:
    return 3 if bar == 12 and steps != 3 else 4


def key_of(file: bytes) -> tuple[int, str]:
    """Sharps (flats below 0) and mode, as the file's bytes have them."""
    sharps, minor = file.partition(b"\xff\x59\x02")[2][:2]
    return sharps - 256 * (sharps > 127), "minor" if minor else "major"


@pytest.mark.parametrize(("steps", "bar"), GRIDS)
def test_midi_and_musicxml_say_the_chosen_metre(steps, bar):
    from music21 import converter

    settings = MelodySettings(steps_per_beat=steps, bar=bar)
    beats = 3 if (steps, bar) in ((4, 12), (2, 12)) else 4
    piece = presentation.piece(Melody(settings), (14, 1, 1, 16, 1, 1) * 4, (), "One")
    (metre,) = pretty_midi.PrettyMIDI(io.BytesIO(midi(piece))).time_signature_changes
    assert (metre.numerator, metre.denominator, metre.time) == (beats, 4, 0)
    score = converter.parseData(musicxml(piece), format="musicxml")
    assert [s.ratioString for s in score.recurse().getElementsByClass("TimeSignature")] == [f"{beats}/4"]
    full = [m.duration.quarterLength for m in score.recurse().getElementsByClass("Measure")][:-1]
    assert full == [beats] * len(full)


def test_midi_and_musicxml_say_the_chosen_key():
    from music21 import converter

    for key, mode in product(range(12), ("major", "minor")):
        piece = presentation.piece(Melody(MelodySettings(key=key, mode=mode)), (14, 1), (), "One")
        (written,) = pretty_midi.PrettyMIDI(io.BytesIO(midi(piece))).key_signature_changes
        assert written.key_number == key + (12 if mode == "minor" else 0)
        (shown,) = converter.parseData(musicxml(piece), format="musicxml").recurse().getElementsByClass("Key")
        assert (shown.tonic.pitchClass, shown.mode) == (key, mode)
        assert (shown.sharps, shown.mode) == key_of(midi(piece))
