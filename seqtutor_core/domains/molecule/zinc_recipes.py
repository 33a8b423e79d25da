"""How the prior of ZINC 250k, molecule-zinc, is trained and what its card says."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqtutor_core.chemistry.tokens import ZINC
from seqtutor_core.domains.molecule import zinc_corpus
from seqtutor_core.domains.molecule.features import FEATURES
from seqtutor_core.features import InputFeature, InputFeatures
from seqtutor_core.network import NetworkSettings
from seqtutor_core.training import Sequences, TrainingSettings

HELD_OUT_EVERY = 4  # every 4th held-out molecule, 3,150 of them, is enough for a loss
CANONICAL = 9  # of ten writings of a molecule; the tenth is random, so that fragments in any order are no surprise
FIRST, LAST = "molecule-zinc-random", "molecule-zinc"

_network = NetworkSettings(len(ZINC.vocabulary), hidden=320, embedding=64, inputs=InputFeatures(FEATURES[ZINC]).sizes)
_first = TrainingSettings(
    _network, epochs=42, batch=128, window=80, weight_decay=0.0, part=80_000, bfloat16=True
)  # an epoch is a third of the training set: a training killed after an hour has lost two minutes
RECIPES: Mapping[str, TrainingSettings] = {
    FIRST: _first,
    # random writings cost validity: 96.3 % of what the first writes is valid, 97.2 % of what this one writes
    LAST: replace(_first, epochs=6, learning_rate=5e-4, part=59_000),
}
STARTS: Mapping[str, str] = {LAST: FIRST}

DATA: Mapping[str, Any] = {
    "source": (
        "ZINC 250k: 249,455 molecules that Gomez-Bombarelli et al. (2018) drew at random from ZINC (Sterling and Irwin "
        "2015), the corpus of the benchmark PMO and of the paper's own kind"
    ),
    "licence": (
        "ZINC is free to use for everyone, and may not be redistributed in large parts without permission; these are "
        "weights and statistics, without the molecules"
    ),
    "recipe": "python -m seqtutor_core prior corpus molecule-zinc --file 250k_rndm_zinc_drugs_clean.smi",
    "writings": (
        "first nine of ten molecules in canonical SMILES and the tenth in a random one, so that a fragment that a user "
        "gives, or a molecule written anew, is no surprise; at last canonical SMILES alone, since random ones cost "
        "validity"
    ),
}

SETTINGS: Mapping[str, Any] = {"corpus": ZINC.corpus}
FILE = "ZINC 250k, one SMILES a line, plain or gzipped"


def input_features(period: int) -> Mapping[str, InputFeature]:
    """Return every input feature by name; a SMILES has no bars."""
    return FEATURES[ZINC]


def build(folder: Path, progress: Callable[[int, int], None], file: str) -> dict[str, object]:
    """Build the corpus from a file; progress is called with (molecules done, molecules in all)."""
    return zinc_corpus.build(folder, progress, file)


def ship(folder: Path) -> None:
    """Replace the list of known molecules and the property statistics that the package carries."""
    from seqtutor_core.domains.molecule.build_tables import build_tables

    sides = {side: list(zinc_corpus.smiles(folder, side)) for side in ("training", "held_out")}
    build_tables(ZINC.corpus, ZINC.title, sides)


def sequences(folder: Path, recipe: str) -> tuple[Sequences, Sequences]:
    """Return training and held-out tokens for a recipe; InputError if the corpus is not built."""
    built = zinc_corpus.load(folder)
    held_out = built["held_out"]
    canonical, random = [*built["training"]], [*built["random"]]
    training = canonical if recipe == LAST else canonical * CANONICAL + random
    return training, [held_out[i] for i in range(0, len(held_out), HELD_OUT_EVERY)]


def molecules(folder: Path) -> list[str]:
    """Return the training molecules, which nearest ones are looked up among."""
    return list(zinc_corpus.smiles(folder, "training"))


def corpus_facts(folder: Path) -> dict[str, Any]:
    """Return what the card says of the corpus."""
    built = json.loads((folder / "statistics.json").read_text())
    return {"molecules": built["molecules"], "left_out": built["left_out"]}
