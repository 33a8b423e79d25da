"""What tuning would lead to, at once and without training: samples of pi* by particles from the prior."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtutor_core.domains import Domain, highest_reward, weight_vector
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.parallel import one_thread
from seqtutor_core.particles import Particles, pool_of, rejection_sample, sequential
from seqtutor_core.rollout import Rollout, beginning, sample

PARTICLES = 256
FEW = 20.0  # effective particles, below which a preview is a rough one


@dataclass(frozen=True)
class Preview:
    """Particles, and as many sequences drawn from them by weight."""

    found: Particles
    rows: Tensor  # (n,), the particles that were drawn
    tokens: Tensor  # (n, T)
    lengths: Tensor  # (n,)
    exact: Tensor  # (m,), particles that are exact samples of pi*, by rejection; none unless the reward is bounded
    milliseconds: float

    @property
    def rough(self) -> bool:
        """Whether too few particles carry the weight for figures to be trusted."""
        return self.found.effective_sample_size < FEW

    def best(self, count: int) -> Tensor:
        """Rows (up to count,) of the heaviest distinct particles in `found`, heaviest first."""
        rows: dict[tuple[int, ...], int] = {}
        for row in self.found.log_weights.argsort(descending=True).tolist():
            rows.setdefault(tuple(self.found.tokens[row].tolist()), row)
            if len(rows) == count:
                break
        return torch.tensor(list(rows.values()))

    def some(self, count: int) -> Tensor:
        """Rows (count,) in `found`, drawn by weight: fewer of `rows`, as evenly spread over the particles as those."""
        return self.rows[torch.arange(count) * len(self.rows) // count]


def preview(
    domain: Domain,
    prior: RecurrentNetwork,
    weights: Mapping[str, float],
    c: float,
    n: int = PARTICLES,
    seed: int = 0,
    primer: tuple[int, ...] = (),
    drawn: Rollout | None = None,
) -> Preview:
    """n sequences of pi*, estimated. Same seed, same numbers.

    Where all is paid at the end the prior's own sequences serve under any weights and c: `drawn`, if they are there
    already, saves drawing them again.
    """
    began = time.perf_counter()
    domain.set_active_terms(weights)
    generator = torch.Generator(prior.device).manual_seed(seed)
    before = beginning(domain, n, prior.device, primer)
    with one_thread():  # two would wait for each other beside a living run
        if domain.terminal_reward:
            vector = torch.tensor(weight_vector(domain.terms, weights), dtype=torch.float64, device=prior.device)
            found = pool_of(domain, drawn or sample(domain, prior, n, generator, primer=before)).weigh(vector, c)
        else:
            found = sequential(domain, prior, weights, c, n, generator, primer=before)
        rows = found.draw(n, generator)
        highest = highest_reward(domain.terms, weights) if domain.terminal_reward else math.inf
        exact = rejection_sample(found, highest, generator)
    return Preview(found, rows, found.tokens[rows], found.lengths[rows], exact, 1000 * (time.perf_counter() - began))
