"""Environment steps a second, learning included, and what sampling alone takes; medians, on the CPU.

python -m benchmarks.steps [--seconds 8] [--runs 3]
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
from seqtutor_core.parallel import MAX_SHARDS, ShardPool
from seqtutor_core.policy import Policy
from seqtutor_core.tuning import Tuner, iterate, tune

import torch  # isort: skip  # after seqtutor_core, which sets how torch's threads wait


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    network = priors.load("melody").network
    print(f"{cpu_count()} cores, torch {torch.__version__}, medians of {options.runs}")

    for learner in ("q", "psi", "g"):
        rates = {}
        for most in (MAX_SHARDS, 1):  # in turn, so that both meet the same machine
            rates[most] = statistics.median(_rate(learner, network, options.seconds, most) for _ in range(options.runs))
        whole = rates[MAX_SHARDS]
        print(f"{learner:<4}{whole:9,.0f} environment steps a second, {whole / rates[1]:.2f} times one shard's")

    generator = torch.Generator().manual_seed(0)
    prior = Policy(Melody(), network)
    took = statistics.median(_seconds(lambda: prior.sample(512, generator)) for _ in range(15))
    print(f"sampling 512 melodies from the prior: {1000 * took:.0f} ms")


def _rate(learner: str, network: RecurrentNetwork, seconds: float, most: int) -> float:
    config = TuningConfig(
        "melody", "melody", learner, weights=dict.fromkeys(PAPER_TERMS, 1.0), seconds=seconds, device="cpu"
    )
    tuner = Tuner(config, Melody(), network, ShardPool(torch.device("cpu"), most))
    for _ in range(3):  # the first iterations allocate
        iterate(tuner)
    tuner.seconds, before = 0.0, tuner.environment_steps
    for _ in tune(tuner):
        pass
    return (tuner.environment_steps - before) / tuner.seconds


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
