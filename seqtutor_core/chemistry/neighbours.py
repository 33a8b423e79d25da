"""The nearest training molecules by the Tanimoto similarity of Morgan fingerprints (radius 2, 1024 bits).

The fingerprints of the training set are packed on disk, sorted by the number of bits they set. With a and b bits set
the similarity is at most min(a, b) / max(a, b), so most of them are never compared.
"""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from seqtutor_core.chemistry.parsing import parse
from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.errors import InputError, SettingError
from seqtutor_core.files import replace_text

BITS, RADIUS = 1024, 2
WORDS = BITS // 64
MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
PORTION = 5_000  # molecules a process computes at a time
COMMAND = "python -m seqtutor_core prior neighbours"
INDEX = "neighbours"
PARTS = ("fingerprints", "counts", "smiles", "ends")

Words = npt.NDArray[np.uint64]


def available(folder: Path) -> bool:
    """Return whether the index has been built in a corpus folder."""
    return (folder / INDEX / "statistics.json").is_file()


def build(folder: Path, smiles: Sequence[str], progress: Callable[[int, int], None]) -> None:
    """Write the fingerprints of the training molecules into `folder`, one process a core.

    progress is called with (molecules done, all). The index is replaced whole or not at all. A script that calls this
    needs the guard `if __name__ == "__main__"`, since the processes import it.
    """
    words = np.empty((len(smiles), WORDS), np.uint64)  # (n, 16)
    done = 0
    portions = [smiles[start : start + PORTION] for start in range(0, len(smiles), PORTION)]
    with ProcessPoolExecutor(cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        for packed in pool.map(_fingerprints, portions):
            rows = np.frombuffer(packed, np.uint64).reshape(-1, WORDS)
            words[done : done + len(rows)] = rows
            done += len(rows)
            progress(done, len(smiles))
    _write(folder, smiles, words)


def nearest(folder: Path, smiles: str, k: int = 1) -> list[tuple[str, float]]:
    """Return the k most similar training molecules and their similarities, 0 to 1, best first; exact.

    InputError for an invalid SMILES and a missing or damaged index, SettingError for a k below 1.
    """
    if k < 1:
        raise SettingError(f"{k} neighbours were asked for; ask for 1 or more")
    query = np.frombuffer(_fingerprint(parse(smiles)), np.uint64)  # (16,)
    fingerprints, counts, texts, ends = _read(folder)
    best: list[tuple[float, int]] = []  # (similarity, row), best first
    for bound, first, last in _groups(counts, int(np.bitwise_count(query).sum())):
        if len(best) == k and best[-1][0] >= bound:
            break
        similarities = _tanimoto(fingerprints[first:last], query)  # (last - first,)
        top = np.argsort(-similarities, kind="stable")[:k]
        best += [(float(similarities[row]), first + int(row)) for row in top]
        best = sorted(best, key=lambda one: (-one[0], one[1]))[:k]
    starts = [int(ends[row - 1]) if row else 0 for _, row in best]
    return [
        (texts[start : ends[row]].tobytes().decode(), similarity)
        for start, (similarity, row) in zip(starts, best, strict=True)
    ]


def _groups(counts: npt.NDArray[np.int64], bits: int) -> Iterator[tuple[float, int, int]]:
    """Yield (bound, first, last) of rows that set equally many bits: the bound on their similarity, highest first."""
    sizes = np.arange(len(counts) - 1)
    bounds = np.minimum(sizes, bits) / np.maximum(np.maximum(sizes, bits), 1)
    for size in np.argsort(-bounds, kind="stable"):
        if counts[size] < counts[size + 1]:
            yield float(bounds[size]), int(counts[size]), int(counts[size + 1])


def _tanimoto(rows: Words, query: Words) -> npt.NDArray[np.float64]:
    """Return shared bits over all bits, (n, 16) against (16,)."""
    shared = np.bitwise_count(rows & query).sum(axis=1, dtype=np.int64)
    either = np.bitwise_count(rows | query).sum(axis=1, dtype=np.int64)
    similarities: npt.NDArray[np.float64] = shared / np.maximum(either, 1)
    return similarities


def _fingerprint(molecule: Chem.Mol) -> bytes:
    """Return a fingerprint in 128 bytes; the order of bits does not matter to a count."""
    packed: bytes = DataStructs.BitVectToBinaryText(MORGAN.GetFingerprint(molecule))
    return packed


def _fingerprints(smiles: Sequence[str]) -> bytes:
    """Return the fingerprints that one process computes at a time."""
    return b"".join(_fingerprint(parse(text)) for text in smiles)


def _write(folder: Path, smiles: Sequence[str], words: Words) -> None:
    """Sort by the number of bits and replace an older index."""
    bits = np.bitwise_count(words).sum(axis=1, dtype=np.int64)  # (n,)
    order = np.argsort(bits, kind="stable")
    texts = [smiles[row].encode() for row in order]
    unfinished = folder / f".{INDEX}.{os.getpid()}.tmp"
    unfinished.mkdir(parents=True)
    try:
        np.save(unfinished / "fingerprints.npy", words[order])
        np.save(unfinished / "counts.npy", np.searchsorted(bits[order], np.arange(BITS + 2)))  # (1026,) first rows
        np.save(unfinished / "smiles.npy", np.frombuffer(b"".join(texts), np.uint8))
        np.save(unfinished / "ends.npy", np.cumsum([len(text) for text in texts]))
        replace_text(unfinished / "statistics.json", json.dumps({"molecules": len(smiles), "bits": BITS}) + "\n")
        shutil.rmtree(folder / INDEX, ignore_errors=True)
        unfinished.rename(folder / INDEX)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _read(folder: Path) -> tuple[Words, npt.NDArray[np.int64], npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the arrays of the index, mapped from disk."""
    if not available(folder):
        raise InputError(
            f"the training molecules in {folder} are not indexed; build the index with: {COMMAND} {folder.name}"
        )
    try:
        fingerprints, counts, texts, ends = (np.load(folder / INDEX / f"{name}.npy", mmap_mode="r") for name in PARTS)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the index in {folder / INDEX} is damaged ({error}); build it again with: {COMMAND} {folder.name}"
        ) from None
    return fingerprints, counts, texts, ends
