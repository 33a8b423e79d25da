"""Microseconds a property takes of a molecule that RDKit has not seen, and molecules a second through the pool.

python -m benchmarks.scoring [--molecules 200] [--rounds 7]

Each round takes new molecules of the MOSES test set for every figure, in turn, so that all meet the same machine;
the medians of the rounds are printed as a table and as JSON. A property's figure is its own time on a parsed molecule.
"""

import argparse
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator

from rdkit import Chem
from rdkit.Chem import QED, Crippen

from seqtutor_core.chemistry.pool import Pool
from seqtutor_core.chemistry.properties import calculate, measure, prepare, read
from seqtutor_core.chemistry.property_query import PROPERTIES, SCAFFOLD, Measurement, PropertyQuery
from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.domains.molecule import corpus

CELECOXIB = "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"
QUERY = PropertyQuery((CELECOXIB,), required=("[#7]",), forbidden=("S",), target_2=(CELECOXIB,), formula="C9H10N2O2")
PAIR = frozenset({"qed", "log_p"})
ROW = PAIR | {"sa_score", "largest_ring", "alerts"}
ROW_NAME = "measure: parse, canonical SMILES, QED, log P, SA, rings, all alerts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--molecules", type=int, default=200, help="a round and figure")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    molecules = corpus.smiles("held_out")
    prepare(QUERY, frozenset(PROPERTIES))
    for smiles in _take(molecules, 3000):  # what a long-lived process has seen
        measure(smiles, QUERY, ROW)

    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(options.rounds):
        for name, action, parsed in _actions():
            some = _take(molecules, options.molecules)
            given = [Chem.MolFromSmiles(s) for s in some] if parsed else some
            began = time.process_time()
            for one in given:
                action(one)
            times[name].append(1e6 * (time.process_time() - began) / options.molecules)
    figures: dict[str, float] = {name: round(statistics.median(t), 1) for name, t in times.items()}
    pools = {f"{n} processes": _pool(n, molecules, options.molecules) for n in (1, 2)}

    print(f"{cpu_count()} cores, load {os.getloadavg()[0]:.1f}, RDKit {Chem.rdBase.rdkitVersion}\n")
    print("| what | microseconds a molecule |\n|---|---|")
    for name, figure in figures.items():
        print(f"| {name} | {figure:.0f} |")
    print(f"\nWith SA, rings, all alerts: {1e6 / figures[ROW_NAME]:,.0f} molecules a second and core (aim 1,000)")
    print("\n| pool, QED and log P | molecules a second | microseconds of the process that asks |\n|---|---|---|")
    for name, (rate, asking) in pools.items():
        print(f"| {name} | {rate:,.0f} | {asking:.0f} |")
    rates = {name: round(rate) for name, (rate, _) in pools.items()}
    print("\n" + json.dumps({"microseconds": figures, "molecules_per_second": rates}))


def _actions() -> Iterator[tuple[str, Callable[..., object], bool]]:
    """Name, action, whether it is given a parsed molecule."""
    yield "plain RDKit: parse, canonical SMILES, QED, log P", _plain, False
    yield "measure: parse, canonical SMILES, QED, log P", lambda s: measure(s, QUERY, PAIR), False
    yield ROW_NAME, lambda s: measure(s, QUERY, ROW), False
    yield "parse and canonical SMILES", read, False
    for name in (*PROPERTIES, SCAFFOLD):
        yield name, lambda mol, requested=frozenset({name}): calculate(Measurement(""), mol, QUERY, requested), True


def _plain(smiles: str) -> tuple[str, float, float]:
    mol = Chem.MolFromSmiles(smiles)
    return Chem.MolToSmiles(mol), QED.qed(mol), Crippen.MolLogP(mol)  # type: ignore[attr-defined]


def _pool(processes: int, molecules: Iterator[str], batch: int) -> tuple[float, float]:
    """Molecules a second, and the microseconds of CPU time that each costs this process in all its threads."""
    pool = Pool(processes)
    pool.measure(_take(molecules, 500), QUERY, PAIR)  # processes start and learn
    rates, asking = [], []
    for _ in range(5):
        some = _take(molecules, 5 * batch)
        began, used = time.perf_counter(), time.process_time()
        pool.measure(some, QUERY, PAIR)
        rates.append(len(some) / (time.perf_counter() - began))
        asking.append(1e6 * (time.process_time() - used) / len(some))
    pool.close()
    return statistics.median(rates), statistics.median(asking)


def _take(molecules: Iterator[str], count: int) -> list[str]:
    return [next(molecules) for _ in range(count)]


if __name__ == "__main__":
    main()
