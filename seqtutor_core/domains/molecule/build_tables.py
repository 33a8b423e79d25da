"""Build the two tables that the package ships about a corpus: the training molecules, and how properties are spread."""

from collections.abc import Mapping, Sequence

from seqtutor_core.chemistry.pool import Pool
from seqtutor_core.chemistry.property_query import Measurement, PropertyQuery
from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.domains.molecule.statistics import LABELS, write_statistics
from seqtutor_core.domains.molecule.training_set import write_training_set

CHUNK = 5_000
MEASURED_MOLECULES = 40_000  # molecules of each side that the statistics are over


def build_tables(corpus: str, source: str, sides: Mapping[str, Sequence[str]]) -> None:
    """Write the hashes of the training molecules without stereochemistry, in today's canonical SMILES, and the
    quantiles of every property over molecules drawn evenly from each side.

    corpus: moses or zinc; source: what it is; sides: SMILES, training and held_out.
    """
    write_training_set(corpus, (one.graph for one in _measured(sides["training"], frozenset())))
    properties = {}
    for side, molecules in sides.items():
        step = max(1, len(molecules) // MEASURED_MOLECULES)
        measurements = _measured(molecules[::step], frozenset(LABELS))
        properties[side] = {name: [f.values[name] for f in measurements] for name in LABELS}
    write_statistics(corpus, source, properties)


def _measured(molecules: Sequence[str], requested: frozenset[str]) -> list[Measurement]:
    pool = Pool(cpu_count())
    try:
        measurements: list[Measurement] = []
        for i in range(0, len(molecules), CHUNK):
            measurements += pool.measure(molecules[i : i + CHUNK], PropertyQuery(), requested)
        return measurements
    finally:
        pool.close()
