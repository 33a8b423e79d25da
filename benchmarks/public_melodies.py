"""Melody environment steps a second, learning included, beside the public implementation: both in one run, in turns.

python -m benchmarks.public_melodies --python PUBLIC/bin/python [--seconds 15] [--rounds 3]

The public one is rl_tuner of the package magenta, which learns by Q, Psi and G. It needs an environment of its own, by
Python 3.11, without magenta's own pins: they are older than that Python, or of parts that are not used.

python3.11 -m venv PUBLIC
PUBLIC/bin/pip install tensorflow-cpu==2.15.1 tensorflow-probability==0.23.0 tf-slim==1.1.0 protobuf==3.20.3 \\
    numpy==1.26.4 scipy==1.11.4 matplotlib==3.8.4 note-seq==0.0.3
PUBLIC/bin/pip install --no-deps magenta==2.1.4

Each side has all cores, melodies of 32 steps, its own defaults and its own rewards of music theory: here the nine paper
terms as in benchmarks.steps, there all. The public one's weights are random: see public_melody_steps.py. By default it
halts every 1,000 steps to evaluate its policy on 100 melodies, from which nothing is learned. That is timed apart, and
the ratio is of learning alone; the last two columns are with it. Medians of the rounds; writes
benchmarks/results/public-melodies.json and prints a Markdown table.
"""

from collections import defaultdict
from statistics import median
from typing import Any

from benchmarks.other_python import compare, said_by
from benchmarks.steps import LEARNERS, WAYS, rate
from seqtutor_core import priors

import torch  # isort: skip  # after seqtutor_core, which sets how torch's threads wait

ALGORITHMS = ("q", "psi", "g")


def main() -> None:
    compare(__doc__, "magenta", "public-melodies.json", 15.0, measure, table)


def measure(python: str, seconds: float, rounds: int) -> dict[str, Any]:
    """Environment steps a second of every round."""
    network = priors.load("melody").network
    ours, public, evaluating = (defaultdict[str, list[float]](list) for _ in range(3))
    versions = {"torch": torch.__version__}
    for _ in range(rounds):
        for learner in LEARNERS:
            if learner in ALGORITHMS:  # first, so that what its environment lacks is told at once
                theirs = said_by(python, "public_melody_steps.py", learner, "--seconds", str(seconds))
                public[learner].append(theirs["steps_per_second"])
                evaluating[learner].append(1000 / (1000 / public[learner][-1] + theirs["evaluation_seconds"]))
                versions |= theirs["versions"]
            ours[learner].append(rate(learner, network, seconds, WAYS["chosen"]())[0])
    return {"versions": versions, "ours": ours, "public": public, "public_evaluating": evaluating}


def table(found: dict[str, Any]) -> list[str]:
    """Medians and ratios as Markdown; what the public one lacks is beside its Q."""
    lines = [
        "| learner | steps a second | public implementation | ratio | evaluating, too | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for learner, rates in found["ours"].items():
        beside = learner if learner in found["public"] else "q"
        own, *theirs = (median(r) for r in (rates, found["public"][beside], found["public_evaluating"][beside]))
        name = learner if learner == beside else f"{learner}, beside its {beside}"
        cells = [name, f"{own:,.0f}", *(f"{their:,.0f} | {own / their:.0f}" for their in theirs)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    main()
