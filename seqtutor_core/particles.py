"""Weighted samples of pi*(x) = p(x) exp(R(x)/c) / Z without training, and an estimate of Z.

    w(x) = p(x) exp(R(x)/c) / q(x)        Z = E_q[w(x)]

The proposal q is the prior, a tuned policy, or a mixture of both. Where rewards come along the way, sequential Monte
Carlo weighs prefixes and lets the promising ones multiply (Doucet & Johansen 2009; Z is unbiased: Del Moral 2004,
prop. 7.4.1). Where all is paid at the end, whole sequences are weighed at once.
Shapes: n particles, T time, K reward terms.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from seqtutor_core.domains import Domain, weight_vector
from seqtutor_core.features import InputFeatures
from seqtutor_core.network import RecurrentNetwork, Stepper
from seqtutor_core.rollout import LogPolicy, Rollout, act, beginning, gather_actions, sample

ENOUGH = 0.5  # effective share of the particles below which they are resampled
BLOCKS = 8  # of a sequence, after each of which its reward is known; more cost more and lose fewer particles


@dataclass(frozen=True)
class Proposal:
    """A policy to propose with: its network and what turns the network's output into log pi."""

    network: RecurrentNetwork
    log_policy: LogPolicy


@dataclass(frozen=True)
class Pool:
    """Whole sequences with all that any weights and c need: a moved slider weighs them anew, at once."""

    tokens: Tensor  # (n, T)
    lengths: Tensor  # (n,)
    log_prior: Tensor  # (n,), log p(x)
    log_proposal: Tensor  # (n,), log q(x)
    terms: Tensor  # (n, K), unweighted, summed over the sequence

    def part(self, rows: Tensor) -> "Pool":
        """Some of the sequences."""
        return Pool(*(getattr(self, f.name)[rows] for f in fields(Pool)))

    def weigh(self, weights: Tensor, c: float) -> "Particles":
        """Particles under weights (K,) and c."""
        reward = self.terms.double() @ weights.double()
        log_weights = self.log_prior - self.log_proposal + reward / c
        roots = torch.arange(len(reward), device=reward.device)
        log_z = log_mean(log_weights)
        return Particles(self.tokens, self.lengths, log_weights, self.log_prior, reward, roots, log_z, c)


