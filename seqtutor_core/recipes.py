"""The priors that are shipped: how each is trained, and the card it is published with."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from seqtutor_core import prior
from seqtutor_core.domains.melody import Melody, corpus
from seqtutor_core.domains.melody.style import STATISTICS
from seqtutor_core.domains.melody.tokens import NO_EVENT, VOCABULARY
from seqtutor_core.evaluation import evaluate_policy
from seqtutor_core.files import home
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.prior import Epoch, PriorSettings, Sequences

RECIPES = {
    "melody": PriorSettings(
        NetworkSettings(len(VOCABULARY), hidden=128, embedding=64, dropout=0.1, clock=True, hold=NO_EVENT),
        epochs=20,
    ),
    # the paper's network: one LSTM of 100 units that sees the last token and nothing else
    "melody-paper": PriorSettings(NetworkSettings(len(VOCABULARY), hidden=100, embedding=39), epochs=12),
}

DATA = {
    "source": "music21 package: Essen folk songs, O'Neill 1850, Aird's Airs, Ryan's Mammoth Collection (ABC)",
    "licence": (
        "The tunes are traditional. The ABC encodings come with music21 by permission of their encoders; the Essen "
        "encodings for non-commercial use. Use these weights accordingly."
    ),
    "recipe": "python -m seqtutor_core prior corpus melody",
}


def folder() -> Path:
    """Where the built corpus lies."""
    return home() / "corpora" / "melody"


def sequences() -> tuple[Sequences, Sequences]:
    """Training and held-out tokens with their periods; InputError when the corpus is not built."""
    built = corpus.load(folder())
    training, held_out = (
        [(tune.tokens, corpus.period(tune.bar)) for tune in side] for side in (built.training, built.held_out)
    )
    return training, held_out


def train(name: str) -> Iterator[Epoch]:
    """Train a recipe, resuming; InputError when the corpus is not built."""
    training, held_out = sequences()
    return prior.train(RECIPES[name], training, held_out, _workshop(name))


def publish(name: str, root: Path) -> dict[str, Any]:
    """Write the best weights of a trained recipe to root/NAME with their card; return the card."""
    facts = json.loads((_workshop(name) / "training.json").read_text())
    best = min(facts["history"], key=lambda e: e["held_out_nats"])
    network = RecurrentNetwork(RECIPES[name].network)
    network.load_state_dict(load_file(_workshop(name) / "best.safetensors"))
    network.eval()
    card = {
        "domain": "melody",
        **DATA,
        "corpus": {k: v for k, v in json.loads(STATISTICS.read_text()).items() if k in ("tunes", "tokens")},
        "training": {**facts["settings"], "epochs_done": len(facts["history"])},
        "parameters": sum(p.numel() for p in network.parameters()),
        "held_out_nats": best["held_out_nats"],
        "held_out_accuracy": best["held_out_accuracy"],
        "samples_table_1": table_1(network),
    }
    prior.save(prior.Prior(name, network, card), root)
    return card


def _workshop(name: str) -> Path:
    return home() / "priors" / name


def table_1(network: RecurrentNetwork, n: int = 10_000) -> dict[str, Any]:
    """Metrics of n samples of 32 tokens from the prior alone."""
    return evaluate_policy(Melody(), network, None, None, {}, 1.0, n)["metrics"]
