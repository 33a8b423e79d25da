"""One run of PMO: the program's own tuning of its own prior towards one task, counted in calls."""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from rdkit import Chem, rdBase
from torch import Tensor

from benchmarks.pmo.oracles import oracle
from seqtutor_core import priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import RewardTerm
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.evaluated import auc, top_curve
from seqtutor_core.parallel import ShardPool
from seqtutor_core.tuning import Tuner, tune

SCORE = RewardTerm("score", "Score", "PMO", "What the task scores.", 150.0, 1000.0, "score", (0.0, 1.0))


class OracleMolecule(Molecule):
    """The molecule domain with a task's score as its only reward term, scored in this process, on one core."""

    slow_scoring = False

    def __init__(self, task: str, settings: MoleculeSettings) -> None:
        super().__init__(settings)
        self.oracle, self.terms = oracle(task), (SCORE,)
        self.paid: dict[str, float] = {}
        """Score by canonical SMILES, of every call."""

    def identities(self, tokens: Tensor, lengths: Tensor) -> list[str]:
        """Return canonical SMILES with stereochemistry, empty for what is no molecule."""
        molecules = [Chem.MolFromSmiles(smiles) for smiles in self.smiles(tokens, lengths)]
        return [Chem.MolToSmiles(each) if each is not None else "" for each in molecules]

    def score(self, tokens: Tensor, lengths: Tensor, only: Collection[str] | None = None) -> Tensor:
        """Return the score (B, T, 1) with the last token; 0 for what is no molecule."""
        scores = [self._pay(each) if each else 0.0 for each in self.identities(tokens, lengths)]
        terms = torch.zeros(*tokens.shape, 1)
        terms[torch.arange(len(scores)), lengths - 1, 0] = torch.tensor(scores)
        return terms

    def _pay(self, canonical: str) -> float:
        if canonical not in self.paid:
            molecule = Chem.MolFromSmiles(canonical)
            self.paid[canonical] = 0.0 if molecule is None else self.oracle(molecule)  # RDKit cannot read all it writes
        return self.paid[canonical]

    def set_active_terms(self, weights: Mapping[str, float]) -> bool:
        return False

    def observe(self, tokens: Tensor, lengths: Tensor) -> dict[str, float]:
        return {}


def run(task: str, seed: int, prior: str, calls: int, weight: float, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a run with the preset expensive at c = 1, on one core; seconds: of this process alone."""
    rdBase.DisableLog("rdApp.*")
    began = time.process_time()
    domain = OracleMolecule(task, MoleculeSettings.of(priors.domain_settings(prior, {})))
    config = TuningConfig(
        domain="molecule",
        prior=prior,
        learner="trajectory_balance",
        preset="expensive",
        weights={SCORE.name: weight},
        kl_coefficient=1.0,
        calls=calls,
        overrides=overrides,
        device="cpu",
        seed=seed,
    )
    tuner = Tuner(config, domain, priors.load(prior, space=domain).network, ShardPool(torch.device("cpu"), 1))
    for _ in tune(tuner):
        pass
    rewards = _scores(tuner)
    curve = top_curve(rewards)
    return {
        "task": task,
        "seed": seed,
        "auc_top10": auc(curve, calls),
        "top10": curve[-1][1],
        "calls": len(rewards),
        "seconds": time.process_time() - began,
        "rollouts": tuner.update // tuner.settings.updates,
        "curve": [value for used, value in curve if used % 1000 == 0],
    }


def _scores(tuner: Tuner) -> Sequence[float]:
    return tuner.calls.evaluated.store["sums"][: tuner.calls.evaluated.count, 0].tolist()
