"""Weighted samples of pi*(x) = p(x) exp(R(x)/c) / Z without training, and an estimate of Z.

    w(x) = p(x) exp(R(x)/c) / q(x)        Z = E_q[w(x)]

The proposal q is a policy: the prior, a tuned one, or a mixture of both. Where rewards come along the way, sequential
Monte Carlo weighs prefixes and lets the promising ones multiply (Doucet & Johansen 2009; Z is unbiased: Del Moral 2004,
prop. 7.4.1). Where all is paid at the end, whole sequences are weighed at once.
Shapes: n samples, T time, K reward terms.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from seqtutor_core.objective import Objective
from seqtutor_core.policy import Decoder, Policy, sample_actions
from seqtutor_core.rollout import Rollout, gather_actions

ESS_THRESHOLD = 0.5  # effective share of the samples below which they are resampled
NUM_STAGES = 8  # resampling stages per sequence: more is slower but degenerates less


@dataclass(frozen=True)
class ScoredSamples:
    """Whole sequences with all that any objective needs to weigh them: a moved slider weighs them anew, at once."""

    tokens: Tensor  # (n, T)
    lengths: Tensor  # (n,)
    log_prior: Tensor  # (n,), log p(x)
    log_proposal: Tensor  # (n,), log q(x)
    terms: Tensor  # (n, K), unweighted, summed over the sequence

    @staticmethod
    def of(rollout: Rollout, terms: Tensor) -> "ScoredSamples":
        """Return the sequences of a rollout with their terms (n, T, K)."""
        log_prior, log_proposal = (
            (gather_actions(each, rollout.tokens) * rollout.mask).double().sum(1)
            for each in (rollout.log_prior, rollout.log_policy)
        )
        sums = (terms * rollout.mask.unsqueeze(-1)).sum(1)
        return ScoredSamples(rollout.tokens, rollout.lengths, log_prior, log_proposal, sums)

    def subset(self, rows: Tensor) -> "ScoredSamples":
        """Return some of the sequences."""
        return ScoredSamples(*(getattr(self, f.name)[rows] for f in fields(ScoredSamples)))

    def weigh(self, objective: Objective) -> "WeightedSamples":
        """Return the sequences with the weights that an objective gives them."""
        reward = objective.reward(self.terms.double())
        log_weights = self.log_prior - self.log_proposal + reward / objective.c
        index, log_z = torch.arange(len(reward), device=reward.device), log_mean(log_weights)
        return WeightedSamples(
            self.tokens, self.lengths, log_weights, self.log_prior, reward, index, log_z, objective.c
        )


@dataclass(frozen=True)
class WeightedSamples:
    """n sequences whose weights make them samples of pi*."""

    tokens: Tensor  # (n, T)
    lengths: Tensor  # (n,)
    log_weights: Tensor  # (n,), up to a constant
    log_prior: Tensor  # (n,), log p(x)
    reward: Tensor  # (n,), R(x), before division by c
    ancestor_index: Tensor  # (n,), which of the first n samples each one descends from
    log_z: float
    """Estimate of log Z in nats; its exponential is unbiased."""
    c: float

    @property
    def normalised_weights(self) -> Tensor:
        """Weights (n,) that sum to 1."""
        return self.log_weights.softmax(0)

    @property
    def effective_sample_size(self) -> float:
        return effective_sample_size(self.log_weights)

    @property
    def ancestors(self) -> int:
        """How many of the first samples have descendants that count."""
        return len(self.ancestor_index[self.normalised_weights > 1e-3 / len(self.ancestor_index)].unique())

    def resample(self, n: int, generator: torch.Generator) -> Tensor:
        """Return rows (n,) drawn by weight."""
        return systematic_resample(self.log_weights, n, generator)

    def reweight(self, c: float) -> "WeightedSamples":
        """Return the same samples under another c. Far from their own c few of them count."""
        gain = self.reward * (1 / c - 1 / self.c)
        log_z = self.log_z + float((self.log_weights.log_softmax(0) + gain).logsumexp(0))
        return replace(self, log_weights=self.log_weights + gain, log_z=log_z, c=c)

    @staticmethod
    def concat(runs: "Sequence[WeightedSamples]") -> "WeightedSamples":
        """Return independent runs of equal size and c as one: each counts by its estimate of Z."""
        log_weights = torch.cat([run.log_weights.log_softmax(0) + run.log_z for run in runs])
        index = torch.cat([run.ancestor_index + i * len(run.ancestor_index) for i, run in enumerate(runs)])
        tokens, lengths, log_prior, reward = (
            torch.cat([getattr(run, name) for run in runs]) for name in ("tokens", "lengths", "log_prior", "reward")
        )
        log_z = log_mean(torch.tensor([run.log_z for run in runs], dtype=torch.float64))
        return WeightedSamples(tokens, lengths, log_weights, log_prior, reward, index, log_z, runs[0].c)


@torch.no_grad()
def smc(
    policy: Policy,
    objective: Objective,
    n: int,
    generator: torch.Generator,
    primer: Tensor | Sequence[int] = (),
    stages: int = NUM_STAGES,
) -> WeightedSamples:
    """Return n particles of sequential Monte Carlo with adaptive systematic resampling, for rewards along the way.

    policy: the proposal. generator: lives on its device. primer: as in Policy.sample. stages: how often prefixes are
    scored, the last time when they are complete.
    """
    length = policy.space.length
    ends = {round(length * (i + 1) / stages) for i in range(stages)}
    decoder = Decoder(policy, policy.primer_tokens(n, primer))
    log_weights = torch.zeros(n, dtype=torch.float64, device=policy.device)
    log_prior, reward = torch.zeros_like(log_weights), torch.zeros_like(log_weights)
    index, log_z = torch.arange(n, device=policy.device), 0.0

    for step in range(1, length + 1):
        log_p, log_q = decoder.next()  # (n, V) each
        actions = sample_actions(log_q, generator)
        decoder.append(actions)
        log_prior += gather_actions(log_p, actions)
        log_weights += gather_actions(log_p - log_q, actions)
        if step not in ends:
            continue
        before, reward = reward, _reward_so_far(objective, decoder.sequences)
        log_weights += (reward - before) / objective.c
        if step < length and effective_sample_size(log_weights) < ESS_THRESHOLD * n:
            rows = systematic_resample(log_weights, n, generator)
            log_z += log_mean(log_weights)
            log_prior, reward, index = log_prior[rows], reward[rows], index[rows]
            log_weights = torch.zeros_like(log_weights)
            decoder.keep(rows)
    lengths = torch.full_like(index, length)
    log_z += log_mean(log_weights)
    return WeightedSamples(decoder.sequences, lengths, log_weights, log_prior, reward, index, log_z, objective.c)


def _reward_so_far(objective: Objective, tokens: Tensor) -> Tensor:
    """Return R (n,) of prefixes (n, t)."""
    lengths = torch.full_like(tokens[:, 0], tokens.shape[1])
    terms = objective.domain.score(tokens, lengths, only=objective.active_terms)
    return objective.reward(terms.double().sum(1))


# ---------------------------------------------------------------- weights


def log_mean(log_weights: Tensor) -> float:
    """Return the log of the mean of exp(log_weights) (n,)."""
    return float(log_weights.logsumexp(0)) - math.log(len(log_weights))


def effective_sample_size(log_weights: Tensor) -> float:
    """Return 1 / sum of squared normalised weights (n,): from 1 to n (Kong 1992)."""
    return float(torch.exp(-(2 * log_weights.log_softmax(0)).logsumexp(0)))


def rejection_sample(samples: WeightedSamples, highest: float, generator: torch.Generator) -> Tensor:
    """Return the rows (m,) of exact, independent samples of pi* among samples drawn one by one from the prior.

    A row is accepted with probability exp((R - highest) / c), where no sequence earns more than `highest`: infinite,
    none is accepted (von Neumann 1951).
    """
    reward = samples.reward
    number = torch.rand(len(reward), generator=generator, dtype=torch.float64, device=reward.device)
    return (number.log() < (reward - highest) / samples.c).nonzero().squeeze(1)


def systematic_resample(log_weights: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return n rows drawn by weight with one random number: each comes n times its share, rounded down or up."""
    cumulated = log_weights.softmax(0).cumsum(0)
    offset = torch.rand((), generator=generator, dtype=cumulated.dtype, device=cumulated.device)
    places = (torch.arange(n, device=cumulated.device) + offset) / n * cumulated[-1]
    return torch.searchsorted(cumulated, places, right=True).clamp(max=len(log_weights) - 1)
