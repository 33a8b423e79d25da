"""How the melody priors are trained and what their cards say."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seqtutor_core.domains.melody import corpus
from seqtutor_core.domains.melody.features import input_features
from seqtutor_core.domains.melody.style import STATISTICS
from seqtutor_core.domains.melody.tokens import VOCABULARY
from seqtutor_core.features import InputFeatures
from seqtutor_core.network import NetworkSettings
from seqtutor_core.training import Sequences, TrainingSettings

SEEN = InputFeatures(input_features(0)).sizes
RECIPES: Mapping[str, TrainingSettings] = {
    "melody": TrainingSettings(
        NetworkSettings(len(VOCABULARY), hidden=128, embedding=64, dropout=0.1, inputs=SEEN),
        epochs=20,
    ),
    # the paper's network: one LSTM of 100 units that sees the last token and nothing else
    "melody-paper": TrainingSettings(NetworkSettings(len(VOCABULARY), hidden=100, embedding=39), epochs=12),
}

DATA: Mapping[str, Any] = {
    "source": "music21 package: Essen folk songs, O'Neill 1850, Aird's Airs, Ryan's Mammoth Collection (ABC)",
    "licence": (
        "The tunes are traditional. The ABC encodings come with music21 by permission of their encoders; the Essen "
        "encodings for non-commercial use. Use these weights accordingly."
    ),
    "recipe": "python -m seqtutor_core prior corpus melody",
}

STARTS: Mapping[str, str] = {}
SETTINGS: Mapping[str, Any] = {}
FILE = ""


def build(folder: Path, progress: Callable[[int, int], None], file: str) -> dict[str, object]:
    """Build the corpus; progress is called with (files done, files in all)."""
    return corpus.build(folder, progress)


def ship(folder: Path) -> None:
    """Replace the statistics that the package carries by those of the built corpus."""
    STATISTICS.write_text((folder / "statistics.json").read_text())


def sequences(folder: Path, recipe: str) -> tuple[Sequences, Sequences]:
    """Return training and held-out tokens with their periods; InputError when the corpus is not built."""
    built = corpus.load(folder)
    training, held_out = (
        [(tune.tokens, corpus.period(tune.bar)) for tune in side] for side in (built.training, built.held_out)
    )
    return training, held_out


def corpus_facts(folder: Path) -> dict[str, Any]:
    """Return what the cards say of the corpus."""
    return {k: v for k, v in json.loads(STATISTICS.read_text()).items() if k in ("tunes", "tokens")}
