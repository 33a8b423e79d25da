"""What tuning would lead to, at once and without training: weighted samples of pi* from the prior."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtutor_core.objective import Objective
from seqtutor_core.parallel import one_thread
from seqtutor_core.policy import Policy
from seqtutor_core.rollout import Rollout
from seqtutor_core.smc import ScoredSamples, WeightedSamples, rejection_sample, smc

PARTICLES = 256
FEW = 20.0  # effective samples, below which a preview is a rough one


@dataclass(frozen=True)
class Preview:
    """Weighted samples, and as many sequences drawn from them by weight."""

    samples: WeightedSamples
    rows: Tensor  # (n,), the samples that were drawn
    tokens: Tensor  # (n, T)
    lengths: Tensor  # (n,)
    exact: Tensor  # (m,), rows of exact samples of pi*, by rejection; none unless the reward is bounded
    milliseconds: float
    zero: tuple[str, ...] = ()
    """Labels of the terms that are 0 in all samples, which makes a geometric mean 0 everywhere."""

    @property
    def rough(self) -> bool:
        """Whether too few samples carry the weight for figures to be trusted."""
        return self.samples.effective_sample_size < FEW

    def best(self, count: int) -> Tensor:
        """Return rows (up to count,) of the heaviest distinct samples, heaviest first."""
        rows: dict[tuple[int, ...], int] = {}
        for row in self.samples.log_weights.argsort(descending=True).tolist():
            rows.setdefault(tuple(self.samples.tokens[row].tolist()), row)
            if len(rows) == count:
                break
        return torch.tensor(list(rows.values()))

    def some(self, count: int) -> Tensor:
        """Return rows (count,) drawn by weight: fewer than `rows`, as evenly spread over the samples as those."""
        return self.rows[torch.arange(count) * len(self.rows) // count]


def draw_preview(
    policy: Policy,
    objective: Objective,
    n: int = PARTICLES,
    seed: int = 0,
    primer: Sequence[int] = (),
    rollout: Rollout | None = None,
) -> Preview:
    """Return n sequences of pi*, estimated. Same seed, same numbers. SettingError for a weight that cannot count.

    policy: proposes; usually the prior. primer: as in Policy.sample. rollout: where all is paid at the end, the
    policy's sequences serve under any objective; n of them, if they are there already, need not be sampled again.
    """
    began = time.perf_counter()
    domain = objective.domain
    domain.set_active_terms(objective.weights)
    generator = torch.Generator(policy.device).manual_seed(seed)
    zero: list[str] = []
    with one_thread():  # two would wait for each other beside a living run
        if domain.terminal_reward:
            rollout = rollout or policy.sample(n, generator, primer)
            scored = ScoredSamples.of(rollout, domain.score(rollout.tokens, rollout.lengths))
            samples, zero = scored.weigh(objective), objective.always_zero(scored.terms)
        else:
            samples = smc(policy, objective, n, generator, primer)
        rows = samples.resample(n, generator)
        from_prior = domain.terminal_reward and policy.network is None
        exact = rejection_sample(samples, objective.highest_reward if from_prior else math.inf, generator)
    milliseconds = 1000 * (time.perf_counter() - began)
    drawn = samples.tokens[rows], samples.lengths[rows]
    return Preview(samples, rows, *drawn, exact, milliseconds, tuple(zero))
