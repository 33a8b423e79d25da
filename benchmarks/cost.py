"""How time and memory grow with what a user can raise, and with the number of runs.

python -m benchmarks.cost: under 10 minutes on two cores. Prints a table as Markdown, and writes
benchmarks/results/cost.json and docs/pictures/cost.svg.

Each point is measured in a process of its own, on one thread: CPU milliseconds, the median of several rounds, and by
how many megabytes its memory grew. A growth exponent is the slope between the last two points, both axes logarithmic: 1
doubles with the input, 0 does not notice it. CPU time says little of a machine that does other work beside it.
"""

import itertools
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.cost_plot import draw
from seqtutor_core import priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.melody import PAPER_TERMS, Melody, MelodySettings
from seqtutor_core.domains.molecule import Molecule
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.parallel import ShardPool
from seqtutor_core.policy import Policy
from seqtutor_core.preview import draw_preview
from seqtutor_core.runs import index, store
from seqtutor_core.tuning import Tuner, iterate

import torch  # isort: skip  # after seqtutor_core, which sets how torch's threads wait

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "cost.json"
PICTURE = ROOT / "docs" / "pictures" / "cost.svg"
ROUNDS = 5
WARM_UP = 2  # rounds, in which memory is allocated
WEIGHTS = dict.fromkeys(PAPER_TERMS, 1.0)
LINE = {"update": 7, "reward": 3.0, "kl": 1.5, "j": None, "distinct": 0.5}

Work = Callable[[], object]


@dataclass(frozen=True)
class Growth:
    """What one thing costs at growing sizes."""

    what: str
    unit: str
    """Of the sizes."""
    sizes: tuple[int, ...]
    work: Callable[[int], Work]
    """Prepares a size and returns what is timed."""


def iteration(batch: int = 256, length: int = 32, units: int = 0, terms: int = 9, replay: int = 131_072) -> Work:
    """Return one iteration of tuning melodies: a rollout, its scores, an update. The prior has `units`, if given."""
    torch.set_num_threads(1)
    melody, network = Melody(MelodySettings(length=length)), priors.load("melody").network
    if units:
        network = RecurrentNetwork(replace(network.settings, hidden=units))
    names = list(dict.fromkeys([*PAPER_TERMS, *(term.name for term in melody.terms)]))[:terms]
    config = TuningConfig(
        "melody",
        "melody",
        "psi",
        weights=dict.fromkeys(names, 1.0),
        settings={"length": length},
        overrides={"batch": batch, "minibatch": batch, "replay_steps": replay},
        device="cpu",
    )
    tuner = Tuner(config, melody, network, ShardPool(torch.device("cpu"), 1))
    while len(tuner.replay) * length < min(replay, 200_000) and replay > 131_072:  # a large one has to be full to count
        iterate(tuner)
    return lambda: iterate(tuner)


