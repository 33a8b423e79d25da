"""The learner race: how far each learner comes towards the best reachable, and how soon.

python -m benchmarks.race melody|qed|paper [--seconds 60] [--kl 8 4 2 1] [--seeds 0 1 2] [--entrants psi rloo ...]

melody: the nine paper terms; qed: molecules by QED; paper: molecules by the paper's four properties. Each finished run
adds a line to benchmarks/results/race-NAME.jsonl and is not run again: stop it, go on later. Two at once, each with
seeds of its own and on a core of its own (taskset -c 0), add to one file. --table prints the table of all lines.

How far a run came is (J - J_prior) / (log Z - J_prior), 0 for the prior. log Z is only bounded from below, so a share
is one at most, by two bounds: the run's own gauge, and the best known at that c, for which the sequences that all runs
found, at any c, are counted together.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch

from seqtutor_core import priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.gauge import measure_policy, measure_prior
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.smc import ScoredSamples
from seqtutor_core.tuning import Tuner, tune

RESULTS = Path(__file__).with_name("results")
RACES: dict[str, tuple[str, Mapping[str, float]]] = {  # the domain, and what is rewarded
    "melody": ("melody", build_domain("melody").paper_weights),
    "qed": ("molecule", {"validity": 20.0, "qed": 40.0}),
    "paper": ("molecule", build_domain("molecule").paper_weights),
}
ENTRANTS: dict[str, dict[str, Any]] = {
    "q": {"learner": "q"},
    "psi": {"learner": "psi"},
    "g": {"learner": "g"},
    "q, paper": {"learner": "q", "preset": "paper"},
    "psi, paper": {"learner": "psi", "preset": "paper"},
    "g, paper": {"learner": "g", "preset": "paper"},
    "trajectory balance": {"learner": "trajectory_balance"},
    "rloo": {"learner": "rloo"},
    "trajectory balance, not annealed": {"learner": "trajectory_balance", "overrides": {"anneal": 1.0}},
    "rloo, not annealed": {"learner": "rloo", "overrides": {"anneal": 1.0}},
    "trajectory balance, warm": {"learner": "trajectory_balance", "warm_start": True},
    "trajectory balance, warm, not annealed": {
        "learner": "trajectory_balance",
        "warm_start": True,
        "overrides": {"anneal": 1.0},
    },
    "rloo, warm": {"learner": "rloo", "warm_start": True},
}
MEASURED = 4096
KEPT = 256  # sequences of a run, those that weigh most under pi*


def run(race: str, c: float, seed: int, entrant: str, seconds: float) -> dict[str, Any]:
    """One run: its J along the way, its gauge at the end, and the best of what it found."""
    name, weights = RACES[race]
    domain, network = build_domain(name), priors.load(name).network
    config = TuningConfig(
        name, name, weights=weights, kl_coefficient=c, seconds=seconds, seed=seed, **ENTRANTS[entrant]
    )
    tuner = Tuner(config, domain, network)
    curve = [(p.counters.seconds, p.metrics.j) for p in tune(tuner)]
    objective, policy = tuner.objective, tuner.policy
    gauge = measure_policy(policy, measure_prior(Policy(domain, tuner.prior), objective, MEASURED, 1), MEASURED, 2)
    rollout = policy.sample(MEASURED, torch.Generator(policy.device).manual_seed(3))
    samples = ScoredSamples.of(rollout, domain.score(rollout.tokens, rollout.lengths))
    facts = {"entrant": entrant, "c": c, "seed": seed, "seconds": seconds, "updates": tuner.update}
    return facts | {"gauge": asdict(gauge), "curve": smoothed(curve), "found": found(samples, objective)}


def found(samples: ScoredSamples, objective: Objective) -> list[tuple[str, float, float]]:
    """The sequences that weigh most under pi*, each once: its name, R and log p."""
    reward = objective.reward(samples.terms.double()).tolist()
    rows = zip(samples.tokens.tolist(), samples.lengths.tolist(), strict=True)
    names = [" ".join(map(str, row[:n])) for row, n in rows]
    each = dict(zip(names, zip(reward, samples.log_prior.tolist(), strict=True), strict=True))
    most = sorted(each, key=lambda name: each[name][0] / objective.c + each[name][1], reverse=True)[:KEPT]
    return [(name, round(each[name][0], 3), round(each[name][1], 3)) for name in most]


def best_known(lines: list[dict[str, Any]], c: float) -> float:
    """The highest lower bound on log Z at this c: of the gauges, and log sum p exp(R/c) over all that was found."""
    together = {name: (reward, log_prior) for line in lines for name, reward, log_prior in line["found"]}
    worth = torch.tensor([reward / c + log_prior for reward, log_prior in together.values()], dtype=torch.float64)
    return max(float(worth.logsumexp(0)), *(line["gauge"]["log_z_at_least"] for line in lines if line["c"] == c))


def smoothed(curve: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Mean (seconds, J) of each second."""
    by_second = defaultdict(list)
    for seconds, j in curve:
        by_second[int(seconds)].append(j)
    return [(second + 1, round(fmean(values), 3)) for second, values in sorted(by_second.items())]


