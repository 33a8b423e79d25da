"""Write assets/example.json: the pair of melodies that the home page plays.

python -m benchmarks.example RUN: from the prior and the policy of a run, the best of 64 each.
"""

import json
import sys
from pathlib import Path

import torch

from seqtutor_core import prior as priors
from seqtutor_core.domains.melody import Melody
from seqtutor_core.evaluation import rollouts
from seqtutor_core.runs import store


def main(run_id: str) -> None:
    run = store.open_run(run_id)
    config, melody = run.config, Melody()
    prior, policy = priors.load(config.prior).network, store.load_policy(run)
    weights = torch.tensor([t.default for t in melody.terms], dtype=torch.float64)
    pair = {}
    for title, network, learner in (("Prior", None, None), ("Tuned", policy, config.learner)):
        tokens = next(rollouts(melody, prior, network, learner, 64, 0)).tokens
        best = (melody.score(tokens).sum(1) @ weights).argmax()
        pair[title] = tokens[best].tolist()
    Path("assets/example.json").write_text(json.dumps(pair) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
