"""Metrics of a set of molecules: those of MOSES (Polykovskiy et al. 2020), and the means of the paper's properties."""

from collections.abc import Sequence
from contextlib import suppress
from operator import itemgetter

from seqtutor_core.chemistry.diversity import diversity
from seqtutor_core.chemistry.property_query import Measurement
from seqtutor_core.domains.molecule.statistics import LABELS, distance
from seqtutor_core.domains.molecule.terms import CHAIN, raw_terms
from seqtutor_core.domains.molecule.training_set import in_training_set

AVERAGED = ("log_p", "qed", "synthetic_accessibility", "ring_penalty")  # the paper's four
COMPARED = ("log_p", "qed", "sa_score", "molecular_weight")  # by distance to the held-out molecules, as in MOSES
MAX_PAIRED = 2000  # molecules that diversity is taken over

METRICS = {
    "valid": "valid",
    "unique": "unique among the valid",
    "novel": "novel among the unique",
    "scaffolds": "different scaffolds a valid molecule",
    "internal_diversity": "internal diversity",
    **{name: f"mean {name.replace('_', ' ')}, valid molecules" for name in AVERAGED},
    **{f"{name}_all": f"mean {name.replace('_', ' ')}, all sequences" for name in AVERAGED},
    **{f"distance_{name}": f"distance to held-out molecules, {LABELS[name]}" for name in COMPARED},
}


def metrics(corpus: str, measurements: Sequence[Measurement]) -> dict[str, float | None]:
    """Return every figure of METRICS; shares are fractions of 1, figures over valid molecules None if none is valid.

    corpus: whose training set novelty, and whose held-out molecules distances are measured against.
    """
    valid = [f for f in measurements if not f.error]
    figures: dict[str, float | None] = dict.fromkeys(METRICS)
    figures["valid"] = len(valid) / len(measurements)
    if not valid:
        return figures
    unique = {f.canonical: f for f in valid}
    figures["unique"] = len(unique) / len(valid)
    figures["novel"] = int((~in_training_set(corpus, [*unique.values()])).sum()) / len(unique)
    figures["scaffolds"] = len({f.scaffold for f in valid}) / len(valid)
    figures["internal_diversity"] = diversity([f.canonical for f in valid[:MAX_PAIRED]])
    terms = raw_terms(valid)
    for name in AVERAGED:
        total = sum(terms[name].tolist())
        figures[name], figures[f"{name}_all"] = total / len(valid), total / len(measurements)
    for name in COMPARED:
        figures[f"distance_{name}"] = distance(corpus, name, [f.values[name] for f in valid])
    return figures


def live_figures(entries: Sequence[tuple[str, str, dict[str, float]]]) -> dict[str, float]:
    """Return figures of the latest sequences, each (canonical SMILES, scaffold, properties and novelty).

    SMILES and scaffold are empty for an invalid sequence.
    """
    valid = [entry for entry in entries if entry[0]]
    values = [each for _, _, each in valid]
    novel = {canonical: each["novel"] for canonical, _, each in valid}
    means = {}
    for name in LABELS if valid else ():
        with suppress(KeyError):  # one was not measured: no mean
            means[name] = sum(map(itemgetter(name), values)) / len(values)  # a third of a generator's time
    chains = sum(each.get("carbon_chain", 0.0) > CHAIN for each in values)
    return {
        "recent": float(len(entries)),
        "valid": len(valid) / max(len(entries), 1),
        "unique": len(novel) / max(len(valid), 1),
        "novel": sum(novel.values()) / max(len(novel), 1),
        "scaffolds": float(len({scaffold for _, scaffold, _ in valid})),
        "chains": chains / max(len(valid), 1),
        "unknown": sum(each.get("unknown", 0.0) for each in values) / max(len(valid), 1),
        **means,
    }
