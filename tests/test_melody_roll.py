"""What each note and rest was paid."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtutor_core.domains.melody.roll import Metre, RollNote, RollRest, make_roll
from seqtutor_core.errors import SettingError, TokenError

TERMS = [("Key", 1.0), ("Motif", 2.0)]


def test_accounts_by_hand():
    tokens = [1, 14, 1, 0, 1, 16]
    values: list[list[float]] = [[0, 0], [1, 3], [0.5, 0], [-1, 0], [0, 1], [-1, 3]]
    roll = make_roll(tokens, values, TERMS, metre=Metre(bpm=90))
    assert [(n.name, n.pitch, n.start, n.length) for n in roll.notes] == [("C4", 60, 1, 2), ("D4", 62, 5, 1)]
    assert [n.paid for n in roll.notes] == [{"Key": 1.5, "Motif": 6.0}, {"Key": -1.0, "Motif": 6.0}]
    assert [n.total for n in roll.notes] == [7.5, 5.0]
    assert [(r.start, r.length, r.paid, r.total) for r in roll.rests] == [
        (0, 1, {"Key": 0.0, "Motif": 0.0}, 0.0),
        (3, 2, {"Key": -1.0, "Motif": 2.0}, 1.0),
    ]
    assert (roll.steps, roll.primer_steps, roll.bpm) == (6, 0, 90)
    assert (roll.paid, roll.total) == ({"Key": -0.5, "Motif": 14.0}, 13.5)


def test_the_primer_is_shown_but_not_paid():
    roll = make_roll([1, 0], [[1, 0], [0, 1]], TERMS, primer=[14, 1, 1])
    (note,) = roll.notes
    assert (note.start, note.length) == (0, 4)  # the first hold carries the primer's note on, and is paid for it
    assert note.paid == {"Key": 1.0, "Motif": 0.0}
    assert [(r.start, r.total) for r in roll.rests] == [(4, 2.0)]
    assert (roll.steps, roll.primer_steps) == (5, 3)


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 1, 2, 14, 37]), st.floats(-100, 100), st.floats(-100, 100)),
        min_size=1,
        max_size=40,
    )
)
def test_every_step_is_paid_to_one_note_or_rest(steps):
    roll = make_roll([s[0] for s in steps], [s[1:] for s in steps], TERMS)
    parts: list[RollNote | RollRest] = [*roll.notes, *roll.rests]
    spans = sorted((p.start, p.start + p.length) for p in parts)
    assert [step for start, end in spans for step in range(start, end)] == list(range(len(steps)))
    assert math.fsum(p.total for p in parts) == pytest.approx(roll.total, abs=1e-9)


def test_as_dict_is_json_with_everything_in_it():
    roll = make_roll([14, 0], [[1, 0], [0, 1]], TERMS)
    back = json.loads(json.dumps(roll.as_dict()))
    assert back["notes"][0] == {
        "pitch": 60, "name": "C4", "start": 0, "length": 1, "paid": {"Key": 1.0, "Motif": 0.0}, "total": 1.0,
    }  # fmt: skip
    assert back["rests"] == [{"start": 1, "length": 1, "paid": {"Key": 0.0, "Motif": 2.0}, "total": 2.0}]


@pytest.mark.parametrize(
    ("values", "terms", "bpm", "message"),
    [
        ([[1, 1]], TERMS, 120, "1 rows of values for 2 tokens"),
        ([[1, 1], [1]], TERMS, 120, "1 values for 2 terms at step 1"),
        ([[1, 1], [1, float("nan")]], TERMS, 120, "at step 1 are not all finite"),
        ([[1, 1], [1, 1]], [("Key", 1.0), ("Motif", float("inf"))], 120, "weights"),
        ([[1, 1], [1, 1]], [("Key", 1.0), ("Key", 1.0)], 120, "repeat"),
        ([[1, 1], [1, 1]], TERMS, 0, "0 BPM"),
    ],
)
def test_what_does_not_fit_is_named(values, terms, bpm, message):
    with pytest.raises(SettingError, match=message):
        make_roll([14, 1], values, terms, metre=Metre(bpm))


def test_an_unknown_token_is_named():
    with pytest.raises(TokenError, match="38 at position 1"):
        make_roll([14, 38], [[0, 0], [0, 0]], TERMS)
