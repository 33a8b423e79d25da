"""The molecules of the training set as a sorted list of 32-bit hashes of canonical SMILES.

Made by `prior corpus molecule --ship`. One new molecule in 2,700 shares a hash with an old one and counts as such.
"""

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from seqtutor_core.chemistry.property_query import Measurement

FILE = Path(__file__).with_name("training_set.npz")


def in_training_set(measurement: Measurement) -> bool:
    """Return whether the training set has a molecule; stereochemistry is ignored, since MOSES has none."""
    table, number = _table(), np.uint32(_hash(measurement.graph))
    place = int(np.searchsorted(table, number))
    return place < len(table) and bool(table[place] == number)


def write_training_set(molecules: Iterable[str], file: Path = FILE) -> None:
    """Write the hashes of canonical SMILES as differences of the sorted ones, which compress to 2 bytes a molecule."""
    hashes = np.unique(np.fromiter((_hash(m) for m in molecules), np.uint32))
    steps = np.diff(hashes, prepend=np.uint32(0))
    np.savez_compressed(file, low=(steps & 0xFF).astype(np.uint8), high=(steps >> 8).astype(np.uint16))


@functools.cache
def _table(file: Path = FILE) -> np.ndarray:
    with np.load(file) as arrays:
        steps = arrays["low"] + (arrays["high"].astype(np.uint32) << 8)
    return steps.cumsum(dtype=np.uint32)


def _hash(canonical: str) -> int:
    return int.from_bytes(hashlib.blake2b(canonical.encode(), digest_size=4).digest(), "big")