@dataclass(frozen=True)
class Particles:
    """n weighted sequences."""

    tokens: Tensor  # (n, T)
    lengths: Tensor  # (n,)
    log_weights: Tensor  # (n,), up to a constant
    log_prior: Tensor  # (n,), log p(x)
    reward: Tensor  # (n,), R(x), weighted sum before division by c
    roots: Tensor  # (n,), which of the first n particles each one descends from
    log_z: float
    """Estimate of log Z in nats; its exponential is unbiased."""
    c: float

    @property
    def shares(self) -> Tensor:
        """Normalised weights (n,)."""
        return self.log_weights.softmax(0)

    @property
    def effective_sample_size(self) -> float:
        return effective_sample_size(self.log_weights)

    @property
    def ancestors(self) -> int:
        """How many of the first particles have descendants that count."""
        return len(self.roots[self.shares > 1e-3 / len(self.roots)].unique())

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Rows (n,) of particles drawn by their weights."""
        return systematic(self.log_weights, n, generator)

    def at(self, c: float) -> "Particles":
        """The same particles under another c. Far from their own c few of them count."""
        gain = self.reward * (1 / c - 1 / self.c)
        log_z = self.log_z + float((self.log_weights.log_softmax(0) + gain).logsumexp(0))
        return replace(self, log_weights=self.log_weights + gain, log_z=log_z, c=c)


# ---------------------------------------------------------------- two ways to get them


def pool(
    domain: Domain,
    prior: RecurrentNetwork,
    n: int,
    generator: torch.Generator,
    proposal: Proposal | None = None,
    primer: Tensor | None = None,
) -> Pool:
    """n whole sequences from the proposal, or from the prior when there is none, with their terms."""
    network, log_policy = (proposal.network, proposal.log_policy) if proposal else (None, None)
    return pool_of(domain, sample(domain, prior, n, generator, network, log_policy, primer))


def pool_of(domain: Domain, rollout: Rollout) -> Pool:
    """The sequences of a rollout, scored."""
    return pool_from(rollout, domain.score(rollout.tokens, rollout.lengths))


def pool_from(rollout: Rollout, terms: Tensor) -> Pool:
    """The sequences of a rollout with their terms (n, T, K)."""
    log_prior, log_policy = (
        (gather_actions(each, rollout.tokens) * rollout.mask).double().sum(1)
        for each in (rollout.log_prior, rollout.log_policy)
    )
    sums = (terms * rollout.mask.unsqueeze(-1)).sum(1)
    return Pool(rollout.tokens, rollout.lengths, log_prior, log_policy, sums)


@torch.no_grad()
def sequential(
    domain: Domain,
    prior: RecurrentNetwork,
    weights: Mapping[str, float],
    c: float,
    n: int,
    generator: torch.Generator,
    proposal: Proposal | None = None,
    primer: Tensor | None = None,
    blocks: int = BLOCKS,
) -> Particles:
    """Sequential Monte Carlo with adaptive systematic resampling, for rewards that come along the way.

    primer (n, P) comes before the sequences; None: the domain's.
    """
    device, wanted = prior.device, [name for name, weight in weights.items() if weight]
    vector = torch.tensor(weight_vector(domain.terms, weights), dtype=torch.float64, device=device)
    before = beginning(domain, n, device) if primer is None else primer
    start = before.shape[1]
    ends = {round(domain.length * (i + 1) / blocks) for i in range(blocks)}
    whole = torch.cat([before, before.new_zeros(n, domain.length)], 1)
    seen = InputFeatures.select(domain.features, prior.settings.inputs).begin(before, domain.length)
    steppers = [Stepper(network, n) for network in (prior, proposal.network if proposal else None) if network]
    log_weights = torch.zeros(n, dtype=torch.float64, device=device)
    log_prior, reward = torch.zeros_like(log_weights), torch.zeros_like(log_weights)
    roots, log_z = torch.arange(n, device=device), 0.0

    for t in range(start + domain.length):
        ids = seen.ids()
        outputs = [stepper.step(ids) for stepper in steppers]
        if t < start:
            seen.append(whole[:, t])
            continue
        log_p = outputs[0].logits.log_softmax(-1)  # (n, V)
        log_q = proposal.log_policy(outputs[1], log_p) if proposal else log_p
        whole[:, t] = act(log_q, generator)
        seen.append(whole[:, t])
        log_prior += gather_actions(log_p, whole[:, t])
        log_weights += gather_actions(log_p - log_q, whole[:, t])
        step = t - start + 1
        if step not in ends:
            continue
        tokens = whole[:, start : t + 1]
        earned = domain.score(tokens, torch.full_like(roots, step), only=wanted).double().sum(1) @ vector  # (n,)
        log_weights += (earned - reward) / c
        reward = earned
        if step < domain.length and effective_sample_size(log_weights) < ENOUGH * n:
            rows = systematic(log_weights, n, generator)
            log_z += log_mean(log_weights)
            whole, log_prior, reward, roots = whole[rows], log_prior[rows], reward[rows], roots[rows]
            log_weights = torch.zeros_like(log_weights)
            seen.keep(rows)
            for stepper in steppers:
                stepper.pick(rows)
    lengths = torch.full_like(roots, domain.length)
    log_z += log_mean(log_weights)
    return Particles(whole[:, start:], lengths, log_weights, log_prior, reward, roots, log_z, c)


def together(runs: Sequence[Particles]) -> Particles:
    """Independent runs of equal size as one: each counts by its estimate of Z."""
    log_weights = torch.cat([run.log_weights.log_softmax(0) + run.log_z for run in runs])
    roots = torch.cat([run.roots + i * len(run.roots) for i, run in enumerate(runs)])
    tokens, lengths, log_prior, reward = (
        torch.cat([getattr(run, name) for run in runs]) for name in ("tokens", "lengths", "log_prior", "reward")
    )
    log_z = log_mean(torch.tensor([run.log_z for run in runs], dtype=torch.float64))
    return Particles(tokens, lengths, log_weights, log_prior, reward, roots, log_z, runs[0].c)


# ---------------------------------------------------------------- weights


def log_mean(log_weights: Tensor) -> float:
    """log of the mean of exp(log_weights) (n,)."""
    return float(log_weights.logsumexp(0)) - math.log(len(log_weights))


def effective_sample_size(log_weights: Tensor) -> float:
    """1 / sum of squared normalised weights (n,): from 1 to n (Kong 1992)."""
    return float(torch.exp(-(2 * log_weights.log_softmax(0)).logsumexp(0)))


def rejection_sample(found: Particles, highest: float, generator: torch.Generator) -> Tensor:
    """Return the rows (m,) of exact, independent samples of pi* among particles drawn one by one from the prior.

    A row is accepted with probability exp((R - highest) / c), where no sequence earns more than `highest`: infinite,
    none is accepted (von Neumann 1951).
    """
    number = torch.rand(len(found.reward), generator=generator, dtype=torch.float64, device=found.reward.device)
    return (number.log() < (found.reward - highest) / found.c).nonzero().squeeze(1)


def systematic(log_weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n rows drawn by weight with one random number: each row comes floor or ceil of n times its share."""
    cumulated = log_weights.softmax(0).cumsum(0)
    offset = torch.rand((), generator=generator, dtype=cumulated.dtype, device=cumulated.device)
    places = (torch.arange(n, device=cumulated.device) + offset) / n * cumulated[-1]
    return torch.searchsorted(cumulated, places, right=True).clamp(max=len(log_weights) - 1)
