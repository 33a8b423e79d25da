"""Settings with which learners learn molecules where their own would not do, by preset and learner."""

from collections.abc import Mapping
from typing import Any

# a molecule costs twenty times a melody, most of it in RDKit and a larger network: fewer at a time learn sooner
FEWER: Mapping[str, Any] = {"batch": 128, "minibatch": 128}
# the authors' scripts for molecules; no first token is random, since a SMILES cannot begin anywhere
SCRIPTS: Mapping[str, Any] = {
    "gamma": 0.95,
    "batch": 128,
    "minibatch": 512,
    "learning_rate": 1e-4,
    "random_primer": False,
}

LEARNER_DEFAULTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "default": {
        "q": {**FEWER, "learning_rate": 1e-3},
        "psi": {**FEWER, "learning_rate": 1e-3},
        # a correction to the prior bears larger steps than a copy of it: after 120 s at c = 1 J is 636.8 instead of
        # 634.6 (the paper's rewards), 53.5 instead of 52.8 (QED); Psi gains 1.6 there and loses 0.6 here, and Q falls
        # apart
        "g": {**FEWER, "learning_rate": 4e-3},
        "trajectory_balance": FEWER,
        "rloo": FEWER,
    },
    "paper": {"q": SCRIPTS, "psi": SCRIPTS, "g": SCRIPTS},
}
