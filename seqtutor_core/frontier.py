"""The most reward that each KL from the prior can buy: one point of the frontier for each c.

reward = E_pi*[R]        KL(pi* || p) = E_pi*[R]/c - log Z        d reward / d KL = c
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtutor_core.smc import WeightedSamples


@dataclass(frozen=True)
class Frontier:
    """Reward and KL of pi* at each c, estimated. Shapes (points,)."""

    c: Tensor
    reward: Tensor
    kl: Tensor
    """Nats per sequence."""
    effective_sample_size: Tensor


def frontier(samples: WeightedSamples, cs: Sequence[float]) -> Frontier:
    """Return the points at each c, from samples that were weighed at another."""
    points = [samples.reweight(c) for c in cs]
    reward = torch.stack([(point.normalised_weights * point.reward).sum() for point in points])
    log_z = torch.tensor([point.log_z for point in points], dtype=reward.dtype)
    c = torch.tensor(list(cs), dtype=reward.dtype)
    sizes = torch.tensor([point.effective_sample_size for point in points])
    return Frontier(c, reward.cpu(), reward.cpu() / c - log_z, sizes)
