"""The priors that are shipped: how each is trained, and the card it is published with."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from safetensors.torch import load_file

from seqtutor_core import prior
from seqtutor_core.domains import domain
from seqtutor_core.errors import SettingError
from seqtutor_core.evaluation import evaluate_policy
from seqtutor_core.files import home
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.prior import Epoch

SAMPLES = 10_000  # that a card's figures are over


def _melody() -> ModuleType:
    from seqtutor_core.domains.melody import recipes

    return recipes


def _molecule() -> ModuleType:
    from seqtutor_core.domains.molecule import recipes

    return recipes


# each module has RECIPES, DATA, build, ship, sequences, corpus_facts
WORKSHOPS: Mapping[str, Callable[[], ModuleType]] = {"melody": _melody, "molecule": _molecule}
RECIPES = {"melody": "melody", "melody-paper": "melody", "molecule": "molecule", "molecule-paper": "molecule"}


def workshop(name: str) -> ModuleType:
    """The recipes of a domain; SettingError for an unknown one."""
    if name not in WORKSHOPS:
        raise SettingError(f"no corpus for {name!r}; there is: {', '.join(WORKSHOPS)}")
    return WORKSHOPS[name]()


def corpus_folder(name: str) -> Path:
    """Where a domain's built corpus lies."""
    return home() / "corpora" / name


def training_folder(name: str) -> Path:
    """Where a training keeps its checkpoints."""
    return home() / "priors" / name


def train(name: str) -> Iterator[Epoch]:
    """Train a recipe, resuming; SettingError for an unknown one, InputError when the corpus is not built."""
    training, held_out = _recipes(name).sequences(corpus_folder(RECIPES[name]))
    return prior.train(_recipes(name).RECIPES[name], training, held_out, training_folder(name))


def publish(name: str, root: Path) -> dict[str, Any]:
    """Write the best weights of a trained recipe to root/NAME with their card; return the card."""
    recipes, known = _recipes(name), domain(RECIPES[name])
    facts = json.loads((training_folder(name) / "training.json").read_text())
    best = min(facts["history"], key=lambda e: e["held_out_nats"])
    network = RecurrentNetwork(recipes.RECIPES[name].network)
    network.load_state_dict(load_file(training_folder(name) / "best.safetensors"))
    network.eval()
    card = {
        "domain": known.name,
        **recipes.DATA,
        "corpus": recipes.corpus_facts(),
        "vocabulary": list(known.vocabulary.tokens),
        "training": {**facts["settings"], "epochs_done": len(facts["history"])},
        "parameters": sum(p.numel() for p in network.parameters()),
        "held_out_nats": best["held_out_nats"],
        "held_out_accuracy": best["held_out_accuracy"],
        "samples": evaluate_policy(known, network, None, None, {}, 1.0, SAMPLES)["metrics"],
    }
    prior.save(prior.Prior(name, network, card), root)
    return card


def _recipes(name: str) -> ModuleType:
    if name not in RECIPES:
        raise SettingError(f"no recipe named {name!r}; choose one of {', '.join(RECIPES)}")
    return workshop(RECIPES[name])
