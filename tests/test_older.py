"""Networks that older versions wrote open, and see what they saw."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from seqtutor_core import priors
from seqtutor_core.domains import build_domain
from seqtutor_core.errors import PriorError, SettingError
from seqtutor_core.features import InputFeatures
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.older import current_network
from seqtutor_core.runs.checkpoints import read_policy, save_policy

PLAIN: dict[str, Any] = {"hidden": 8, "layers": 1, "embedding": 4, "dropout": 0.0}
BEFORE: dict[str, dict[str, Any]] = {
    "melody": {"vocabulary": 38, **PLAIN, "clock": True, "hold": 1},
    "melody-paper": {"vocabulary": 38, **PLAIN, "clock": False, "hold": None},
    "molecule": {
        "vocabulary": 25,
        **PLAIN,
        "clock": False,
        "hold": None,
        "branches": [2, 3],
        "stems": [0, 1],
        "pairs": [4, 6, 10, 19, 21, 23],
        "turns": [[[0]], [[9]]],
    },
    "molecule-paper": {"vocabulary": 25, **PLAIN, "clock": False, "branches": [], "stems": [], "pairs": []},
}


@pytest.mark.parametrize("name", BEFORE)
def test_settings_of_before_say_the_same_in_todays_words(name: str) -> None:
    """The inputs of the shipped priors, whose weights stayed as they were."""
    shipped = priors.load(name).network.settings
    assert NetworkSettings(**current_network(BEFORE[name])).inputs == shipped.inputs
    assert current_network(json.loads(json.dumps(asdict(shipped)))) == json.loads(json.dumps(asdict(shipped)))


def test_a_clock_alone() -> None:
    assert NetworkSettings(**current_network({"vocabulary": 4, "clock": True})).inputs == {
        "token": (5,),
        "clock": (5, 5, 25, 25),
    }


@pytest.mark.parametrize("wrong", [{"clock": "yes"}, {"hold": -1}, {"branches": [1, 2, 3]}, {"vocabulary": "many"}])
def test_what_no_version_wrote_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        current_network({**BEFORE["melody"], **wrong})


@pytest.mark.parametrize("name", BEFORE)
def test_priors_and_policies_of_before_open(name: str, tmp_path: Path) -> None:
    network = RecurrentNetwork(NetworkSettings(**current_network(BEFORE[name]))).eval()
    folder = priors.save(priors.Prior("mine", network, {"domain": name}), tmp_path)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "network": BEFORE[name]}))
    domain = build_domain(name.removesuffix("-paper"))
    again = priors.load("mine", tmp_path, domain).network
    ids = InputFeatures.select(domain.features, again.settings.inputs).sequence_ids(torch.tensor([[2, 1, 3, 1, 4]]))
    assert torch.equal(again(ids).logits, network(ids).logits)
    save_policy(tmp_path / "policy.safetensors", network.state_dict(), network.settings, {"seconds": 1.0})
    assert torch.equal(read_policy(tmp_path / "policy.safetensors")(ids).logits, network(ids).logits)


def test_a_prior_of_another_domain_is_refused() -> None:
    with pytest.raises(PriorError, match="writes 25 tokens that are not the 38"):
        priors.load("molecule", space=build_domain("melody"))
