"""The paper's Table 1, by us: each learner and preset tuned for a minute, over 10,000 samples.

python -m benchmarks.table_1 [--seconds 60] [--kl 4] [--learners psi rloo ...] > table_1.json; prints a Markdown table
on standard error. The preset paper is measured for the paper's three only.
"""

import argparse
import json
import sys

from seqtutor_core import priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.melody import PAPER_TERMS, Melody
from seqtutor_core.domains.melody.metrics import MORE, TABLE_1
from seqtutor_core.evaluation import evaluate
from seqtutor_core.learners import LEARNERS
from seqtutor_core.learners import PUBLISHED as IN_THE_PAPER
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.tuning import Tuner, tune

PUBLISHED = {  # Jaques et al. 2017, 100,000 compositions each: prior, Q, Psi, G
    "excessively_repeated": (0.633, 0.0, 0.0002, 0.0003),
    "autocorrelation_1": (-0.16, -0.11, -0.10, 0.55),
    "autocorrelation_2": (0.14, 0.03, -0.01, 0.31),
    "autocorrelation_3": (-0.13, 0.03, 0.01, 0.17),
    "not_in_key": (0.001, 0.01, 0.006, 0.287),
    "starts_with_tonic": (0.009, 0.288, 0.287, 0.0),
    "leaps_resolved": (0.772, 0.911, 0.90, 0.522),
    "unique_max": (0.647, 0.564, 0.594, 0.371),
    "unique_min": (0.494, 0.519, 0.583, 0.565),
    "in_motif": (0.059, 0.757, 0.738, 0.693),
    "in_repeated_motif": (0.00007, 0.0011, 0.0009, 0.0001),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kl", type=float, default=4.0)
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("--learners", nargs="+", choices=[*LEARNERS], default=[*LEARNERS])
    options = parser.parse_args()
    melody, weights = Melody(), dict.fromkeys(PAPER_TERMS, 1.0)
    network = priors.load("melody").network
    objective = Objective(melody, weights, options.kl)
    columns = {"prior": evaluate(Policy(melody, network), objective, options.n)}
    for preset in ("default", "paper"):
        for learner in (name for name in options.learners if preset == "default" or name in IN_THE_PAPER):
            config = TuningConfig("melody", "melody", learner, preset, weights, options.kl, options.seconds)
            tuner = Tuner(config, melody, network)
            *_, last = tune(tuner)
            found = evaluate(tuner.policy, objective, options.n, primer=config.sampling_primer)
            rate = {"steps_per_second": tuner.environment_steps / tuner.seconds, "updates": last.counters.update}
            columns[f"{learner}, {preset}"] = found | rate
    print(json.dumps(columns, indent=1))
    print(_markdown(columns), file=sys.stderr)


def _markdown(columns: dict) -> str:
    rows = [["", *columns, "published: prior, Q, Psi, G"], ["---"] * (len(columns) + 2)]
    for name, label in {**TABLE_1, **MORE}.items():
        published = ", ".join(_cell(name, v) for v in PUBLISHED.get(name, ()))
        rows.append([label, *(_cell(name, c["metrics"][name]) for c in columns.values()), published])
    for name, label in (("reward", "reward"), ("kl", "KL"), ("j", "J"), ("entropy", "entropy, nats a token")):
        rows.append([label, *(f"{c[name]:.2f}" for c in columns.values()), ""])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if name.startswith("autocorrelation") or name == "notes_per_beat" else f"{value:.2%}"


if __name__ == "__main__":
    main()
