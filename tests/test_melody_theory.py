"""The reward terms: hand-computed values, and equality with the plain step-by-step version."""

from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from seqtutor_core.domains.melody import PAPER_TERMS, Melody, MelodySettings, style, theory
from seqtutor_core.domains.melody.correlation import correlations
from seqtutor_core.domains.melody.keys import C_MAJOR, Key
from seqtutor_core.domains.melody.tokens import VOCABULARY
from seqtutor_core.errors import SettingError
from tests import reference_melody


def scores(tokens: list[int], **settings: object) -> dict[str, list[float]]:
    melody = Melody(MelodySettings(**{"length": len(tokens), **settings}))  # type: ignore[arg-type]
    values = melody.score(torch.tensor([tokens]))[0]
    return {t.name: values[:, k].tolist() for k, t in enumerate(melody.terms)}


def musical(rng: torch.Generator, length: int) -> list[int]:
    """Random tokens, with the holds, repeats and narrow steps that make the rules fire."""
    kind = int(torch.randint(4, (), generator=rng))
    notes = torch.randint(2, 38, (length,), generator=rng)
    if kind == 0:
        return torch.randint(0, 38, (length,), generator=rng).tolist()
    if kind == 1:  # few tokens, many repetitions
        few = torch.tensor([0, 1, 14, 21, 5, 26])
        return few[torch.randint(6, (length,), generator=rng)].tolist()
    if kind == 2:  # mostly holds
        return torch.where(torch.rand(length, generator=rng) < 0.6, 1, notes).tolist()
    phrase = notes[:8].tolist()  # a phrase that returns
    return (phrase * (length // 8 + 1))[:length]


@pytest.mark.parametrize("length", [16, 32, 33, 64, 130])
def test_equal_to_the_plain_version(length: int) -> None:
    rng = torch.Generator().manual_seed(length)
    for _ in range(60 if length < 64 else 8):
        tokens = musical(rng, length)
        mine, plain = scores(tokens), reference_melody.score(tokens)
        for name in PAPER_TERMS:
            assert mine[name] == pytest.approx(plain[name], abs=1e-9), (name, tokens)


@given(st.lists(st.sampled_from([0, 1, 1, 1, 9, 14, 14, 18, 21, 26, 33]), min_size=16, max_size=40))
@settings(max_examples=200, deadline=None)
def test_equal_on_chosen_tokens(tokens: list[int]) -> None:
    mine, plain = scores(tokens), reference_melody.score(tokens)
    for name in PAPER_TERMS:
        assert mine[name] == pytest.approx(plain[name], abs=1e-9), name


@given(st.lists(st.integers(0, 37), min_size=20, max_size=32), st.integers(1, 19))
@settings(max_examples=60, deadline=None)
def test_every_term_is_causal(tokens: list[int], cut: int) -> None:
    melody = Melody(MelodySettings(length=32))
    whole, part = (melody.score(torch.tensor([t])) for t in (tokens, tokens[:cut]))
    assert torch.equal(whole[:, :cut], part)


@pytest.mark.slow
def test_autocorrelation_ties_fall_as_numpy_decides() -> None:
    """|r| = 0.15 exactly happens; rounding decides, and decides alike."""
    melodies = torch.randint(0, 6, (400, 20), generator=torch.Generator().manual_seed(7))
    r, _ = correlations(melodies)
    assert (r.abs() - 0.15).abs().lt(1e-12).any()
    for tokens in melodies.tolist():
        assert scores(tokens)["autocorrelation"] == pytest.approx(reference_melody.score(tokens)["autocorrelation"])


class OneDevice(TorchDispatchMode):
    """Lets no operation take or give tensors of two devices."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        devices = {each.device for each in tree_leaves((args, kwargs, result)) if isinstance(each, torch.Tensor)}
        assert len(devices) == 1, f"{func} goes from device to device: {devices}"
        return result


@pytest.mark.parametrize("name", sorted(set(Melody()._terms()) - {"autocorrelation"}))  # which asks where ties are
def test_a_term_stays_on_its_tokens_device(name: str) -> None:
    """As a CUDA graph must; a device without numbers stands for a GPU."""
    term, tokens = Melody()._terms()[name], torch.zeros(4, 32, dtype=torch.long, device="meta")
    term(tokens)  # tables that are kept are made once
    with OneDevice():
        assert term(tokens).device.type == "meta"


def test_key_and_tonic_of_a_closing_melody() -> None:
    tokens = [14, 1, 15, 1] + [1] * 24 + [14, 1, 0, 1]  # C, C sharp ... C, held
    assert scores(tokens)["key"] == [0, 0, -1] + [0] * 29
    assert scores(tokens)["tonic"] == [3] + [0] * 27 + [3, 3, 3, 3]


def test_repetition_counts_back_to_another_note() -> None:
    assert scores([14] * 16)["repetition"] == [0] * 5 + [-100] * 11
    assert scores([0] * 16)["repetition"] == [0, 0] + [-100] * 14
    assert sum(scores([14, 1] * 8)["repetition"]) == -100  # holds between: only the eighth note is one too many


def test_leap_is_resolved_by_a_return() -> None:
    up_and_back = [14, 24, 22, 20, 14, 1, 1, 1] + [1] * 8  # C up to B flat, down to C again
    assert scores(up_and_back)["leap"] == [0, 0, 0, 0, 5] + [0] * 11
    twice_up = [14, 22, 30] + [1] * 13
    assert scores(twice_up)["leap"] == [0, 0, -5] + [0] * 13


def test_unknown_tokens_never_reach_the_rules() -> None:
    with pytest.raises(IndexError):
        theory.key(torch.tensor([[len(VOCABULARY)]]))


# ---------------------------------------------------------------- keys


def test_other_keys_are_transpositions() -> None:
    """A melody moved up by a fifth scores the same in G major."""
    rng = torch.Generator().manual_seed(3)
    tokens = torch.randint(2, 24, (8, 32), generator=rng)
    tokens[torch.rand(8, 32, generator=rng) < 0.5] = 1
    moved = torch.where(tokens > 1, tokens + 7, tokens)
    g_major = Key(7, "major")
    assert torch.equal(theory.key(moved, g_major), theory.key(tokens))
    assert torch.equal(theory.interval(moved, g_major), theory.interval(tokens))


def test_minor_keeps_the_white_keys_and_moves_home() -> None:
    a_minor = Key(9, "minor")
    assert a_minor.members() == C_MAJOR.members()
    assert (a_minor.token, a_minor.triad) == (11, (9, 0, 4))
    assert scores([11] + [1] * 31, mode="minor")["tonic"][0] == 3


@pytest.mark.parametrize(
    "wrong",
    [{"length": 8}, {"length": 257}, {"mode": "lydian"}, {"key": 12}, {"tempo": 5}, {"lowest": 80, "highest": 60}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        MelodySettings.of(wrong)


# ---------------------------------------------------------------- terms beyond the paper


def test_density_counts_notes_off_target() -> None:
    quarters = [14, 1, 1, 1] * 4  # one note a beat for four beats, one and a half wanted
    assert sum(scores(quarters)["density"]) == pytest.approx(-2)
    assert sum(scores(quarters, notes_per_beat=1)["density"]) == pytest.approx(0)


def test_on_beat_adds_up_to_a_share() -> None:
    tokens = [14, 1, 16, 1, 18, 1, 1, 1, 19, 21] + [1] * 6  # beats 0, 4, 8 and two notes between
    assert sum(scores(tokens)["on_beat"]) == pytest.approx(3 / 5)


def test_phrase_rest_at_the_end() -> None:
    assert sum(scores([14] + [1] * 13 + [0, 1])["phrase_rests"]) == 1
    assert sum(scores([14] + [1] * 15)["phrase_rests"]) == 0
    assert sum(scores([1] * 16)["phrase_rests"]) == 0  # silence alone is no phrase


def test_range_and_contour() -> None:
    tokens = [14, 16, 16, 21, 37] + [1] * 11  # C D D G, then B5 four semitones above the range
    assert sum(scores(tokens)["pitch_range"]) == -4
    assert scores(tokens)["contour"][:5] == [0, 1, 0, -1, -1]


def test_rhythm_is_the_distance_to_the_corpus() -> None:
    corpus = style.corpus_lengths()
    assert sum(corpus) == pytest.approx(1, abs=1e-3)
    eighths = [14, 1, 16, 1] * 4
    assert sum(scores(eighths)["rhythm"]) == pytest.approx(-(1 - corpus[1]), abs=1e-3)
    mixed = [14, 1, 16, 1, 18, 1, 1, 1, 14, 1, 16, 1, 18, 1, 1, 1]  # half the time in eighths, half in quarters
    assert sum(scores(mixed)["rhythm"]) > sum(scores(eighths)["rhythm"])


def test_rhythm_of_notes_longer_than_the_last_bin() -> None:
    corpus = style.corpus_lengths()
    assert sum(scores([14] + [1] * 19)["rhythm"]) == pytest.approx(-(1 - corpus[15]), abs=1e-3)
