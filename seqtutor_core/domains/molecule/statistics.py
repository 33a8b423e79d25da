"""Quantiles of the properties of the MOSES molecules, which tuned molecules are compared with.

Made by `prior corpus molecule --ship` from molecules drawn evenly from each side.
"""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("statistics.json")
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
def statistics() -> dict[str, Any]:
    """Return the shipped statistics: molecules measured, and quantiles by side and property."""
    return json.loads(FILE.read_text())


def quantiles(name: str, side: str = "training") -> np.ndarray:
    """Return QUANTILES values of a property from the smallest to the largest, evenly spaced in probability."""
    return np.array(statistics()[side][name])


def central_range(name: str, share: float = 0.95) -> tuple[float, float]:
    """Return the bounds between which this share of the training molecules lies."""
    tail = (1 - share) / 2
    low, high = np.interp([tail, 1 - tail], np.linspace(0, 1, QUANTILES), quantiles(name))
    return float(low), float(high)


def histogram(name: str, edges: Sequence[float], side: str = "training") -> list[float]:
    """Return the share of molecules between successive edges, the last edge included."""
    return (np.histogram(quantiles(name, side), edges)[0] / QUANTILES).tolist()


def distance(name: str, values: Sequence[float]) -> float:
    """Return the Wasserstein-1 distance of values to the held-out molecules, in the property's unit, as MOSES does."""
    probability = (np.arange(len(values)) + 0.5) / len(values)
    reference = np.interp(probability, np.linspace(0, 1, QUANTILES), quantiles(name, "held_out"))
    return float(np.abs(np.sort(values) - reference).mean())


def write_statistics(sides: dict[str, dict[str, list[float]]], file: Path = FILE) -> None:
    """Write the quantiles of measured values by side and property."""
    spread = {
        side: {
            name: [float(f"{q:.6g}") for q in np.quantile(values, np.linspace(0, 1, QUANTILES))]
            for name, values in properties.items()
        }
        for side, properties in sides.items()
    }
    molecules = {side: len(next(iter(properties.values()))) for side, properties in sides.items()}
    file.write_text(json.dumps({"source": "MOSES 0.3.1", "molecules": molecules, **spread}) + "\n")
