"""Molecules a second, whole tuning steps, beside a public implementation: both in one run, in turns.

python -m benchmarks.public_molecules --python PUBLIC/bin/python [--seconds 20] [--rounds 3]

The public one is Reinvent of the package SMILES-RNN, whose loss is that of trajectory balance with log Z held at 0. It
needs an environment of its own:

python3 -m venv PUBLIC
PUBLIC/bin/pip install torch==2.13.0 rdkit==2026.9.1 smiles-rnn==2.0.2

Each side has all cores, an LSTM of 1 x 256 units, 64 molecules at a time, and QED and log P to learn from, measured by
as many processes as there are cores. There they are plain calls of RDKit, and the prior has learned from molecules that
ours writes: see public_molecule_steps.py. Each figure is of a process of its own. Medians of the rounds; writes
benchmarks/results/public-molecules.json and prints a Markdown table.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.other_python import compare, said_by
from seqtutor_core import priors
from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.domains.molecule import Molecule
from seqtutor_core.evaluation import rollouts
from seqtutor_core.learners import DEFAULT
from seqtutor_core.policy import Policy

EXAMPLES = 24_000
OURS = {  # learner, and how many molecules at a time; 0: as the page has it
    "trajectory balance": (DEFAULT, 64),
    "Psi": ("psi", 64),
    "trajectory balance, the page's own settings": (DEFAULT, 0),
}
PUBLIC = "the public implementation"


def main() -> None:
    compare(__doc__, "smilesrnn", "public-molecules.json", 20.0, measure, table)


def measure(python: str, seconds: float, rounds: int) -> dict[str, Any]:
    """Molecules a second, and their tokens, of every round."""
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in (PUBLIC, *OURS)}
    with tempfile.TemporaryDirectory() as folder:
        examples = Path(folder) / "molecules.smi"
        examples.write_text("\n".join(molecules(EXAMPLES)))
        how = [str(examples), str(Path(folder) / "prior"), "--seconds", str(seconds), "--processes", str(cpu_count())]
        for _ in range(rounds):
            theirs = said_by(python, "public_molecule_steps.py", *how)  # first: what lacks is told at once
            versions = theirs.pop("versions")
            figures[PUBLIC].append(theirs)
            for name, (learner, batch) in OURS.items():
                figures[name].append(ours(learner, batch, seconds))
    return {"versions": versions, "figures": figures}


def molecules(count: int) -> list[str]:
    """Return SMILES that our prior writes, those that are molecules."""
    domain = Molecule()
    sampled = rollouts(Policy(domain, priors.load("molecule").network), count, 7)
    measured = [one for rollout in sampled for one in domain.measurements(rollout.tokens, rollout.lengths)]
    return [one.smiles for one in measured if one.valid]


def ours(learner: str, batch: int, seconds: float) -> dict[str, float]:
    """Return what benchmarks.molecules says of a learner."""
    how = ["--learner", learner, "--batch", str(batch), "--seconds", str(seconds)]
    command = [sys.executable, "-m", "benchmarks.molecules", "speed", *how]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {"molecules_per_second": said["sequences_per_second"], "tokens": said["tokens"]}


def table(found: dict[str, Any]) -> list[str]:
    """Medians and ratios as Markdown."""
    lines = [
        "| | molecules a second | times the public one | tokens a molecule |",
        "|---|---|---|---|",
    ]
    medians = {
        name: {key: median(one[key] for one in rounds) for key in ("molecules_per_second", "tokens")}
        for name, rounds in found["figures"].items()
    }
    public = medians[PUBLIC]["molecules_per_second"]
    for name, one in medians.items():
        rate = one["molecules_per_second"]
        lines.append(f"| {name} | {rate:,.0f} | {rate / public:.1f} | {one['tokens']:.0f} |")
    return lines


if __name__ == "__main__":
    main()
