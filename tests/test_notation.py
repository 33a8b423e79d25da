"""ABC by hand-computed cases, and read back by music21: every note has its pitch, its place and its length."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from seqtutor_core.domains.melody.abc_notation import Metre, abc, key_name, key_sharps
from seqtutor_core.domains.melody.audio import Piece, _key_signature
from seqtutor_core.domains.melody.tokens import PITCH_NAMES

C4, CS4, D4, EB4, E4, F4, FS4, G4, B4 = 14, 15, 16, 17, 18, 19, 20, 21, 25
HOLD, OFF = 1, 0


def music(*tokens: int, **known) -> str:
    """The last line: the notes."""
    return abc(Piece(tokens, **known)).splitlines()[-1]


def long(token: int, steps: int) -> list[int]:
    return [token] + [HOLD] * (steps - 1)


def test_a_whole_tune() -> None:
    tokens = (*long(C4, 4), *long(E4, 2), *long(G4, 2), *long(OFF, 4), *long(B4 + 1, 4))
    assert abc(Piece(tokens, bpm=92.5, instrument=73, title="Two\nlines, 50 % \\ &")) == (
        "%abc-2.1\nX:1\nT:Two lines, 50 \\% \\\\ \\&\nM:4/4\nL:1/16\nQ:1/4=92.5\nK:C\n"
        "%%MIDI program 73\nV:1 clef=treble\nC4 E2G2 z4 c4 |]\n"
    )


def test_an_untitled_tune_has_no_title() -> None:
    assert "T:" not in abc(Piece((C4,), title=" "))


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (long(C4, 20), "C16- | C4 |]"),  # over the bar line
        (long(C4, 5), "C4- C |]"),  # five sixteenths need two heads
        (long(C4, 7), "C6-C |]"),
        ([*long(C4, 2), *long(D4, 4), *long(E4, 2)], "C2D4E2 |]"),  # a syncopation that every reader knows
        ([*long(C4, 6), *long(D4, 4)], "C6D2- D2 |]"),  # but not over the middle of the bar
        ([*long(C4, 3), *long(D4, 3)], "C3D- D2 |]"),
        ([*long(C4, 4), *long(D4, 12)], "C4 D12 |]"),
        (long(OFF, 16), "z16 |]"),
        ([HOLD, HOLD, C4, C4], "z2CC |]"),  # a hold of nothing is a rest; a note struck again is not tied
    ],
)
def test_lengths(tokens: list[int], expected: str) -> None:
    assert music(*tokens) == expected


def test_metres() -> None:
    eighth = {"steps_per_beat": 2}
    assert music(*long(C4, 14), bar=12) == "C12- | C2 |]"
    assert music(*long(C4, 8), *long(D4, 4), **eighth) == "C16 | D8 |]"
    assert music(*long(C4, 6), *long(D4, 2), bar=12, **eighth) == "C12 | D4 |]"
    triplet = Piece((*long(C4, 2), D4, *long(E4, 4), *long(OFF, 5), G4), steps_per_beat=3, bar=12)
    assert str(Metre.of(triplet)) == "12/8"
    assert "Q:3/8=120" in abc(triplet)
    assert abc(triplet).splitlines()[-1] == "C4D2 E6- E2z4 z6 | G2 |]"


def test_a_primer_ends_in_a_double_bar_and_holds_go_on() -> None:
    assert music(HOLD, HOLD, D4, primer=long(C4, 16)) == "C16- || C2D |]"


@pytest.mark.parametrize(
    ("tonic", "mode", "name", "sharps"),
    [
        ("C", "major", "C", 0),
        ("A", "minor", "Am", 0),
        ("C#", "major", "Db", -5),
        ("F#", "major", "F#", 6),
        ("A#", "minor", "Bbm", -5),
        ("D#", "minor", "D#m", 6),
        ("F", "minor", "Fm", -4),
    ],
)
def test_keys(tonic: str, mode: str, name: str, sharps: int) -> None:
    piece = Piece((C4,), tonic=tonic, mode=mode)
    assert (key_name(piece), key_sharps(piece)) == (name, sharps)


def test_keys_are_those_of_musicxml() -> None:
    for tonic in PITCH_NAMES:
        for mode in ("major", "minor"):
            piece = Piece((C4,), tonic=tonic, mode=mode)
            assert key_sharps(piece) == _key_signature(piece).sharps


def test_signs() -> None:
    assert music(C4, CS4, D4, EB4, E4, F4, FS4, G4) == "C^CD_E =EF^FG |]"
    assert music(FS4, F4, FS4 + 12, tonic="G") == "F=F^f |]"  # f: some programs would read a natural
    assert music(EB4, E4, tonic="C", mode="minor") == "E=E |]"
    assert music(FS4, FS4, *long(G4, 14), FS4) == "^FFG6- G8 | ^F |]"  # a sign holds to the bar line
    assert music(F4, B4, tonic="F#") == "EB |]"  # an E sharp, by the signature
    assert music(E4, B4, tonic="C#") == "=E=B |]"  # seen from D flat, F flat and C flat would be hard to read


def test_low_melodies_stand_in_the_bass_clef() -> None:
    assert "clef=bass" in abc(Piece((2, 4)))
    assert "clef=treble" in abc(Piece((2, 37)))


PIECES = some.builds(
    lambda tokens, primer, grid, tonic, mode, transpose: Piece(
        tuple(tokens),
        tuple(primer),
        steps_per_beat=grid[0],
        bar=grid[1],
        tonic=tonic,
        mode=mode,
        transpose=transpose,
    ),
    some.lists(some.integers(0, 37) | some.just(HOLD), min_size=1, max_size=70),
    some.lists(some.integers(0, 37) | some.just(HOLD), max_size=20),
    some.sampled_from([(4, 16), (4, 12), (2, 16), (2, 12), (3, 12)]),
    some.sampled_from(PITCH_NAMES),
    some.sampled_from(["major", "minor"]),
    some.integers(-9, 11),
)


@settings(deadline=None, max_examples=60)
@given(PIECES)
def test_music21_reads_what_was_written(piece: Piece) -> None:
    from music21 import converter

    score = converter.parse(abc(piece), format="abc").flatten()
    notes = score.stripTies(matchByPitch=False).notes
    step = (1.5 if piece.steps_per_beat == 3 else 1) / piece.steps_per_beat  # quarter notes
    assert [(n.pitch.midi, n.offset, n.quarterLength) for n in notes] == [
        (n.pitch, n.start * step, n.length * step) for n in piece.notes
    ]
    assert score.highestTime == len(piece.all_tokens) * step
