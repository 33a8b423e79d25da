"""The corpus of the prior molecule-zinc: ZINC 250k as tokens, read from a file that the user names.

249,455 molecules of ZINC with charges and stereochemistry, the set that the field trains its generators on, and of the
paper's own kind. The split goes by a hash of each molecule without stereochemistry, so it hangs on no order of lines
and no molecule is on both sides.
"""

import gzip
import json
import multiprocessing
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path

from seqtutor_core import text as texts
from seqtutor_core.chemistry.tokens import ZINC, split
from seqtutor_core.chemistry.writings import Writings, writings
from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.domains.molecule.corpus import Tokens, Written
from seqtutor_core.errors import InputError, TokenError
from seqtutor_core.files import read_whole, reason, replace_text

MOLECULES = 249_455
FEWEST = 1_000  # molecules; a prior learns nothing from fewer
LARGEST = 256 * 2**20  # bytes of a file
MOST_BROKEN = 0.05  # share of lines that are no molecules, above which it is another kind of file
HELD_OUT = 20  # one molecule in so many
PORTION = 5_000  # molecules a process reads at a time
SIDES = ("training", "held_out", "random")
"""Canonical SMILES of the training and the held-out molecules, and a random SMILES of each training molecule."""


def build(folder: Path, progress: Callable[[int, int], None], file: str) -> dict[str, object]:
    """Tokenise the molecules of a file into `folder` and return the statistics; progress: called with (done, all).

    file: one SMILES a line, perhaps with more behind it, plain or gzipped. InputError for one that is missing or empty,
    or not such a list. A script that calls this needs the guard `if __name__ == "__main__"`: processes import it.
    """
    given = _lines(file)
    sides, lost, counts = {side: Written(ZINC) for side in SIDES}, Counter[str](), Counter[str]()
    for done, found in _read(given):
        for one in found:
            _add(one, sides, lost, counts)
        progress(done, len(given))
    if lost["broken"] > MOST_BROKEN * len(given):
        raise InputError(
            f"{lost['broken']:,} of the {len(given):,} lines of {file} begin with no molecule; "
            "it must be a list of SMILES, one a line"
        )
    statistics = {
        "molecules": {side: len(sides[side].ends) for side in ("training", "held_out")},
        "left_out": dict(lost),
        "tokens": dict(counts.most_common()),
        "vocabulary": len(ZINC.vocabulary),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for side, written in sides.items():
        written.save(folder / f"{side}.npz")
    replace_text(folder / "statistics.json", json.dumps(statistics, indent=2) + "\n")
    return statistics


def load(folder: Path) -> dict[str, Tokens]:
    """Return the built corpus by side; InputError names the command that builds it."""
    if not (folder / "statistics.json").exists():
        raise InputError(
            f"no corpus in {folder}; build it with: python -m seqtutor_core prior corpus molecule-zinc --file FILE"
        )
    return {side: Tokens.load(folder / f"{side}.npz") for side in SIDES}


def smiles(folder: Path, side: str) -> Iterator[str]:
    """Yield the SMILES of one side of the built corpus."""
    return (ZINC.decode(tokens) for tokens, _ in load(folder)[side])


def _lines(file: str) -> list[str]:
    """Return the first word of each line of a file."""
    try:
        data = read_whole(Path(file), LARGEST)
        if data.startswith(b"\x1f\x8b"):
            with gzip.open(BytesIO(data)) as unpacked:
                data = unpacked.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise OSError(f"it unpacks to more than {LARGEST:,} bytes")
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{file} cannot be read: {reason(error)}; name the file of ZINC 250k, one SMILES a line, plain or gzipped"
        ) from None
    found = [line.split()[0] for line in texts.lines(texts.decode(data, file)) if line.strip()]
    if len(found) < FEWEST:
        raise InputError(f"{file} has {len(found):,} lines, and a prior needs {FEWEST:,} molecules or more")
    return found


def _read(given: Sequence[str]) -> Iterator[tuple[int, list[Writings | None]]]:
    """Yield how many molecules were read, and the writings of the newest of them."""
    portions = [given[start : start + PORTION] for start in range(0, len(given), PORTION)]
    done = 0
    with ProcessPoolExecutor(cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        for found in pool.map(_writings, portions):
            done += len(found)
            yield done, found


def _writings(portion: Sequence[str]) -> list[Writings | None]:
    return [writings(one) for one in portion]


def _add(one: Writings | None, sides: dict[str, Written], lost: Counter[str], counts: Counter[str]) -> None:
    """Add a molecule to its side, or count why it is left out: broken, or with a token too rare to learn."""
    if one is None:
        lost["broken"] += 1
        return
    side = "held_out" if texts.hashed(one.graph) % HELD_OUT == 0 else "training"
    try:
        sides[side].add(one.canonical)
    except TokenError:
        lost["rare tokens"] += 1
        return
    counts.update(split(one.canonical))
    if side == "training" and not ZINC.missing(one.random):
        sides["random"].add(one.random)
