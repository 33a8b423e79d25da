"""The two tables the package carries about MOSES: which molecules the training set has, and their properties."""

from collections.abc import Sequence
from itertools import islice

from seqtutor_core.chemistry.pool import Pool
from seqtutor_core.chemistry.property_query import Facts, Question
from seqtutor_core.cores import cores
from seqtutor_core.domains.molecule import corpus
from seqtutor_core.domains.molecule.statistics import LABELS, write_statistics
from seqtutor_core.domains.molecule.training_set import write_known

CHUNK = 5_000
MEASURED = 40_000  # molecules of each side that the statistics are over


def ship_known() -> None:
    """Write the hashes of the training molecules, in today's canonical SMILES."""
    write_known(facts.canonical for facts in _measured(list(corpus.smiles("training")), frozenset()))


def ship_statistics() -> None:
    """Write the quantiles of every property, over molecules drawn evenly from each side."""
    sides = {}
    for side, size in corpus.SIZES.items():
        step = max(1, size // MEASURED)
        facts = _measured(list(islice(corpus.smiles(side), 0, None, step)), frozenset(LABELS))
        sides[side] = {name: [f.values[name] for f in facts] for name in LABELS}
    write_statistics(sides)


def _measured(molecules: Sequence[str], wanted: frozenset[str]) -> list[Facts]:
    pool = Pool(cores())
    try:
        found: list[Facts] = []
        for i in range(0, len(molecules), CHUNK):
            found += pool.measure(molecules[i : i + CHUNK], Question(), wanted)
        return found
    finally:
        pool.close()
