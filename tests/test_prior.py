"""Maximum-likelihood training on a corpus small enough to learn by heart, and the shipped priors."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from seqtutor_core import priors, training
from seqtutor_core.errors import PriorError
from seqtutor_core.features import InputFeature, LastToken
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.priors import Prior
from seqtutor_core.training import TrainingSettings

SETTINGS = TrainingSettings(
    NetworkSettings(5, hidden=16, embedding=8), epochs=6, batch=4, window=12, learning_rate=0.02, average=0.5
)
TUNES = [((0, 1, 2, 3, 4) * 6, 0), ((4, 3, 2, 1, 0) * 6, 0)] * 8


def offered(period: int) -> dict[str, InputFeature]:
    """A network that sees the last token alone, whatever the bar."""
    return {"token": LastToken(5)}


def test_it_learns_and_the_best_is_kept(tmp_path: Path) -> None:
    history = list(training.train(SETTINGS, offered, TUNES, TUNES[:2], tmp_path))
    assert history[-1].held_out_nats < 0.4 < history[0].held_out_nats
    network = RecurrentNetwork(SETTINGS.network)
    network.load_state_dict(load_file(tmp_path / "best.safetensors"))
    nats, accuracy = training.evaluate(network, offered, TUNES[:2])
    assert nats == pytest.approx(min(e.held_out_nats for e in history))
    assert accuracy > 0.9


def test_a_stopped_training_resumes_to_the_same_weights(tmp_path: Path) -> None:
    whole = list(training.train(SETTINGS, offered, TUNES, TUNES[:2], tmp_path / "whole"))
    steps = training.train(SETTINGS, offered, TUNES, TUNES[:2], tmp_path / "parts")
    first = [next(steps), next(steps)]
    del steps
    rest = list(training.train(SETTINGS, offered, TUNES, TUNES[:2], tmp_path / "parts"))
    assert first + rest == whole


def test_other_settings_do_not_overwrite_a_training(tmp_path: Path) -> None:
    next(training.train(SETTINGS, offered, TUNES, TUNES[:2], tmp_path))
    with pytest.raises(PriorError, match="other settings"):
        next(training.train(replace(SETTINGS, batch=8), offered, TUNES, TUNES[:2], tmp_path))


def test_it_stops_when_the_held_out_loss_stops_falling(tmp_path: Path) -> None:
    noise = [(tuple(torch.randint(5, (30,), generator=torch.Generator().manual_seed(i)).tolist()), 0) for i in range(4)]
    settings = replace(SETTINGS, epochs=60, patience=2)
    assert len(list(training.train(settings, offered, TUNES, noise, tmp_path))) < 60


def test_saved_and_loaded(tmp_path: Path) -> None:
    network = RecurrentNetwork(SETTINGS.network)
    priors.save(Prior("mine", network, {"licence": "mine"}), tmp_path)
    again = priors.load("mine", tmp_path)
    assert again.card["licence"] == "mine"
    assert not any(p.requires_grad for p in again.network.parameters())
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.network.parameters(), strict=True))


def test_a_missing_or_damaged_prior_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriorError, match="no prior named 'other'"):
        priors.load("other", tmp_path)
    folder = priors.save(Prior("mine", RecurrentNetwork(SETTINGS.network), {}), tmp_path)
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(PriorError, match="damaged"):
        priors.load("mine", tmp_path)
    (folder / "card.json").write_text("{")
    with pytest.raises(PriorError, match="damaged"):
        priors.load("mine", tmp_path)


@pytest.mark.parametrize(("name", "nats"), [("melody", 0.90), ("melody-paper", 1.0)])
def test_shipped_priors(name: str, nats: float) -> None:
    """They load, are small, and their cards say where they come from."""
    found = priors.load(name)
    assert found.card["held_out_nats"] < nats
    assert {"source", "licence", "recipe", "samples", "training"} <= set(found.card)
    assert (priors.ASSETS / name / "weights.safetensors").stat().st_size < 8e6
    assert json.loads((priors.ASSETS / name / "card.json").read_text())["name"] == name
    assert found.network.settings.hidden == (100 if name == "melody-paper" else 128)


def test_a_card_alone_says_the_shape_of_a_network() -> None:
    for name in priors.available():
        assert priors.network_settings(name) == priors.load(name).network.settings
    with pytest.raises(PriorError, match="no prior named 'nobody'"):
        priors.network_settings("nobody")
