"""The corpus: tunes read by music21, put into C, cut at the bar line, and split by families."""

import json
from pathlib import Path
from random import Random

import pytest

from seqtutor_core.domains.melody import corpus
from seqtutor_core.domains.melody.corpus import Tune, split, split_abc, tokenise
from seqtutor_core.domains.melody.tokens import decode
from seqtutor_core.errors import InputError

SCALE = "X:1\nT:Scale\nM:4/4\nL:1/8\nK:G\nG2A2 B2c2 | d2e2 f2g2 | g2d2 B2G2 |\n"
PICKUP = "X:2\nT:Pickup\nM:4/4\nL:1/8\nK:C\nG2 | c2e2 g2e2 | c2e2 g2e2 | c4 z4 |\n"
TRIPLET = "X:3\nT:Triplet\nM:4/4\nL:1/8\nK:C\n(3cde c2 d2 e2 | f2 g2 a2 b2 | c'2 b2 a2 g2 |\n"
SHORT = "X:4\nT:Short\nM:4/4\nL:1/4\nK:C\nc d e f |\n"


def test_a_tune_is_moved_to_c_and_put_on_sixteenths() -> None:
    tune = tokenise(SCALE, "test")
    notes = decode(tune.tokens)
    assert [n.pitch % 12 for n in notes[:8]] == [0, 2, 4, 5, 7, 9, 11, 0]
    assert {n.length for n in notes} == {4}
    assert (tune.title, tune.bar, len(tune.tokens)) == ("Scale", 16, 48)


def test_it_begins_at_its_first_bar_line() -> None:
    notes = decode(tokenise(PICKUP, "test").tokens)
    assert (notes[0].start, notes[0].pitch % 12) == (0, 0)  # the C after the pickup's G


@pytest.mark.parametrize(("abc", "why"), [(TRIPLET, "grid"), (SHORT, "fewer than 8")])
def test_what_does_not_fit_says_why(abc: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        tokenise(abc, "test")


def test_abc_files_hold_many_tunes() -> None:
    assert len(list(split_abc("% a comment\n" + SCALE + "\n" + PICKUP))) == 2


def melody(seed: int, length: int = 40) -> tuple[int, ...]:
    """Different notes for different seeds."""
    rng = Random(seed)
    return tuple(rng.randint(2, 36) for _ in range(length))


def test_variants_stay_together() -> None:
    """Same title, or a long shared run even in another key, never straddles the split; repeats are dropped."""
    tunes = [Tune("a", f"tune number {chr(97 + i % 26)}{chr(97 + i // 26)}", 16, melody(i)) for i in range(300)]
    variants = [Tune("a", t.title, 16, melody(1000 + i)) for i, t in enumerate(tunes)]
    moved = [Tune("b", "", 16, tuple(x + 1 if x < 37 else x for x in t.tokens)) for t in tunes if max(t.tokens) < 37]
    found = split(tunes + variants + moved + tunes)
    sides = {t: side for side in ("training", "held_out") for t in getattr(found, side)}
    assert len(sides) == len(set(tunes + variants + moved))
    assert len(found.held_out) > 0
    assert all(sides[a] == sides[b] for a, b in zip(tunes, variants, strict=True))
    originals = [t for t in tunes if max(t.tokens) < 37]
    assert all(sides[a] == sides[b] for a, b in zip(originals, moved, strict=True))


def test_a_stopped_build_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tmp_path / "someCollection"
    sources.mkdir()
    for name, text in (("one", SCALE), ("two", PICKUP + "\n" + TRIPLET)):
        (sources / f"{name}.abc").write_text(text)
    monkeypatch.setattr(corpus, "_files", lambda: sorted(sources.glob("*.abc")))
    first = corpus.build(tmp_path / "out", lambda done, total: None, workers=1)
    assert first["refused"] == {"off the sixteenth grid": 1}
    (tmp_path / "out" / "parts" / "someCollection-two.json").unlink()
    (sources / "one.abc").write_text("changed: must not be read again")
    seen: list[tuple[int, int]] = []
    again = corpus.build(tmp_path / "out", lambda done, total: seen.append((done, total)), workers=1)
    assert again == first
    assert seen == [(1, 2), (2, 2)]
    built = corpus.load(tmp_path / "out")
    assert len(built.training) + len(built.held_out) == 2


def test_a_missing_corpus_names_its_command(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prior corpus melody"):
        corpus.load(tmp_path)


def test_shipped_statistics_are_of_the_recipe() -> None:
    facts = json.loads((Path(corpus.__file__).with_name("corpus_statistics.json")).read_text())
    assert facts["tunes"]["training"] > 10_000
    assert sum(facts["share_of_time"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("bar", "period"), [(16, 16), (8, 16), (32, 16), (12, 12), (6, 12), (24, 12), (18, 18), (0, 0)]
)
def test_metres_share_clocks(bar: int, period: int) -> None:
    assert corpus.period(bar) == period
