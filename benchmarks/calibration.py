"""Whether the gauge's bounds, and its "at most", hold as often as they say, where log Z is known: the exact mini task.

python -m benchmarks.calibration [--trials 200] [-n 256]; prints a Markdown table.
"""

import argparse
from statistics import fmean

import torch
from torch import Tensor

from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.mini import DEFAULT_WEIGHTS, Mini, mini_prior, mini_task
from seqtutor_core.gauge import measure, reference
from seqtutor_core.network import Output
from seqtutor_core.particles import Proposal
from seqtutor_core.tuning import Tuner, tune


def tuned(c: float, updates: int) -> Proposal:
    """Psi after some updates."""
    overrides = {"batch": 128, "minibatch": 128, "replay_steps": 16_384, "learning_rate": 1e-2, "clip": 1.0}
    config = TuningConfig("mini", "mini", "psi", "default", DEFAULT_WEIGHTS, c, updates=updates, overrides=overrides)
    tuner = Tuner(config, Mini(), mini_prior())
    for _ in tune(tuner):
        pass
    return Proposal(tuner.policy, tuner.learner.log_policy)


def collapsed(output: Output, log_prior: Tensor) -> Tensor:
    """Writes the prior's likeliest letters, and hardly anything else."""
    return (20 * log_prior).log_softmax(-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("-n", type=int, default=256)
    options = parser.parse_args()
    torch.manual_seed(0)
    print("| c | policy | bound holds | log Z - bound, mean | said: at most | true share | that holds | collapsed |")
    print("|" + "---|" * 8)
    for c in (2.0, 1.0, 0.5):
        exact, prior = mini_task(DEFAULT_WEIGHTS).solve(c), mini_prior()
        policies = {
            "prior": Proposal(prior, lambda _, log_prior: log_prior),
            "Psi, 20 updates": tuned(c, 20),
            "Psi, 150 updates": tuned(c, 150),
            "collapsed": Proposal(prior, collapsed),
        }
        for name, policy in policies.items():
            found = []
            for seed in range(options.trials):
                against = reference(Mini(), prior, DEFAULT_WEIGHTS, c, options.n, 2 * seed)
                found.append(measure(Mini(), prior, policy, against, options.n, 2 * seed + 1))
            holds = fmean(each.log_z_at_least <= exact.log_z for each in found)
            slack = fmean(exact.log_z - each.log_z_at_least for each in found)
            said = [each.at_most or 0.0 for each in found]
            true = (fmean(each.j for each in found) - exact.j_prior) / (exact.log_z - exact.j_prior)
            covered = fmean(most >= true for most in said)
            flagged = fmean(each.collapsed for each in found)
            print(
                f"| {c:g} | {name} | {holds:.1%} | {slack:.2f} | {fmean(said):.0%} | {true:.0%} | {covered:.1%} | "
                f"{flagged:.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
