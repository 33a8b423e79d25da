"""Whether the gauge's bounds, and what it says was reached, hold as often as they say, where log Z is known: on the
exact mini task, whose rewards are bounded, so that both are held from both sides.

python -m benchmarks.calibration [--trials 200] [-n 256]; prints a Markdown table.
"""

import argparse
import math
from statistics import fmean

import torch
from torch import Tensor

from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.mini import DEFAULT_WEIGHTS, Mini
from seqtutor_core.domains.mini.exact_task import mini_prior, mini_task
from seqtutor_core.exact import Exact
from seqtutor_core.gauge import Gauge, measure_policy, measure_prior
from seqtutor_core.network import Output
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.tuning import Tuner, tune


def tuned(c: float, updates: int) -> Policy:
    """Psi after some updates."""
    overrides = {"batch": 128, "minibatch": 128, "replay_steps": 16_384, "learning_rate": 1e-2, "clip": 1.0}
    config = TuningConfig("mini", "mini", "psi", "default", DEFAULT_WEIGHTS, c, updates=updates, overrides=overrides)
    tuner = Tuner(config, Mini(), mini_prior())
    for _ in tune(tuner):
        pass
    return tuner.policy


def collapsed(output: Output, log_prior: Tensor) -> Tensor:
    """Writes the prior's likeliest letters, and hardly anything else."""
    return (20 * log_prior).log_softmax(-1)


def figures(found: list[Gauge], exact: Exact) -> list[str]:
    """How often the gauges' bounds hold, how wide they are, and what they say; None of a share counts as 0."""
    highest = [math.inf if each.log_z_at_most is None else each.log_z_at_most for each in found]
    least, most = [each.at_least or 0.0 for each in found], [each.at_most or 0.0 for each in found]
    true = (fmean(each.j for each in found) - exact.j_prior) / (exact.log_z - exact.j_prior)
    bounds = [each.log_z_at_least <= exact.log_z <= high for each, high in zip(found, highest, strict=True)]
    shares = [low <= min(max(0.0, true), 1.0) <= high for low, high in zip(least, most, strict=True)]
    return [
        f"{fmean(bounds):.1%}",
        f"{fmean(exact.log_z - each.log_z_at_least for each in found):.2f}",
        f"{fmean(highest) - exact.log_z:.2f}",
        f"{fmean(least):.0%}",
        f"{fmean(most):.0%}",
        f"{true:.0%}",
        f"{fmean(shares):.1%}",
        f"{fmean(map(min, bounds, shares)):.1%}",
        f"{fmean(each.collapsed for each in found):.0%}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("-n", type=int, default=256)
    options = parser.parse_args()
    torch.manual_seed(0)
    print(
        "| c | policy | log Z within | log Z - lower, mean | upper - log Z, mean | said: at least | at most | "
        "true share | that holds | all holds | collapsed |"
    )
    print("|" + "---|" * 11)
    for c in (2.0, 1.0, 0.5):
        exact, objective = mini_task(DEFAULT_WEIGHTS).solve(c), Objective(Mini(), DEFAULT_WEIGHTS, c)
        network = mini_prior()
        prior = Policy(Mini(), network)
        policies = {
            "prior": Policy(Mini(), network, network, lambda _, log_prior: log_prior),
            "Psi, 20 updates": tuned(c, 20),
            "Psi, 150 updates": tuned(c, 150),
            "collapsed": Policy(Mini(), network, network, collapsed),
        }
        for name, policy in policies.items():
            found = []
            for seed in range(options.trials):
                against = measure_prior(prior, objective, options.n, 2 * seed)
                found.append(measure_policy(policy, against, options.n, 2 * seed + 1))
            print(f"| {c:g} | {name} | {' | '.join(figures(found, exact))} |", flush=True)


if __name__ == "__main__":
    main()
