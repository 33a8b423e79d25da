"""The priors that are shipped: how each is trained, and the card it is published with."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from seqtutor_core import priors, training
from seqtutor_core.domains import DOMAINS, build_domain
from seqtutor_core.domains.registry import TrainingRecipes
from seqtutor_core.errors import InputError, SettingError
from seqtutor_core.evaluation import evaluate
from seqtutor_core.files import home
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.training import Epoch

SAMPLES = 10_000  # that a card's figures are over


def corpora() -> dict[str, str]:
    """Return the name of every corpus, and the domain that it is of."""
    return {corpus: name for name, entry in DOMAINS.items() for corpus in entry.corpora}


def training_recipes(corpus: str) -> TrainingRecipes:
    """Return how the priors of a corpus are made; SettingError for one that is unknown."""
    known = corpora()
    if corpus not in known:
        raise SettingError(f"no corpus named {corpus!r}; there is: {', '.join(known)}")
    return DOMAINS[known[corpus]].corpora[corpus]()


def corpus_folder(corpus: str) -> Path:
    """Return where a built corpus lies."""
    return home() / "corpora" / corpus


def build_corpus(corpus: str, file: str, progress: Callable[[int, int], None]) -> dict[str, object]:
    """Build a corpus and return its statistics; SettingError for a file that it needs, or does not read."""
    recipes = training_recipes(corpus)
    if bool(file) != bool(recipes.FILE):
        way_out = f"is read from a file: {recipes.FILE}; name it" if recipes.FILE else "reads no file; leave it out"
        raise SettingError(f"the corpus {corpus} {way_out} (--file)")
    return recipes.build(corpus_folder(corpus), progress, file)


def training_folder(name: str) -> Path:
    """Return where a training keeps its checkpoints."""
    return home() / "priors" / name


def train(name: str) -> Iterator[Epoch]:
    """Train a recipe, resuming; SettingError for an unknown one.

    InputError when the corpus is not built, or the recipe that it begins with is not trained.
    """
    corpus, recipes = _recipe(name)
    begin = training_folder(recipes.STARTS[name]) / "best.safetensors" if name in recipes.STARTS else None
    if begin and not begin.is_file():
        raise InputError(
            f"{name} begins with the weights of {recipes.STARTS[name]}, and there are none in {begin.parent}; train it "
            f"with: python -m seqtutor_core prior train {recipes.STARTS[name]} --out FOLDER"
        )
    sequences = recipes.sequences(corpus_folder(corpus), name)
    return training.train(recipes.RECIPES[name], recipes.input_features, *sequences, training_folder(name), begin)


def publish(name: str, root: Path) -> dict[str, Any]:
    """Write the best weights of a trained recipe to root/NAME with their card; return the card."""
    corpus, recipes = _recipe(name)
    domain = build_domain(corpora()[corpus], recipes.SETTINGS)
    facts = json.loads((training_folder(name) / "training.json").read_text())
    before = {"before": _settings(recipes.STARTS[name])} if name in recipes.STARTS else {}
    best = min(facts["history"], key=lambda e: e["held_out_nats"])
    network = RecurrentNetwork(recipes.RECIPES[name].network)
    network.load_state_dict(load_file(training_folder(name) / "best.safetensors"))
    network.eval()
    card = {
        "domain": domain.name,
        "settings": dict(recipes.SETTINGS),
        **recipes.DATA,
        "corpus": recipes.corpus_facts(corpus_folder(corpus)),
        "vocabulary": list(domain.vocabulary.tokens),
        "training": {**_settings(name), "network": asdict(network.settings), **before},
        "parameters": sum(p.numel() for p in network.parameters()),
        "held_out_nats": best["held_out_nats"],
        "held_out_accuracy": best["held_out_accuracy"],
        "samples": evaluate(Policy(domain, network), Objective(domain, {}, 1.0), SAMPLES)["metrics"],
    }
    priors.save(priors.Prior(name, network, card), root)
    return card


def _settings(name: str) -> dict[str, Any]:
    """Return the settings of a training, and the epochs that it did."""
    facts = json.loads((training_folder(name) / "training.json").read_text())
    return {**facts["settings"], "epochs_done": len(facts["history"])}


def _recipe(name: str) -> tuple[str, TrainingRecipes]:
    """Return the corpus of a recipe, and all recipes of that corpus; SettingError for an unknown one."""
    known = {corpus: training_recipes(corpus) for corpus in corpora()}
    for corpus, recipes in known.items():
        if name in recipes.RECIPES:
            return corpus, recipes
    names = [each for recipes in known.values() for each in recipes.RECIPES]
    raise SettingError(f"no recipe named {name!r}; choose one of {', '.join(names)}")
