"""The molecules of a training set, of moses or zinc, as a sorted list of 32-bit hashes of canonical SMILES.

Made by `prior corpus molecule --ship`, and molecule-zinc. One new molecule in 2,700 shares a hash with an old one of
MOSES and counts as such, one in 18,000 with one of ZINC.
"""

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from seqtutor_core.chemistry.property_query import Measurement
from seqtutor_core.text import hashed


def in_training_set(corpus: str, measurements: Sequence[Measurement]) -> np.ndarray:
    """Return whether a training set has each molecule, (B,); stereochemistry is ignored, since MOSES has none."""
    table, numbers = _table(corpus), np.array([hashed(one.graph) for one in measurements], np.uint32)
    places = table.searchsorted(numbers)
    return table[np.minimum(places, len(table) - 1)] == numbers


def write_training_set(corpus: str, molecules: Iterable[str]) -> None:
    """Write the hashes of canonical SMILES as differences of the sorted ones, which compress to 2 bytes a molecule."""
    hashes = np.unique(np.fromiter(map(hashed, molecules), np.uint32))
    steps = np.diff(hashes, prepend=np.uint32(0))
    np.savez_compressed(_file(corpus), low=(steps & 0xFF).astype(np.uint8), high=(steps >> 8).astype(np.uint16))


@functools.cache
def _table(corpus: str) -> np.ndarray:
    with np.load(_file(corpus)) as arrays:
        steps = arrays["low"] + (arrays["high"].astype(np.uint32) << 8)
    return steps.cumsum(dtype=np.uint32)


def _file(corpus: str) -> Path:
    return Path(__file__).with_name(f"{corpus}_training_set.npz")