def counting(calls: int) -> Work:
    """Return what comes with 128 molecules that are new to a run with so many calls: counted, the best, a snapshot."""
    molecule, names = Molecule(), map(str, itertools.count())
    config = TuningConfig("molecule", "molecule", weights={"qed": 40.0}, device="cpu")
    tuner = Tuner(config, molecule, priors.load("molecule").network, ShardPool(torch.device("cpu"), 1))
    evaluated = tuner.calls.evaluated

    def count(n: int = 128) -> None:
        tokens, lengths = torch.zeros(n, molecule.length, dtype=torch.long), torch.full((n,), 30)
        evaluated.add([*itertools.islice(names, n)], tokens, lengths, torch.rand(n, len(molecule.terms)))
        evaluated.prune(tuner.objective)

    for _ in range(calls // 1000):
        count(1000)
    molecule.load_state_dict({"scaffolds": dict.fromkeys(map(str, range(calls // 2)), 2)})

    def work() -> None:
        count()
        assert tuner.best is not None
        tuner.snapshot()

    return work


def preview(particles: int) -> Work:
    """Return a preview of melodies."""
    torch.set_num_threads(1)
    prior, objective = Policy(Melody(), priors.load("melody").network), Objective(Melody(), WEIGHTS, 4.0)
    seeds = iter(range(1000))
    return lambda: draw_preview(prior, objective, particles, next(seeds))


def listing(runs: int, again: bool) -> Work:
    """Return the reading of all runs for a list: of files that were never read, or again."""
    os.environ["SEQTUTOR_HOME"] = tempfile.mkdtemp()
    first = store.create_run(TuningConfig("melody", "melody", "psi", weights=WEIGHTS))
    first.write_status(replace(first.status, state="finished", seconds=60.0, started=time.time()))
    (first.folder / "metrics.jsonl").write_text((json.dumps(LINE) + "\n") * 60)
    for number in range(1, runs):
        shutil.copytree(first.folder, first.folder.parent / f"20260101-000000-{number % 1000:03d}-psi-{number:04x}")

    def read() -> None:
        if not again:
            index._read.cache_clear()
        index.all_run_info()

    return read


GROWTHS = (
    Growth("an iteration", "batch", (64, 256, 1024, 4096), lambda size: iteration(batch=size)),
    Growth("an iteration", "length, tokens", (16, 32, 64, 128, 256), lambda size: iteration(length=size)),
    Growth("an iteration", "units of the LSTM", (64, 128, 256, 512, 1024), lambda size: iteration(units=size)),
    Growth("an iteration", "terms that count", (1, 3, 9, 15), lambda size: iteration(terms=size)),
    Growth("an iteration", "replay, tokens", (8192, 32768, 131_072, 524_288), lambda size: iteration(replay=size)),
    Growth("counting 128 molecules", "molecules so far", (10_000, 100_000, 1_000_000), counting),
    Growth("a preview", "particles", (64, 256, 1024, 4096), preview),
    Growth("a list, first time", "runs", (10, 100, 1000), lambda size: listing(size, False)),
    Growth("a list, again", "runs", (10, 100, 1000), lambda size: listing(size, True)),
)


def main() -> None:
    rows = []
    for growth in GROWTHS:
        points = [_measured(growth.work, size) for size in growth.sizes]
        rows.append(_row(growth, points))
        print(rows[-1]["what"], rows[-1]["by"], points, file=sys.stderr)
    machine = (
        f"{len(os.sched_getaffinity(0))} cores, one used, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}"
    )
    RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    PICTURE.write_text(draw(rows))
    print(machine + "\n\n" + "\n".join(_table(rows)))


def _measured(prepare: Callable[[int], Work], size: int) -> tuple[float, float]:
    """Return CPU milliseconds and megabytes of a size, from a process of its own."""
    context = multiprocessing.get_context("fork")  # has all modules; none of torch's threads runs yet
    received, sent = context.Pipe(False)
    process = context.Process(target=_measure, args=(prepare, size, sent))
    process.start()
    sent.close()
    try:
        result: tuple[float, float] = received.recv()
    finally:
        process.join()
    return result


def _measure(prepare: Callable[[int], Work], size: int, sent: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        before = _megabytes()
        work, times = prepare(size), []
        for _ in range(WARM_UP + ROUNDS):
            began = time.process_time()
            work()
            times.append(1000 * (time.process_time() - began))
        sent.send((statistics.median(times[WARM_UP:]), _megabytes() - before))


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _row(growth: Growth, points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    return {
        "what": growth.what,
        "by": growth.unit,
        "sizes": growth.sizes,
        "ms": [round(point[0], 1) for point in points],
        "MB": [round(point[1]) for point in points],
        "exponents": [_exponent(growth.sizes, [point[i] for point in points]) for i in (0, 1)],
    }


def _exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Return the slope between the last two points, both axes logarithmic."""
    tensor = torch.tensor([sizes[-2:], [max(cost, 0.1) for cost in costs[-2:]]], dtype=torch.float64).log()
    return round(float((tensor[1, 1] - tensor[1, 0]) / (tensor[0, 1] - tensor[0, 0])), 1)


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| what | grows with | sizes | CPU ms | exponent | MB more | exponent |\n|---|---|---|---|---|---|---|"
    for row in rows:
        sizes, times, memory = (", ".join(f"{x:,.10g}" for x in row[key]) for key in ("sizes", "ms", "MB"))
        time_grows, memory_grows = row["exponents"]
        yield f"| {row['what']} | {row['by']} | {sizes} | {times} | {time_grows} | {memory} | {memory_grows} |"


if __name__ == "__main__":
    main()
