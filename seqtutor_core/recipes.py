"""The priors that are shipped: how each is trained, and the card it is published with."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from seqtutor_core import priors, training
from seqtutor_core.domains import DOMAINS, build_domain
from seqtutor_core.domains.registry import TrainingRecipes
from seqtutor_core.errors import SettingError
from seqtutor_core.evaluation import evaluate
from seqtutor_core.files import home
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.training import Epoch

SAMPLES = 10_000  # that a card's figures are over


def training_recipes(name: str) -> TrainingRecipes:
    """Return how a domain's priors are made; SettingError for a domain that is unknown or has no corpus."""
    every = _all_recipes()
    if name not in every:
        raise SettingError(f"no corpus for {name!r}; there is: {', '.join(every)}")
    return every[name]


def corpus_folder(name: str) -> Path:
    """Return where a domain's built corpus lies."""
    return home() / "corpora" / name


def training_folder(name: str) -> Path:
    """Return where a training keeps its checkpoints."""
    return home() / "priors" / name


def train(name: str) -> Iterator[Epoch]:
    """Train a recipe, resuming; SettingError for an unknown one, InputError when the corpus is not built."""
    of, recipes = _recipe(name)
    sequences = recipes.sequences(corpus_folder(of))
    return training.train(recipes.RECIPES[name], recipes.input_features, *sequences, training_folder(name))


def publish(name: str, root: Path) -> dict[str, Any]:
    """Write the best weights of a trained recipe to root/NAME with their card; return the card."""
    of, recipes = _recipe(name)
    domain = build_domain(of)
    facts = json.loads((training_folder(name) / "training.json").read_text())
    best = min(facts["history"], key=lambda e: e["held_out_nats"])
    network = RecurrentNetwork(recipes.RECIPES[name].network)
    network.load_state_dict(load_file(training_folder(name) / "best.safetensors"))
    network.eval()
    card = {
        "domain": domain.name,
        **recipes.DATA,
        "corpus": recipes.corpus_facts(),
        "vocabulary": list(domain.vocabulary.tokens),
        "training": {**facts["settings"], "network": asdict(network.settings), "epochs_done": len(facts["history"])},
        "parameters": sum(p.numel() for p in network.parameters()),
        "held_out_nats": best["held_out_nats"],
        "held_out_accuracy": best["held_out_accuracy"],
        "samples": evaluate(Policy(domain, network), Objective(domain, {}, 1.0), SAMPLES)["metrics"],
    }
    priors.save(priors.Prior(name, network, card), root)
    return card


def _recipe(name: str) -> tuple[str, TrainingRecipes]:
    """The domain of a recipe, and all recipes of that domain; SettingError for an unknown one."""
    for of, recipes in _all_recipes().items():
        if name in recipes.RECIPES:
            return of, recipes
    names = [each for recipes in _all_recipes().values() for each in recipes.RECIPES]
    raise SettingError(f"no recipe named {name!r}; choose one of {', '.join(names)}")


def _all_recipes() -> dict[str, TrainingRecipes]:
    """Those of every domain that has a corpus."""
    return {name: entry.training_recipes() for name, entry in DOMAINS.items() if entry.training_recipes}
