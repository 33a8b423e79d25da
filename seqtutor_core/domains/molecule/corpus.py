"""The corpus of the prior molecule: the MOSES training and test sets of the molsets package as tokens.

The package is installed for its data alone (pip install --no-deps molsets): its code is never imported.
"""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from seqtutor_core.chemistry.tokens import MOSES, SmilesTokens, split
from seqtutor_core.errors import InputError, MissingPartError
from seqtutor_core.files import replace_text

PACKAGE = "molsets"
SIDES = {"training": "train", "held_out": "test"}
SIZES = {"training": 1_584_663, "held_out": 176_074}
REPORT_EVERY = 50_000


@dataclass(frozen=True)
class Tokens(Sequence[tuple[bytes, int]]):
    """Sequences of token ids, end included, one after the other in one array (a list of them would take gigabytes)."""

    flat: np.ndarray  # (sum of lengths,) uint8
    ends: np.ndarray  # (n,) int64, where each sequence ends

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, i: int) -> tuple[bytes, int]:  # type: ignore[override]  # no slices
        """Return one sequence, and its period 0: molecules have no bars."""
        if not 0 <= i < len(self):
            raise IndexError(i)
        return self.flat[self.ends[i - 1] if i else 0 : self.ends[i]].tobytes(), 0

    @classmethod
    def load(cls, file: Path) -> "Tokens":
        """Return what `Written.save` wrote."""
        with np.load(file) as arrays:
            return cls(arrays["flat"], arrays["ends"])


class Written:
    """Molecules as token ids, while a corpus is built."""

    def __init__(self, tokens: SmilesTokens) -> None:
        self.tokens, self.flat, self.ends = tokens, bytearray(), list[int]()

    def add(self, smiles: str) -> None:
        """Add a molecule; TokenError for one with other tokens."""
        self.flat += bytes([*self.tokens.encode(smiles), self.tokens.end])
        self.ends.append(len(self.flat))

    def save(self, file: Path) -> None:
        """Write the arrays of a `Tokens`."""
        np.savez(file, flat=np.frombuffer(self.flat, np.uint8), ends=np.array(self.ends))


def smiles(side: str) -> Iterator[str]:
    """Yield the SMILES of one side as MOSES wrote them; MissingPartError without the package."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        raise MissingPartError(
            f"the training molecules come with the {PACKAGE} package: pip install --no-deps {PACKAGE}==0.3.1"
        ) from None
    [file] = [f for f in files if f.match(f"moses/dataset/data/{SIDES[side]}.csv.gz")]
    with gzip.open(str(file.locate()), "rt", encoding="ascii") as lines:
        for row in csv.DictReader(lines):
            yield row["SMILES"]


def build(folder: Path, progress: Callable[[int, int], None]) -> dict[str, object]:
    """Tokenise both sides into `folder` and return the statistics; progress is called with (molecules done, all)."""
    sides = {side: list(smiles(side)) for side in SIDES}
    total, done = sum(map(len, sides.values())), 0
    counts: Counter[str] = Counter()
    folder.mkdir(parents=True, exist_ok=True)
    for side, molecules in sides.items():
        written = Written(MOSES)
        for text in molecules:
            counts.update(split(text))
            written.add(text)
            done += 1
            if done % REPORT_EVERY == 0 or done == total:
                progress(done, total)
        written.save(folder / f"{side}.npz")
    statistics = {
        "molecules": {side: len(molecules) for side, molecules in sides.items()},
        "tokens": dict(counts.most_common()),
        "vocabulary": len(MOSES.vocabulary),
    }
    replace_text(folder / "statistics.json", json.dumps(statistics, indent=2) + "\n")
    return statistics


def load(folder: Path) -> dict[str, Tokens]:
    """Return the built corpus, training and held_out; InputError names the command that builds it."""
    if not (folder / "statistics.json").exists():
        raise InputError(f"no corpus in {folder}; build it with: python -m seqtutor_core prior corpus molecule")
    return {side: Tokens.load(folder / f"{side}.npz") for side in SIDES}
