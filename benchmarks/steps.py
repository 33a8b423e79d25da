"""Environment steps a second, learning included, by how a batch is computed; and what sampling alone takes. On the CPU.

python -m benchmarks.steps [--seconds 8] [--runs 3]

The four ways take turns, so that all meet the same machine; medians of the runs. "Chosen" is what a run does: it times
threads and turns itself, and the last choice is printed with the milliseconds of both.
"""

import argparse
import statistics
import time
from collections.abc import Callable

from seqtutor_core import priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.domains.melody import PAPER_TERMS, Melody
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.parallel import Choice, ShardPool
from seqtutor_core.policy import Policy
from seqtutor_core.tuning import Tuner, iterate, tune

import torch  # isort: skip  # after seqtutor_core, which sets how torch's threads wait

LEARNERS = ("q", "psi", "g", "trajectory_balance")
CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    network = priors.load("melody").network
    print(f"{cpu_count()} cores, torch {torch.__version__}, medians of {options.runs}")

    for learner in LEARNERS:
        runs = [
            {name: rate(learner, network, options.seconds, shards()) for name, shards in WAYS.items()}
            for _ in range(options.runs)
        ]
        rates = {name: statistics.median(run[name][0] for run in runs) for name in WAYS}
        ratio = rates["chosen"] / rates["one shard"]
        print(f"{learner:<20}", *(f"{name} {rate:,.0f}" for name, rate in rates.items()), sep="  ", end="")
        print(f"  steps a second; {ratio:.2f} times one shard; {'; '.join(runs[-1]['chosen'][1])}", flush=True)

    generator = torch.Generator().manual_seed(0)
    prior = Policy(Melody(), network)
    took = statistics.median(_seconds(lambda: prior.sample(512, generator)) for _ in range(15))
    print(f"sampling 512 melodies from the prior: {1000 * took:.0f} ms")


class _Threads(Choice):
    """No choice."""

    def threads(self) -> bool:
        return True


def _threads() -> ShardPool:
    shards = ShardPool(CPU)
    shards.choices = {work: _Threads(work) for work in ("rollout", "update")}
    return shards


def _turns() -> ShardPool:
    shards = ShardPool(CPU)
    shards.pool = None
    return shards


WAYS: dict[str, Callable[[], ShardPool]] = {
    "chosen": lambda: ShardPool(CPU),
    "threads": _threads,
    "turns": _turns,
    "one shard": lambda: ShardPool(CPU, most=1),  # with torch's own threads
}


def rate(learner: str, network: RecurrentNetwork, seconds: float, shards: ShardPool) -> tuple[float, list[str]]:
    """Return environment steps a second, and what was chosen."""
    weights = dict.fromkeys(PAPER_TERMS, 1.0)
    config = TuningConfig("melody", "melody", learner, weights=weights, seconds=seconds, device="cpu")
    tuner = Tuner(config, Melody(), network, shards)
    for _ in range(3):  # the first iterations allocate
        iterate(tuner)
    tuner.seconds, before = 0.0, tuner.environment_steps
    for _ in tune(tuner):
        pass
    return (tuner.environment_steps - before) / tuner.seconds, [str(choice) for choice in shards.choices.values()]


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