def table(lines: list[dict[str, Any]]) -> str:
    """Medians over seeds, an entrant a row, for each c; a time only where all seeds got there."""
    rows = [
        "| c | learner | by its gauge | by the best known | J | KL | distinct | entropy | s to 50 % | s to 80 % |",
        "|" + "---|" * 10,
    ]
    for c in sorted({line["c"] for line in lines}, reverse=True):
        here = [line for line in lines if line["c"] == c]
        log_z, start = best_known(lines, c), fmean(line["gauge"]["j_prior"] for line in here)

        def share(j: float, start: float = start, log_z: float = log_z) -> float:
            return (j - start) / (log_z - start)

        def reached(line: dict[str, Any], wanted: float) -> int | None:
            return next((second for second, j in line["curve"] if share(j) >= wanted), None)

        rows.append(f"| {c:g} | *best known* | | | {log_z:.1f} | | | | | |")
        for entrant in sorted({line["entrant"] for line in here}, key=[*ENTRANTS].index):
            mine = [line for line in here if line["entrant"] == entrant]
            names = ("at_most", "j", "kl", "distinct", "entropy")
            at_most, j, kl, distinct, entropy = (median(line["gauge"][name] for line in mine) for name in names)
            times = [[reached(line, wanted) for line in mine] for wanted in (0.5, 0.8)]
            shown = [f"{median(all_):.0f}" if (all_ := [t for t in each if t]) == each else "-" for each in times]
            rows.append(
                f"| {c:g} | {entrant} | {at_most:.1%} | {share(j):.1%} | {j:.1f} | {kl:.1f} | {distinct:.1%} | "
                f"{entropy:.2f} | {shown[0]} | {shown[1]} |"
            )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("race", choices=[*RACES])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kl", type=float, nargs="+", default=[8.0, 4.0, 2.0, 1.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--entrants", nargs="+", choices=[*ENTRANTS], default=[*ENTRANTS])
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    path = RESULTS / f"race-{options.race}.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    if not options.table:
        path.parent.mkdir(exist_ok=True)
        done = {(line["entrant"], line["c"], line["seed"], line["seconds"]) for line in lines}
        jobs = [(e, c, s, options.seconds) for s in options.seeds for c in options.kl for e in options.entrants]
        for entrant, c, seed, seconds in (job for job in jobs if job not in done):
            lines.append(run(options.race, c, seed, entrant, seconds))
            with path.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            print(
                entrant,
                c,
                seed,
                {name: round(lines[-1]["gauge"][name], 3) for name in ("j", "kl", "distinct")},
                flush=True,
            )
    print(table(lines))


if __name__ == "__main__":
    main()
