"""Quantiles of the properties of a corpus, moses or zinc, which tuned molecules are compared with.

Made by `prior corpus molecule --ship`, and molecule-zinc, from molecules drawn evenly from each side.
"""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

QUANTILES = 201
LABELS = {
    "log_p": "log P",
    "qed": "QED",
    "sa_score": "SA score",
    "molecular_weight": "weight in Da",
    "tpsa": "polar surface in Å²",
    "h_bond_donors": "number of H-bond donors",
    "h_bond_acceptors": "number of H-bond acceptors",
    "rotatable_bonds": "number of rotatable bonds",
    "fraction_sp3": "fraction sp3",
    "heavy_atoms": "number of heavy atoms",
}


@functools.cache
def statistics(corpus: str) -> dict[str, Any]:
    """Return the shipped statistics: molecules measured, and quantiles by side and property."""
    return json.loads(_file(corpus).read_text())


def quantiles(corpus: str, name: str, side: str = "training") -> np.ndarray:
    """Return QUANTILES values of a property from the smallest to the largest, evenly spaced in probability."""
    return np.array(statistics(corpus)[side][name])


def central_range(corpus: str, name: str, share: float = 0.95) -> tuple[float, float]:
    """Return the bounds between which this share of the training molecules lies."""
    tail = (1 - share) / 2
    low, high = np.interp([tail, 1 - tail], np.linspace(0, 1, QUANTILES), quantiles(corpus, name))
    return float(low), float(high)


def histogram(corpus: str, name: str, edges: Sequence[float], side: str = "training") -> list[float]:
    """Return the share of a corpus's molecules whose property `name` lies between successive edges, the last included.

    side: `training` or `held_out`.
    """
    return (np.histogram(quantiles(corpus, name, side), edges)[0] / QUANTILES).tolist()


def distance(corpus: str, name: str, values: Sequence[float]) -> float:
    """Return the Wasserstein-1 distance of values to the held-out molecules, in the property's unit, as MOSES does."""
    probability = (np.arange(len(values)) + 0.5) / len(values)
    reference = np.interp(probability, np.linspace(0, 1, QUANTILES), quantiles(corpus, name, "held_out"))
    return float(np.abs(np.sort(values) - reference).mean())


def write_statistics(corpus: str, source: str, sides: dict[str, dict[str, list[float]]]) -> None:
    """Write the quantiles of measured values by side and property; source: what the corpus is."""
    spread = {
        side: {
            name: [float(f"{q:.6g}") for q in np.quantile(values, np.linspace(0, 1, QUANTILES))]
            for name, values in properties.items()
        }
        for side, properties in sides.items()
    }
    molecules = {side: len(next(iter(properties.values()))) for side, properties in sides.items()}
    _file(corpus).write_text(json.dumps({"source": source, "molecules": molecules, **spread}) + "\n")


def _file(corpus: str) -> Path:
    return Path(__file__).with_name(f"{corpus}_statistics.json")
