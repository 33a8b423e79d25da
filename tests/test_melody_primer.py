"""A user's own beginning: what is kept, what is changed and said, what is refused."""

import io
import struct

import pretty_midi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtutor_core.domains.melody.audio import Piece, midi
from seqtutor_core.domains.melody.midi_file import MAX_BYTES
from seqtutor_core.domains.melody.primer import from_midi, from_picked
from seqtutor_core.domains.melody.tokens import Note, decode
from seqtutor_core.domains.melody.tune import Picked
from seqtutor_core.errors import InputError, SettingError


def midi_file(notes, *, bpm=120.0, drums=()) -> bytes:
    """notes: (pitch, start, end) in sixteenths, which may be fractions."""
    score = pretty_midi.PrettyMIDI(initial_tempo=bpm)
    for is_drum, played in ((False, notes), (True, drums)):
        track = pretty_midi.Instrument(program=0, is_drum=is_drum)
        step = 15 / bpm
        track.notes = [pretty_midi.Note(90, p, start * step, end * step) for p, start, end in played]
        if played:
            score.instruments.append(track)
    file = io.BytesIO()
    score.write(file)
    return file.getvalue()


def heard(file: bytes, **settings) -> list[tuple[int, int, int]]:
    return [(n.pitch, n.start, n.length) for n in decode(from_midi(file, **settings).tokens)]


# ---------------------------------------------------------------- what is kept


def test_a_plain_melody_is_padded_to_a_whole_bar():
    primer = from_midi(midi_file([(60, 0, 4), (64, 4, 6), (67, 8, 12)]))
    assert primer.tokens == (14, 1, 1, 1, 18, 1, 0, 1, 21, 1, 1, 1, 0, 1, 1, 1)
    assert primer.remarks == ("The melody goes on at the next bar line, 4 sixteenths after the end.",)


@given(st.lists(st.sampled_from([0, 1, 1, 1, *range(2, 38)]), min_size=1, max_size=64), st.integers(40, 240))
@settings(max_examples=60, deadline=None)
def test_any_melody_comes_back_through_its_midi(tokens, bpm):
    notes = decode(tokens)
    if not notes:
        return
    primer = from_midi(midi(Piece(tuple(tokens), bpm=bpm)))
    silent = notes[0].start // 16 * 16
    assert decode(primer.tokens) == [Note(n.pitch, n.start - silent, n.length) for n in notes]
    assert len(primer.tokens) % 16 == 0 and len(primer.tokens) <= 64


def test_the_grid_follows_a_change_of_tempo():
    # 480 ticks a quarter: C4 at 120 BPM for a quarter, then at 60 BPM D4 for an eighth, all by hand
    events = b"".join(
        [
            b"\x00\xff\x51\x03\x07\xa1\x20",  # 500,000 us a quarter
            b"\x00\x90\x3c\x64\x83\x60\x80\x3c\x00",  # 480 ticks later off
            b"\x00\xff\x51\x03\x0f\x42\x40",  # 1,000,000 us a quarter
            b"\x00\x90\x3e\x64\x81\x70\x80\x3e\x00",  # 240 ticks later off
            b"\x00\xff\x2f\x00",
        ]
    )
    file = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(events)) + events
    assert heard(file) == [(60, 0, 4), (62, 4, 2)]


# ---------------------------------------------------------------- what is changed, and said


def test_off_the_grid_is_moved_to_the_nearest_sixteenth():
    primer = from_midi(midi_file([(60, 0.2, 3.9), (62, 4.4, 7.7), (64, 8, 16)]))
    assert [(n.pitch, n.start, n.length) for n in decode(primer.tokens)] == [(60, 0, 4), (62, 4, 4), (64, 8, 8)]
    assert primer.remarks == (
        "Moved 2 of 3 notes to the nearest sixteenth.",
        "Changed the length of 1 of 3 notes to whole sixteenths.",
    )


def test_a_little_legato_is_no_polyphony():
    assert heard(midi_file([(60, 0, 4.3), (62, 4, 8)])) == [(60, 0, 4), (62, 4, 4)]


