"""The KL-regularised optimum exactly, for tasks that are Markov in (step, previous token), by dynamic programming.

With soft values V(t, b) of standing at step t behind token b, V(T, .) = 0,

    V(t, b) = logsumexp_a [ log p(a|t, b) + r(t, b, a)/c + V(t + 1, a) ]        log Z = V(0, start)
    log pi*(a|t, b) = log p(a|t, b) + r(t, b, a)/c + V(t + 1, a) - V(t, b)

(linearly solvable control: Todorov 2007; Kappen 2005). Tables are float64 of shape (T, S, V): step, previous token,
token, with S = V + 1. The last row is "before the start": it alone is reached at the first step, and never later.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from typing import NamedTuple

import torch
from torch import Tensor

from seqtutor_core.errors import SettingError


class Evaluation(NamedTuple):
    """What a policy earns and what it costs."""

    reward: float
    """E_pi[R], a sequence's mean reward before division by c."""
    kl: float
    """KL(pi || p) in nats per sequence."""


@dataclass(frozen=True)
class Exact:
    """The optimum of J at one c."""

    c: float
    log_z: float
    """log E_p[exp(R/c)] in nats: J of the best policy, which no policy exceeds."""
    reward: float
    """E_pi*[R]."""
    kl: float
    """KL(pi* || p) in nats per sequence; reward / c - kl = log_z."""
    j_prior: float
    """J of the prior, E_p[R]/c: where tuning begins."""
    log_policy: Tensor
    """log pi* (T, S, V)."""


@dataclass(frozen=True)
class MarkovTask:
    """Prior and reward of sequences of T tokens whose next token depends on step and previous token only."""

    log_prior: Tensor
    """log p(a | step, previous token), (T, S, V)."""
    reward: Tensor
    """Weighted reward of the token, before division by c, (T, S, V)."""

    def solve(self, c: float) -> Exact:
        """Return the optimum; SettingError unless c is positive and finite."""
        if not (math.isfinite(c) and c > 0):
            raise SettingError(f"a KL coefficient of {c} has no optimum; choose a positive number")
        after = torch.zeros_like(self.log_prior[0, 0])  # (V,), V(t + 1, a)
        log_policy = torch.empty_like(self.log_prior)
        log_z = 0.0
        for t in range(len(self.log_prior) - 1, -1, -1):
            worth = self.log_prior[t] + self.reward[t] / c + after  # (S, V)
            value = worth.logsumexp(-1)  # (S,)
            log_policy[t] = worth - value.unsqueeze(-1)
            after, log_z = value[:-1], value[-1].item()
        best = self.evaluate(log_policy)
        return Exact(c, log_z, best.reward, best.kl, self.evaluate(self.log_prior).reward / c, log_policy)

    def frontier(self, cs: Iterable[float]) -> list[Exact]:
        """Return the optimum at each c: no policy has more reward at the same KL. Along it d reward / d KL = c."""
        return [self.solve(c) for c in cs]

    def evaluate(self, log_policy: Tensor) -> Evaluation:
        """Return the exact reward and KL of a policy log pi (T, S, V), from the chance of each previous token."""
        chance = torch.zeros_like(self.log_prior[0, :, 0])  # (S,)
        chance[-1] = 1.0
        reward = kl = 0.0
        for t, log_pi in enumerate(log_policy):
            flow = chance.unsqueeze(-1) * log_pi.exp()  # (S, V)
            reward += (flow * self.reward[t]).sum().item()
            kl += (flow * (log_pi - self.log_prior[t])).sum().item()
            chance[:-1], chance[-1] = flow.sum(0), 0.0
        return Evaluation(reward, kl)

    def geometric_mixture(self, log_policy: Tensor, strength: float) -> Tensor:
        """Return log of p^(1 - s) pi^s, normalised, (T, S, V): strength 0 is the prior, 1 the policy."""
        return self.log_prior.lerp(log_policy, strength).log_softmax(-1)


def sum_over_time(table: Tensor, tokens: Tensor) -> Tensor:
    """Return the sums (N,) of a table (T, S, V) along sequences (N, T): log p(x), log pi(x) or R(x)."""
    steps, size = len(table), table.shape[-1]
    previous = torch.cat([torch.full_like(tokens[:, :1], size), tokens[:, :-1]], 1)  # (N, T)
    return table[torch.arange(steps), previous, tokens].sum(1)


def top_sequences(log_policy: Tensor, n: int) -> Tensor:
    """Return the n likeliest sequences of a policy log pi (T, S, V), (n, T), best first.

    Of all beginnings with the same last token only the best n can lead to one of them.
    """
    steps, _, size = log_policy.shape
    beginnings: list[tuple[float, tuple[int, ...]]] = [(0.0, (size,))]
    for t in range(steps):
        table = log_policy[t].tolist()
        grown = [
            nlargest(n, ((score + table[x[-1]][a], (*x, a)) for score, x in beginnings)) for a in range(size)
        ]  # for each last token
        beginnings = [one for best in grown for one in best]
    return torch.tensor([x[1:] for _, x in nlargest(n, beginnings)])
