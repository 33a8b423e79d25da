"""Build the two tables that the package ships about MOSES: the training molecules, and how properties are spread."""

from collections.abc import Sequence
from itertools import islice

from seqtutor_core.chemistry.pool import Pool
from seqtutor_core.chemistry.property_query import Measurement, PropertyQuery
from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.domains.molecule import corpus
from seqtutor_core.domains.molecule.statistics import LABELS, write_statistics
from seqtutor_core.domains.molecule.training_set import write_training_set

CHUNK = 5_000
MEASURED_MOLECULES = 40_000  # molecules of each side that the statistics are over


def build_training_set() -> None:
    """Write the hashes of the training molecules, in today's canonical SMILES."""
    write_training_set(one.canonical for one in _measured(list(corpus.smiles("training")), frozenset()))


def build_statistics() -> None:
    """Write the quantiles of every property, over molecules drawn evenly from each side."""
    sides = {}
    for side, size in corpus.SIZES.items():
        step = max(1, size // MEASURED_MOLECULES)
        measurements = _measured(list(islice(corpus.smiles(side), 0, None, step)), frozenset(LABELS))
        sides[side] = {name: [f.values[name] for f in measurements] for name in LABELS}
    write_statistics(sides)


def _measured(molecules: Sequence[str], requested: frozenset[str]) -> list[Measurement]:
    pool = Pool(cpu_count())
    try:
        measurements: list[Measurement] = []
        for i in range(0, len(molecules), CHUNK):
            measurements += pool.measure(molecules[i : i + CHUNK], PropertyQuery(), requested)
        return measurements
    finally:
        pool.close()