LINE = [(72, 0, 4), (71, 4, 2), (69, 6, 2), (67, 8, 4), (69, 12, 4)]


@pytest.mark.parametrize("polyphony", ["error", "top"])
def test_notes_released_late_are_one_line(polyphony):
    """Each note sounds on for a quarter of its length."""
    file = midi_file([(pitch, start, start + length * 1.25) for pitch, start, length in LINE])
    assert heard(file, polyphony=polyphony) == LINE
    assert "Ended 4 notes where the next begins." in from_midi(file, polyphony=polyphony).remarks


@pytest.mark.parametrize("second", [(64, 12, 16), (64, 14, 16), (64, 8, 24)])
def test_a_second_voice_is_no_legato(second):
    with pytest.raises(InputError, match="polyphonic"):
        from_midi(midi_file([(60, 0, 16), second]))


def test_a_short_last_note_across_the_bar_line_is_kept():
    assert heard(midi_file([(60, 0, 4), (62, 15, 16.95)]))[-1] == (62, 15, 2)


def test_a_grace_note_gives_way_to_the_note_it_leads_to():
    primer = from_midi(midi_file([(62, 0, 0.25), (60, 0.25, 4)]))
    assert [(n.pitch, n.start, n.length) for n in decode(primer.tokens)] == [(60, 0, 4)]
    assert "Left out 1 note on the same sixteenth as another." in primer.remarks


def test_octaves_bring_a_melody_into_range():
    primer = from_midi(midi_file([(24, 0, 4), (31, 4, 16)]))
    assert [n.pitch for n in decode(primer.tokens)] == [48, 55]
    assert primer.remarks == ("Moved everything up by 2 octaves to fit.",)
    assert from_midi(midi_file([(84, 0, 16)])).remarks == ("Moved everything down by 1 octave to fit.",)


def test_of_a_long_melody_the_last_four_bars_are_kept():
    notes = [(48 + i % 36, 4 * i, 4 * i + 4) for i in range(18)]  # 72 sixteenths: 5 bars
    primer = from_midi(midi_file(notes))
    assert len(primer.tokens) == 64
    assert [(n.pitch, n.start) for n in decode(primer.tokens)] == [(p, start - 16) for p, start, _ in notes[4:]]
    assert primer.remarks[0] == "Kept the last 4 bars, 2 to 5 of 5: a beginning has at most 64 steps."


def test_a_note_across_the_cut_goes_on_from_it():
    file = midi_file([(60, 10, 20), (62, 76, 80)])
    assert heard(file)[0] == (60, 0, 4)
    assert "The first of them began earlier and is heard from the bar line on." in from_midi(file).remarks


def test_silent_bars_at_the_start_are_left_out_but_not_a_pickup():
    primer = from_midi(midi_file([(60, 46, 48), (62, 48, 64)]))
    assert [(n.pitch, n.start) for n in decode(primer.tokens)] == [(60, 14), (62, 16)]
    assert primer.remarks == ("Left out 2 silent bars at the start.",)


def test_drums_beside_a_melody_are_left_out():
    primer = from_midi(midi_file([(60, 0, 16)], drums=[(36, 0, 1), (38, 4, 5)]))
    assert [n.pitch for n in decode(primer.tokens)] == [60]
    assert primer.remarks == ("Left out the drums (2 strokes).",)


@pytest.mark.parametrize(
    ("notes", "line"),
    [
        ([(60, 0, 4), (64, 0, 4), (67, 0, 4), (72, 4, 8)], [(67, 0, 4), (72, 4, 4)]),  # a chord
        ([(48, 0, 16), (64, 0, 4), (65, 4, 8)], [(64, 0, 4), (65, 4, 4)]),  # a held bass
        ([(72, 0, 8), (60, 4, 6), (74, 8, 12)], [(72, 0, 8), (74, 8, 4)]),  # a lower voice enters
        ([(60, 0, 8), (72, 4, 8)], [(60, 0, 4), (72, 4, 4)]),  # a higher voice enters
    ],
)
def test_the_top_line_of_a_polyphonic_file(notes, line):
    assert heard(midi_file(notes), polyphony="top") == line


