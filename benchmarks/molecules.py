"""Molecules: the shipped prior tuned by each learner, a search for a known drug, and molecules a second.

python -m benchmarks.molecules tune [--seconds 120]
                               similarity [--seconds 120] [--learner psi] [--seed 1]
                               speed [--seconds 20] [--learner psi] [--batch 64], 0 for the page's own
Prints JSON on standard output, a Markdown table on standard error.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import torch

from seqtutor_core import priors
from seqtutor_core.chemistry.pool import Pool, shared
from seqtutor_core.chemistry.property_query import PropertyQuery
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.domains.molecule.terms import PAPER_WEIGHTS
from seqtutor_core.evaluation import evaluate, rollouts
from seqtutor_core.learners import DEFAULT, PUBLISHED
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.runs.top_sequences import TopSequences
from seqtutor_core.tuning import Progress, Tuner, iterate, tune

CELECOXIB = "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"
TASKS: Mapping[str, tuple[Mapping[str, float], float]] = {  # weights and c
    "QED": ({"validity": 20.0, "qed": 40.0}, 2.0),
    "the paper's terms": (PAPER_WEIGHTS, 1 / 0.35),  # rewards are scaled by 0.35 there
}
LEARNERS = (*PUBLISHED, DEFAULT)
ROWS = {
    "valid": "valid",
    "unique": "unique",
    "novel": "novel",
    "scaffolds": "scaffolds a valid molecule",
    "internal_diversity": "internal diversity",
    "qed": "QED, valid",
    "qed_all": "QED, all",
    "log_p": "log P, valid",
    "log_p_all": "log P, all",
    "synthetic_accessibility": "minus SA, valid",
    "synthetic_accessibility_all": "minus SA, all",
    "ring_penalty": "ring penalty, valid",
    "ring_penalty_all": "ring penalty, all",
}


def run(config: TuningConfig, domain: Molecule, network: RecurrentNetwork) -> tuple[Tuner, Progress]:
    """Tune to the end."""
    tuner = Tuner(config, domain, network)
    *_, last = tune(tuner)
    return tuner, last


def tuned(seconds: float, n: int) -> dict[str, Any]:
    """Each learner on each task beside the prior, over n samples."""
    network, found = priors.load("molecule").network, {}
    for task, (weights, c) in TASKS.items():
        objective = Objective(Molecule(), weights, c)
        columns = {"prior": evaluate(Policy(Molecule(), network), objective, n)}
        for learner in LEARNERS:
            config = TuningConfig("molecule", "molecule", learner, "default", weights, c, seconds)
            tuner, last = run(config, Molecule(), network)
            columns[learner] = evaluate(tuner.policy, objective.replace(domain=Molecule()), n) | {
                "updates": last.counters.update,
                "sequences_per_second": last.counters.update * tuner.settings.batch / tuner.seconds,
            }
        found[f"{task}, c = {c:.3g}"] = columns
        print(_table(f"{task}, c = {c:.3g}, {seconds:.0f} s", columns), file=sys.stderr, flush=True)
    return found


def similarity(seconds: float, learner: str, seed: int) -> dict[str, Any]:
    """The best similarity to celecoxib, and how many molecules were scored on the way."""
    weights = {"validity": 20.0, "similarity": 100.0}
    domain = Molecule(MoleculeSettings(target=(CELECOXIB,)))
    tuner = Tuner(
        TuningConfig("molecule", "molecule", learner, "default", weights, 1.0, seconds, seed=seed),
        domain,
        priors.load("molecule").network,
    )
    top, curve = TopSequences(), list[dict[str, Any]]()
    for progress in tune(tuner):
        top.add(progress, tuner.objective)
        best = max(top.by_tokens.values(), key=lambda entry: entry.terms["similarity"])
        nearest = best.terms["similarity"]
        if not curve or nearest > curve[-1]["similarity"]:
            facts = {"similarity": nearest, "smiles": MOSES.decode(best.tokens), "molecules": shared().scored}
            curve.append(facts | {"seconds": progress.counters.seconds})
    sequences = tuner.update * tuner.settings.batch
    found = {"best": curve[-1], "curve": curve, "molecules": shared().scored, "sequences": sequences}
    print(json.dumps(curve[-1]), shared().scored, sequences, file=sys.stderr)
    return found


def speed(seconds: float, learner: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Sequences a second through whole tuning steps of an LSTM of 256 units, QED and log P, and their tokens each."""
    weights, network = {"qed": 10.0, "log_p": 1.0}, priors.load("molecule").network
    assert network.settings.hidden == 256
    assert network.settings.layers == 1
    config = TuningConfig("molecule", "molecule", learner, "default", weights, 4.0, seconds, overrides=overrides)
    tuner = Tuner(config, Molecule(), network)
    for _ in range(5):  # warm-up: processes start, the first iterations allocate
        iterate(tuner)
    updates, steps, began, tuner.seconds = tuner.update, tuner.environment_steps, time.perf_counter(), 0.0
    for _ in tune(tuner):
        pass
    took = time.perf_counter() - began
    sequences = (tuner.update - updates) * tuner.batch
    found = {
        "sequences_per_second": sequences / took,
        "tokens": (tuner.environment_steps - steps) / sequences,
        "threads": torch.get_num_threads(),
        "scoring_alone_per_second": _scoring_alone(network),
    }
    print(json.dumps(found), file=sys.stderr)
    return found


def _scoring_alone(network: RecurrentNetwork, n: int = 2_000) -> float:
    """Fresh molecules a second through the pool, nothing else running."""
    domain = Molecule()
    sampled = rollouts(Policy(domain, network), n, 99)
    smiles = [s for rollout in sampled for s in domain.smiles(rollout.tokens, rollout.lengths)]
    pool = Pool()
    pool.measure(["C"] * 8, PropertyQuery(), frozenset({"qed"}))
    began = time.perf_counter()
    pool.measure(smiles, PropertyQuery(), frozenset({"qed", "log_p"}))
    took = time.perf_counter() - began
    pool.close()
    return n / took


def _table(title: str, columns: Mapping[str, Any]) -> str:
    rows = [[title, *columns], ["---"] * (len(columns) + 1)]
    for name, label in ROWS.items():
        rows.append([label, *(_cell(name, c["metrics"][name]) for c in columns.values())])
    for name, label in (("reward", "reward"), ("kl", "KL, nats"), ("j", "J, nats"), ("distinct", "distinct")):
        rows.append([label, *(f"{c[name]:.3g}" for c in columns.values())])
    rows.append(["sequences a second", *(f"{c.get('sequences_per_second', 0):.0f}" for c in columns.values())])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if name in ("valid", "unique", "novel") else f"{value:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("tune", "similarity", "speed"))
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("-n", type=int, default=5_000)
    parser.add_argument("--learner", choices=LEARNERS, default=DEFAULT, help="of similarity and speed")
    parser.add_argument("--seed", type=int, default=0, help="of similarity")
    parser.add_argument("--batch", type=int, default=64, help="sequences at a time, of speed; 0: the page's own")
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.what == "tune":
        found = tuned(options.seconds, options.n)
    elif options.what == "similarity":
        found = similarity(options.seconds, options.learner, options.seed)
    else:
        batch = {"batch": options.batch, "minibatch": options.batch} if options.batch else {}
        found = speed(min(options.seconds, 20.0), options.learner, batch)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
