"""The learner race: how far each learner comes towards the best reachable, and how soon.

python benchmarks/race.py melody|molecule [--seconds 60] [--kl 8 4 2 1] [--seeds 0 1 2] [--entrants psi rloo ...]

Each finished run adds a line to benchmarks/results/race-DOMAIN.jsonl and is not run again: stop it, go on later.
--table prints the table of all lines instead. The scale is the highest estimate of log Z that any run at that c found:
0 is the prior, 1 the optimum, (J - J_prior) / (log Z - J_prior).
"""

import argparse
import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from seqtutor_core import prior as priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import domain
from seqtutor_core.gauge import Gauge, measure, reference
from seqtutor_core.particles import Proposal, log_mean
from seqtutor_core.tuning import Tuner, tune

RESULTS = Path(__file__).with_name("results")
WEIGHTS = {"melody": dict.fromkeys(domain("melody").paper_weights, 1.0), "molecule": {"validity": 20.0, "qed": 40.0}}
ENTRANTS: dict[str, dict[str, Any]] = {
    "q": {"learner": "q"},
    "psi": {"learner": "psi"},
    "g": {"learner": "g"},
    "q, paper": {"learner": "q", "preset": "paper"},
    "psi, paper": {"learner": "psi", "preset": "paper"},
    "g, paper": {"learner": "g", "preset": "paper"},
    "trajectory balance": {"learner": "trajectory_balance"},
    "rloo": {"learner": "rloo"},
    "trajectory balance, warm": {"learner": "trajectory_balance", "warm_start": True},
    "rloo, warm": {"learner": "rloo", "warm_start": True},
    "psi, warm": {"learner": "psi", "warm_start": True},
}
MEASURED = 4096


def run(name: str, c: float, seed: int, entrant: str, seconds: float) -> dict[str, Any]:
    """One run: its J along the way, and its gauge at the end."""
    world, network = domain(name), priors.load(name).network
    config = TuningConfig(
        name, name, weights=WEIGHTS[name], kl_coefficient=c, seconds=seconds, seed=seed, **ENTRANTS[entrant]
    )
    tuner = Tuner(config, world, network)
    curve = [(p.seconds, p.j) for p in tune(tuner)]
    against = reference(world, network, config.weights, c, MEASURED, 1)
    gauge = measure(world, network, Proposal(tuner.policy, tuner.learner.log_policy), against, MEASURED, 2)
    facts = {"entrant": entrant, "c": c, "seed": seed, "seconds": seconds, "updates": tuner.update}
    return facts | {"gauge": asdict(gauge), "log_z": estimate(gauge), "curve": smoothed(curve)}


def estimate(gauge: Gauge) -> float:
    """The highest estimate of log Z among the sources, not a bound."""
    return max(log_mean(torch.tensor(source.log_z, dtype=torch.float64)) for source in gauge.sources)


def smoothed(curve: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Mean (seconds, J) of each second."""
    by_second = defaultdict(list)
    for seconds, j in curve:
        by_second[int(seconds)].append(j)
    return [(second + 1, round(fmean(values), 3)) for second, values in sorted(by_second.items())]


def table(lines: list[dict[str, Any]]) -> str:
    """Means over seeds, an entrant a row, for each c."""
    rows = [
        "| c | learner | of the way | J | KL | distinct | entropy | s to 50 % | s to 80 % | seeds |",
        "|" + "---|" * 10,
    ]
    for c in sorted({line["c"] for line in lines}, reverse=True):
        here = [line for line in lines if line["c"] == c]
        log_z, start = max(line["log_z"] for line in here), fmean(line["gauge"]["j_prior"] for line in here)

        def share(j: float, start: float = start, log_z: float = log_z) -> float:
            return (j - start) / (log_z - start)

        def reached(line: dict[str, Any], wanted: float) -> float | None:
            return next((second for second, j in line["curve"] if share(j) >= wanted), None)

        rows.append(f"| {c:g} | *prior* | 0 % | {start:.1f} | 0 | | | | | log Z about {log_z:.1f} |")
        for entrant in sorted({line["entrant"] for line in here}, key=[*ENTRANTS].index):
            mine = [line for line in here if line["entrant"] == entrant]
            mean = {name: fmean(line["gauge"][name] for line in mine) for name in ("j", "kl", "distinct", "entropy")}
            times = [
                "-" if None in (found := [reached(line, wanted) for line in mine]) else f"{fmean(found):.0f}"  # type: ignore[arg-type]
                for wanted in (0.5, 0.8)
            ]
            rows.append(
                f"| {c:g} | {entrant} | {share(mean['j']):.1%} | {mean['j']:.1f} | {mean['kl']:.1f} | "
                f"{mean['distinct']:.1%} | {mean['entropy']:.2f} | {times[0]} | {times[1]} | {len(mine)} |"
            )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("domain", choices=sorted(WEIGHTS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kl", type=float, nargs="+", default=[8.0, 4.0, 2.0, 1.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--entrants", nargs="+", choices=[*ENTRANTS], default=[*ENTRANTS])
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    path = RESULTS / f"race-{options.domain}.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    if not options.table:
        path.parent.mkdir(exist_ok=True)
        done = {(line["entrant"], line["c"], line["seed"], line["seconds"]) for line in lines}
        jobs = [(e, c, s, options.seconds) for s in options.seeds for c in options.kl for e in options.entrants]
        for entrant, c, seed, seconds in (job for job in jobs if job not in done):
            lines.append(run(options.domain, c, seed, entrant, seconds))
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