# ---------------------------------------------------------------- what is refused

GOOD = midi_file([(60, 0, 4)])


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "the file is empty"),
        (b"RIFF\x00\x00WAVE", "not a MIDI file"),
        (b"MThd", "broken"),
        (GOOD[:-12], "no notes .The file ends in the middle of a track"),
        (GOOD[:12] + b"\x00\x00" + GOOD[14:], "broken"),  # 0 ticks a quarter
        (b"MThd" + struct.pack(">IHHH", 6, 0, 0, 480), "broken"),  # no track at all
        (b"MThd" + bytes(range(256)) * 4, "broken"),
        (GOOD + b"\x00" * MAX_BYTES, "more than 1,048,576"),
        (midi_file([]), "holds no notes"),
        (midi_file([], drums=[(36, 0, 1)]), "only drums"),
        (midi_file([(60, 0, 4), (64, 0, 4)]), "polyphonic: E4 and C4 sound together in bar 1"),
        (midi_file([(60, 16, 24), (64, 20, 22)]), "polyphonic: C4 and E4 sound together in bar 2"),
    ],
)
def test_what_cannot_be_used_says_why_and_how_to_go_on(file, message):
    with pytest.raises(InputError, match=message) as caught:
        from_midi(file)
    assert ";" in str(caught.value)  # the way out stands behind it


@given(st.binary(max_size=60), st.integers(0, 200))
@settings(max_examples=150, deadline=None)
def test_no_damage_gets_past_as_another_error(junk, position):
    damaged = GOOD[: position % len(GOOD)] + junk + GOOD[position % len(GOOD) + len(junk) :]
    try:
        primer = from_midi(damaged)
    except InputError:
        return
    assert decode(primer.tokens) and len(primer.tokens) % 16 == 0


def test_another_word_for_polyphony_is_refused():
    with pytest.raises(SettingError, match="'bottom'"):
        from_midi(GOOD, polyphony="bottom")


# ---------------------------------------------------------------- picked notes


def test_picked_notes_stand_one_after_another():
    primer = from_picked([Picked(60, 4), Picked(None, 2), Picked(64, 6)])
    assert primer.tokens == (14, 1, 1, 1, 0, 1, 18, 1, 1, 1, 1, 1, 0, 1, 1, 1)
    assert primer.remarks == ("The melody goes on at the next bar line, 4 sixteenths after the end.",)


def test_rests_after_the_last_picked_note_count():
    assert len(from_picked([Picked(60, 4), Picked(None, 14)]).tokens) == 32


def test_silent_bars_at_the_end_do_not_push_the_notes_out():
    primer = from_picked([Picked(60, 4), Picked(None, 64), Picked(None, 16)])
    assert [(n.pitch, n.start) for n in decode(primer.tokens)] == [(60, 0)] and len(primer.tokens) == 64
    assert primer.remarks == ("Left out 2 silent bars at the end.",)


def test_of_many_picked_notes_the_last_four_bars_are_kept():
    primer = from_picked([Picked(48 + i, 8) for i in range(10)])
    assert [n.pitch for n in decode(primer.tokens)] == [50, 51, 52, 53, 54, 55, 56, 57]
    assert primer.remarks == ("Kept the last 4 bars, 2 to 5 of 5: a beginning has at most 64 steps.",)


@pytest.mark.parametrize(
    ("picked", "message"),
    [
        ([], "no notes are picked"),
        ([Picked(None, 4)], "no notes are picked"),
        ([Picked(60, 4), Picked(84, 4)], "picked note 2 has pitch 84"),
        ([Picked(60, 0)], "picked note 1 lasts 0 sixteenths"),
    ],
)
def test_picked_notes_that_cannot_be_used(picked, message):
    with pytest.raises(InputError, match=message):
        from_picked(picked)
