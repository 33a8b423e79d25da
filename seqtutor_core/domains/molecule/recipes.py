"""How the priors of MOSES, molecule and molecule-paper, are trained and what their cards say."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.domains.molecule import corpus
from seqtutor_core.domains.molecule.features import FEATURES
from seqtutor_core.features import InputFeature, InputFeatures
from seqtutor_core.network import NetworkSettings
from seqtutor_core.training import Sequences, TrainingSettings

VOCABULARY, SEEN = MOSES.vocabulary, InputFeatures(FEATURES[MOSES]).sizes
HELD_OUT_EVERY = 35  # every 35th held-out molecule, 5,031 of them, is enough for a loss

# An epoch is a twentieth of the training set, so that a training killed after an hour has lost three minutes.
RECIPES: Mapping[str, TrainingSettings] = {
    "molecule": TrainingSettings(
        NetworkSettings(len(VOCABULARY), hidden=256, embedding=64, inputs=SEEN),
        epochs=60,
        batch=128,
        window=64,
        weight_decay=0.0,
        part=80_000,
        bfloat16=True,
    ),
    # the paper's size: one LSTM of 100 units that sees the last token and nothing else
    "molecule-paper": TrainingSettings(
        NetworkSettings(len(VOCABULARY), hidden=100, embedding=len(VOCABULARY) + 1),
        epochs=24,
        batch=128,
        window=64,
        learning_rate=4e-3,
        weight_decay=0.0,
        part=80_000,
        bfloat16=True,
    ),
}

DATA: Mapping[str, Any] = {
    "source": "molsets package 0.3.1: the training set of MOSES (Polykovskiy et al. 2020), drawn from ZINC Clean Leads",
    "licence": "MIT (MOSES, Insilico Medicine)",
    "recipe": "pip install --no-deps molsets==0.3.1; python -m seqtutor_core prior corpus molecule",
}

STARTS: Mapping[str, str] = {}
SETTINGS: Mapping[str, Any] = {}  # MOSES is whose molecules the domain writes unless it is told otherwise
FILE = ""


def input_features(period: int) -> Mapping[str, InputFeature]:
    """Return every input feature by name; a SMILES has no bars."""
    return FEATURES[MOSES]


def build(folder: Path, progress: Callable[[int, int], None], file: str) -> dict[str, object]:
    """Build the corpus; progress is called with (molecules done, molecules in all)."""
    return corpus.build(folder, progress)


def ship(folder: Path) -> None:
    """Replace the list of known molecules and the property statistics that the package carries."""
    from seqtutor_core.domains.molecule.build_tables import build_tables

    build_tables(MOSES.corpus, "MOSES 0.3.1", {side: list(corpus.smiles(side)) for side in corpus.SIDES})


def sequences(folder: Path, recipe: str) -> tuple[Sequences, Sequences]:
    """Return training and held-out tokens; InputError if the corpus is not built."""
    built = corpus.load(folder)
    held_out = built["held_out"]
    return built["training"], [held_out[i] for i in range(0, len(held_out), HELD_OUT_EVERY)]


def molecules(folder: Path) -> list[str]:
    """Return the training molecules, which nearest ones are looked up among."""
    return list(corpus.smiles("training"))


def corpus_facts(folder: Path) -> dict[str, Any]:
    """Return what the cards say of the corpus."""
    return {"molecules": corpus.SIZES}
