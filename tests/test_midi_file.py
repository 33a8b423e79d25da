"""MIDI files as programs really write them: what is kept, what is said, and that nothing costs more than it should."""

import io
import random
import struct
import time

import pretty_midi
import pytest

from seqtutor_core.domains.melody import MelodySettings
from seqtutor_core.domains.melody.midi_file import MAX_BYTES
from seqtutor_core.domains.melody.primer import from_midi
from seqtutor_core.domains.melody.tokens import decode
from seqtutor_core.errors import InputError, SeqTutorError

TICKS = 480
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)  # two bars of quarters
END = b"\x00\xff\x2f\x00"


def number(value: int) -> bytes:
    """As MIDI writes it: seven bits a byte, the highest first."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def on(pitch: int, after: int = 0, channel: int = 0) -> bytes:
    return number(after) + bytes([0x90 | channel, pitch, 90])


def off(pitch: int, after: int = TICKS, channel: int = 0) -> bytes:
    return number(after) + bytes([0x80 | channel, pitch, 0])


def meta(kind: int, content: bytes, after: int = 0) -> bytes:
    return number(after) + bytes([0xFF, kind]) + number(len(content)) + content


def track(events: bytes, kind: bytes = b"MTrk") -> bytes:
    return kind + struct.pack(">I", len(events)) + events


def midi(*tracks: bytes, division: int = TICKS, form: int = 1) -> bytes:
    return b"MThd" + struct.pack(">IHHH", 6, form, len(tracks), division) + b"".join(tracks)


QUARTERS = b"".join(on(pitch) + off(pitch) for pitch in SCALE)
PLAIN = midi(track(QUARTERS + END))


def notes(file: bytes, **settings) -> list[tuple[int, int, int]]:
    """Sounding pitch, start and length in steps."""
    chosen = MelodySettings(**settings)
    primer = from_midi(file, chosen)
    return [(n.pitch + chosen.transpose, n.start, n.length) for n in decode(primer.tokens)]


AS_GIVEN = [(pitch, 4 * i, 4) for i, pitch in enumerate(SCALE)]


# ---------------------------------------------------------------- usable, whatever else they say


@pytest.mark.parametrize(
    "odd",
    [
        meta(0x59, b"\xf8\x00"),  # a key of eight flats
        meta(0x59, b"\x7f\x09"),
        meta(0x59, b""),
        meta(0x51, b"\x00\x00\x00"),  # no time for a beat
        meta(0x51, b"\x01"),
        meta(0x58, b"\x00\x02\x18\x08"),  # no beats in a bar
        meta(0x58, b"\x04\xff\x18\x08"),
        meta(0x58, b"\x04"),
        meta(0x54, b"\xff" * 5),  # an SMPTE offset that is none
        meta(0x00, b"\x01\x02\x03"),
        meta(0x20, b""),
        meta(0x03, "Gr\u00fc\u00dfe \u266b".encode()),
        meta(0x7F, b"\x00" * 300),
        meta(0x6E, b"unknown"),
        b"\x00\xf0\x03abc\x00\xf7\x02de",  # system exclusive, and its escape
        b"\x00\xf8\x00\xfe\x00\xf6\x00\xf3\x05\x00\xf2\x01\x02",  # system messages, which belong on a wire
        b"\x00\xb0\x40\x3f\x00\xc0\x05\x00\xd0\x40\x00\xa0\x3c\x40\x00\xe0\x00\x40",
        off(60, 0),  # an end without a beginning
    ],
    ids=lambda event: event.hex()[:24],
)
def test_one_odd_event_does_not_cost_the_file(odd):
    primer = from_midi(midi(track(odd + QUARTERS + END)))
    assert notes(midi(track(odd + QUARTERS + END))) == AS_GIVEN
    assert primer.remarks == ()


@pytest.mark.parametrize(
    "file",
    [
        midi(track(QUARTERS)),  # no end of track
        PLAIN[:14] + track(b"x", b"XFIH") + PLAIN[14:],  # a chunk of another kind
        b"MThd" + struct.pack(">IHHH", 8, 0, 1, TICKS) + b"\x00\x00" + track(QUARTERS + END),  # a longer header
        b"RIFF" + struct.pack("<I", len(PLAIN) + 12) + b"RMIDdata" + struct.pack("<I", len(PLAIN)) + PLAIN,
        PLAIN + b"\x00" * 20,
        midi(track(QUARTERS + END), form=0),
        PLAIN.replace(b"MTrk\0", b"MTrk\1"),  # the track is said to be longer than the file
        PLAIN[:18] + bytes(4) + PLAIN[22:],  # ... or empty
        PLAIN[:11] + b"\2" + PLAIN[12:18] + b"\0\1" + PLAIN[20:] + track(END),  # ... or to go on into the next
        PLAIN[:4] + bytes(4) + PLAIN[8:],  # the header is said to be empty
    ],
    ids=["no end", "alien chunk", "long header", "RMID", "padding", "format 0", "long", "empty", "next", "no header"],
)
def test_odd_containers_are_read(file):
    assert notes(file) == AS_GIVEN
    assert from_midi(file).remarks == ()


def test_running_status_and_note_on_without_velocity():
    events = b"\x00\x90" + b"".join(
        (number(0) if i else b"") + bytes([p, 90]) + number(TICKS) + bytes([p, 0]) for i, p in enumerate(SCALE)
    )
    assert notes(midi(track(events + END))) == AS_GIVEN


@pytest.mark.parametrize(("rate", "ticks"), [(25, 40), (24, 100), (30, 80), (29, 10)])
def test_a_file_that_counts_seconds_is_read_by_the_tempo(rate, ticks):
    second = round(ticks * {29: 29.97}.get(rate, rate))  # a beat at 60 a minute
    events = b"".join(on(pitch) + off(pitch, second) for pitch in SCALE)
    file = midi(track(events + END), division=(256 - rate) << 8 | ticks)
    assert notes(file, tempo=60) == AS_GIVEN
    assert from_midi(file, MelodySettings(tempo=60)).remarks == (
        "The file counts seconds (SMPTE), not beats; beats are those of the tempo chosen here, 60.",
    )
    known = midi(track(meta(0x51, b"\x0f\x42\x40") + events + END), division=(256 - rate) << 8 | ticks)
    assert notes(known, tempo=100) == AS_GIVEN  # it names its own tempo, 60


def test_a_time_that_is_none_is_refused_for_its_reason():
    with pytest.raises(InputError, match="40 ticks a frame at 77 frames a second, and SMPTE knows 24, 25, 29 and 30;"):
        from_midi(midi(track(QUARTERS + END), division=(256 - 77) << 8 | 40))


@pytest.mark.parametrize(
    ("file", "remark"),
    [
        (PLAIN[:-10], "The file ends in the middle of a track"),
        (midi(track(QUARTERS + b"\x00\xf4\x90\x3c\x90")), "Damaged: track 1"),
        (midi(track(QUARTERS + b"\x00\x90\xbc\x5a")), "Damaged: track 1"),  # a pitch above 127
        (midi(track(QUARTERS + END), b""), "announces 2 tracks and has 1"),
        (PLAIN + b"\x00rest of it", "Damaged: track 1"),
        (PLAIN + b"rest", "Left out the last 4 bytes"),
        (midi(track(QUARTERS + END), track(on(48) + off(48) + END), form=2), "one of the 2 separate pieces"),
        (midi(track(QUARTERS + END), track(QUARTERS + END)), "Left out 8 notes that double another."),
        (midi(track(b"\x00\xe0\x00\x50" + QUARTERS + END)), "Left out the pitch wheel (1 move)."),
        (midi(track(b"\x00\xb0\x40\x7f" + QUARTERS + END)), "Left out the sustain pedal (1 press); notes end where"),
    ],
)
def test_what_is_left_out_of_a_damaged_file_is_said(file, remark):
    assert [pitch for pitch, _, _ in notes(file)][:7] == list(SCALE[:7])
    assert any(remark in said for said in from_midi(file).remarks), from_midi(file).remarks


METRE, TEMPO = 0x58, 0x51
THREE_FOUR, FOUR_FOUR = b"\x03\x02\x18\x08", b"\x04\x02\x18\x08"
SLOW, FAST = b"\x0f\x42\x40", b"\x07\xa1\x20"  # 60 and 120 beats a minute


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (meta(METRE, FOUR_FOUR) + meta(METRE, THREE_FOUR), ["The file is in 3/4; bars are counted in 4/4"]),
        (meta(METRE, THREE_FOUR) + meta(METRE, FOUR_FOUR), []),  # of two at one tick the later one counts
        (meta(METRE, THREE_FOUR) + on(60) + off(60, 6 * TICKS) + meta(METRE, FOUR_FOUR),
         ["The file's metre changes (3/4, 4/4); bars are counted from where the last begins."]),
        (meta(TEMPO, SLOW) + meta(TEMPO, FAST), []),
        (on(60) + off(60) + meta(TEMPO, SLOW), ["The file's tempo is from 60 to 120 beats a minute"]),
    ],
)  # fmt: skip
def test_of_metres_and_tempos_those_in_force_are_said(before, said):
    remarks = from_midi(midi(track(before + QUARTERS + END))).remarks
    about = [remark for remark in remarks if "metre" in remark or "tempo" in remark or " is in " in remark]
    assert len(about) == len(said) and all(map(str.startswith, about, said)), remarks


# ---------------------------------------------------------------- notes without an end, or without a length


def test_a_hanging_note_rings_until_the_next_or_the_bar_line():
    last = b"".join(on(p) + off(p) for p in SCALE[:-1]) + on(SCALE[-1])
    for file in (last + END, last, last + meta(0x06, b"A", TICKS) + END, last + meta(0x06, b"A", 50 * TICKS) + END):
        assert notes(midi(track(file))) == AS_GIVEN
    none = b"".join(on(p, TICKS if i else 0) for i, p in enumerate(SCALE))
    assert notes(midi(track(none + END))) == AS_GIVEN
    (remark,) = from_midi(midi(track(none + END))).remarks
    assert remark == "Nothing in the file ends 8 notes; each rings until the next, the bar line or its track's end."


@pytest.mark.parametrize("controller", [120, 123, 124, 127])
def test_all_notes_off_ends_what_sounds(controller):
    silence = bytes([0xB0, controller, 0])
    events = b"".join(on(p) + number(TICKS) + silence for p in SCALE)
    assert notes(midi(track(events + END))) == AS_GIVEN
    assert from_midi(midi(track(events + END))).remarks == ()


def test_notes_of_no_length_are_kept_and_counted():
    file = midi(track(on(60) + off(60, 0) + on(62, TICKS) + off(62, 0) + on(64, TICKS) + off(64, 2 * TICKS) + END))
    assert notes(file) == [(60, 0, 1), (62, 4, 1), (64, 8, 8)]
    assert from_midi(file).remarks == ("Gave the shortest length to 2 notes without any.",)


def test_a_note_of_no_length_gives_way_to_one_that_sounds():
    events = on(60) + on(24) + off(24, 0) + on(30, 240) + off(30, 0) + off(60, 240)
    file = midi(track(events + b"".join(on(p) + off(p) for p in SCALE[1:]) + END))
    assert notes(file) == AS_GIVEN
    assert from_midi(file).remarks == ("Left out 2 notes of no length that fall on others.",)


def test_the_same_pitch_again_before_its_end():
    again = on(60) + on(60, TICKS) + off(60, 0) + off(60)  # begins before the first ends, at the same tick
    legato = on(60) + on(60, TICKS) + off(60, 10) + off(60, TICKS - 10)
    for events in (again, legato):
        assert notes(midi(track(events + END))) == [(60, 0, 4), (60, 4, 4)]


# ---------------------------------------------------------------- damage and size


SEEDS = (
    PLAIN,
    midi(track(meta(0x58, b"\x03\x02\x18\x08") + meta(0x51, b"\x07\xa1\x20") + QUARTERS + END)),
    midi(track(meta(0x59, b"\xf8\x00") + END), track(QUARTERS + END)),
    midi(track(QUARTERS + END), division=0xE728),
)
CHOICES = (
    MelodySettings(),
    MelodySettings(key=7, mode="minor", bar=12, steps_per_beat=2, tempo=47),
    MelodySettings(steps_per_beat=3, bar=12),
)


def mutated(dice: random.Random) -> bytes:
    file = bytearray(dice.choice(SEEDS))
    for _ in range(dice.randint(1, 6)):
        place, kind = dice.randrange(len(file)), dice.random()
        if kind < 0.6:
            file[place] = dice.choice([dice.randrange(256), 0x00, 0x7F, 0x80, 0x90, 0xB0, 0xF0, 0xFF])
        elif kind < 0.75:
            del file[place : place + dice.randint(1, 8)]
        else:
            file[place:place] = dice.randbytes(dice.randint(1, 8))
    return bytes(file)


def test_of_2000_damaged_files_none_raises_another_error():
    dice = random.Random(12)
    read = 0
    for _ in range(2000):
        file, chosen, polyphony = mutated(dice), dice.choice(CHOICES), dice.choice(("error", "top"))
        try:
            primer = from_midi(file, chosen, polyphony=polyphony)
        except SeqTutorError:
            continue
        read += 1
        assert decode(primer.tokens) and len(primer.tokens) <= 64, file
        assert len(primer.tokens) % chosen.steps_per_bar == 0, file
    assert read > 500


FULL = MAX_BYTES - 64


@pytest.mark.parametrize(
    "events",
    [
        b"\x00\x90\x3c\x5a" + b"\x00\x3c\x5a" * (FULL // 3),  # one note begins for ever
        b"\x00\x90\x3c\x5a" + b"\xff\xff\xff\x7f\x3c\x00\xff\xff\xff\x7f\x3c\x5a" * (FULL // 12),  # a million bars each
        b"".join(on(p, 0, c) for c in range(9) for p in range(128))
        + b"\x00\xb0\x7b\x00"
        + b"\x00\x7b\x00" * (FULL // 4),
        b"\x01\xff\x51\x03\x01\x02\x03" * (FULL // 7 - 9) + on(60) + off(60),  # a tempo at each tick
    ],
    ids=["onsets", "durations", "silences", "tempos"],
)
def test_absurd_files_are_read_or_refused_in_seconds(events):
    begun = time.monotonic()
    try:
        assert len(from_midi(midi(track(events + END)), polyphony="top").tokens) <= 64
    except InputError as error:
        assert "more than 50,000 notes" in str(error)
    assert time.monotonic() - begun < 30


def test_the_longest_note_of_the_slowest_clock():
    file = midi(track(on(60) + off(60, 0xFFFFFFF) + END), division=1)
    assert notes(file) == [(60, 0, 60)]


# ---------------------------------------------------------------- as another reader sees it


def test_another_reader_finds_the_same_notes_in_a_file_written_by_hand():
    """Guards the helpers of this file: what they write is MIDI."""
    (played,) = pretty_midi.PrettyMIDI(io.BytesIO(PLAIN)).instruments
    assert [(n.pitch, round(8 * n.start), round(8 * (n.end - n.start))) for n in played.notes] == AS_GIVEN
