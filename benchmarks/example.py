"""Write what the home page shows into assets/example.json: a pair of melodies, and a molecule to turn.

python -m benchmarks.example RUN: the best of 64, by the rewards of a run of either domain.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqtutor_core.chemistry.conformer import conformer
from seqtutor_core.chemistry.depict import drawing
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.domains.melody import Melody
from seqtutor_core.domains.molecule import Molecule
from seqtutor_core.domains.molecule.scored_molecules import score_molecules
from seqtutor_core.domains.molecule.training_set import in_training_set
from seqtutor_core.evaluation import rollouts
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.runs import store
from seqtutor_core.runs.policies import policy_of
from seqtutor_core.runs.store import Run

EXAMPLE = Path("assets/example.json")
SAMPLES = 64


def melodies(run: Run) -> dict[str, list[int]]:
    """Return the tokens of the best melody of the run's prior, and of its policy."""
    melody, tuned = Melody(), policy_of(run)
    objective = Objective(melody, run.config.weights, run.config.kl_coefficient)
    pair = {}
    for title, policy in (("Prior", Policy(melody, tuned.prior)), ("Tuned", tuned)):
        tokens = next(rollouts(policy, SAMPLES)).tokens
        best = objective.reward(melody.score(tokens).sum(1)).argmax()
        pair[title] = tokens[best].tolist()
    return pair


def molecule(run: Run) -> dict[str, Any]:
    """Return the best new molecule of the run's policy: its figures, its drawing and its shape in space."""
    config, domain = run.config, Molecule()
    rows = next(rollouts(policy_of(run), SAMPLES))
    objective = Objective(domain, config.weights, config.kl_coefficient)
    found = score_molecules(objective, domain.smiles(rows.tokens, rows.lengths))
    valid = [one for one in found if one.measurement.valid]
    known = in_training_set(MOSES.corpus, [one.measurement for one in valid])
    best = max((one for one, is_known in zip(valid, known, strict=True) if not is_known), key=lambda one: one.reward)
    return {
        "smiles": best.smiles,
        "qed": best.measurement.values["qed"],
        "log_p": best.measurement.values["log_p"],
        "drawing": drawing(best.smiles, 400, 300),
        "mol_block": conformer(best.smiles),
    }


WRITERS: dict[str, Callable[[Run], Any]] = {"melody": melodies, "molecule": molecule}


def main(run_id: str) -> None:
    run = store.open_run(run_id)
    example = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    example[run.config.domain] = WRITERS[run.config.domain](run)
    EXAMPLE.write_text(json.dumps(example) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
