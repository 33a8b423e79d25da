"""How close a policy is to the best that any policy can reach.

    J(pi) = E_pi[R]/c - KL(pi || p) = log Z - KL(pi || pi*) <= log Z,        Z = E_p[exp(R/c)]

log Z is unknown, but several sources bound it from below; the highest of their bounds, each held at a share of the
same confidence, says what is at least reachable, and so how much of it a policy has reached at most. A collapsed
policy would call itself perfect by its own samples: so the prior's are always among the sources. Where no sequence
earns more than R_max, the prior's samples bound log Z from above as well, and so what was reached from below.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import Any

import torch
from torch import Tensor

from seqtutor_core.confidence import mean_at_most, reached, student
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.rollout import Rollout, distinct, divergence
from seqtutor_core.smc import ScoredSamples, WeightedSamples, log_mean, smc

NUM_ESTIMATES = 8  # independent ones of each source
DELTA = 0.05  # chance that any of a gauge's bounds is wrong
LOW_ENTROPY = 0.2  # nats a token, below which a policy has collapsed
FEW_DISTINCT = 0.5  # of the prior's share
INFORMATIVE = 0.01  # share below which "at least" is not worth saying


@dataclass(frozen=True)
class Source:
    """Independent unbiased estimates of Z, all made in one way."""

    name: str
    log_z: tuple[float, ...]
    """log of each estimate, nats."""
    seen: float
    """log of the sum of p(x) exp(R(x)/c) over the distinct sequences sampled: below log Z for certain."""
    effective_sample_size: float
    """Summed over the estimates."""
    distinct: float
    """Share of distinct sequences among all."""

    def bound(self, delta: float) -> float:
        """Return what log Z exceeds with probability 1 - delta, nats: the best of three bounds.

        Markov's inequality on the mean of the estimates: P(mean > Z / delta) < delta. Jensen's: the mean of log Z^
        is below log Z, tested one-sidedly by Student's t. And what was seen.
        """
        markov = log_mean(torch.tensor(self.log_z, dtype=torch.float64)) - math.log(2 / delta)
        if len(self.log_z) < 2:
            return max(markov, self.seen)
        error = stdev(self.log_z) / math.sqrt(len(self.log_z))
        jensen = fmean(self.log_z) - student(1 - delta / 2, len(self.log_z) - 1) * error
        return max(markov, jensen, self.seen)


@dataclass(frozen=True)
class Ceiling:
    """The weights exp((R - R_max)/c) of the prior's samples, all from 0 to 1, with mean Z exp(-R_max/c)."""

    mean: float
    variance: float
    n: int
    highest: float
    """R_max / c, nats."""

    def bound(self, delta: float) -> float:
        """Return what log Z does not exceed with probability 1 - delta, nats."""
        return self.highest + math.log(mean_at_most(self.mean, self.variance, self.n, delta))


@dataclass(frozen=True)
class PriorGauge:
    """What a policy is measured against: the prior's J, and what the prior's samples say of log Z."""

    j: float
    """Of the prior: its mean reward / c."""
    j_error: float
    """Standard error of j."""
    sources: tuple[Source, ...]
    ceiling: Ceiling | None
    """None where the reward has no bound."""
    objective: Objective


@dataclass(frozen=True)
class Gauge:
    """How far a policy has come. Nats per sequence."""

    j: float
    j_error: float
    """Standard error of j."""
    j_prior: float
    j_prior_error: float
    """Standard error of j_prior."""
    log_z_at_least: float
    """What is reachable at least, with 95 % confidence."""
    log_z_at_most: float | None
    """What is reachable at most, with the same confidence; None where the reward has no bound."""
    at_most: float | None
    """Share of the reachable improvement over the prior that was made, at most, with the same confidence; None: there
    is none to make."""
    at_least: float | None
    """The same share, at least; 0 for a policy that may be no better than the prior, None without log_z_at_most."""
    gap: float
    """log_z_at_least - j: at least so much is missing."""
    reward: float
    kl: float
    entropy: float
    """Of the policy, nats a token."""
    distinct: float
    collapsed: bool
    delta: float
    """Chance that a bound is wrong, for each; DELTA for all together."""
    sources: tuple[Source, ...]

    @property
    def sentence(self) -> str:
        """Say the figures in words."""
        if self.at_most is None:
            return "Under these rewards nothing better than the prior is known for sure."
        share = f"At most {self.at_most:.0%}"
        if self.at_least and self.at_least >= INFORMATIVE:
            share = f"Between {math.floor(100 * self.at_least)} and {math.ceil(100 * self.at_most)}%"
        said = f"{share} of the reachable improvement over the prior; at least {self.gap:.1f} nats are missing"
        if self.collapsed:
            return f"{said}. The policy has collapsed to a few sequences, so its own samples say little."
        excess = math.exp(min(self.gap, 50))
        times = f"{float(f'{excess:.2g}'):,g}" if excess < 990_000 else "a million"
        return f"{said}: a typical sequence is at least {times} times likelier than it should be."


# ---------------------------------------------------------------- measuring


def gauge_policy(
    policy: Policy, objective: Objective, n: int = 4096, seed: int = 0, primer: Sequence[int] = ()
) -> Gauge:
    """Return how far a policy has come towards an objective's optimum, from n sequences of it and n of its prior.

    Same seed, same numbers. primer: as in Policy.sample.
    """
    against = measure_prior(Policy(policy.space, policy.prior), objective, n, seed, primer)
    return measure_policy(policy, against, n, seed + 1, primer)


def measure_prior(
    prior: Policy,
    objective: Objective,
    n: int,
    seed: int,
    primer: Sequence[int] = (),
    rollout: Rollout | None = None,
) -> PriorGauge:
    """Return the prior's J over n sequences and its bounds on log Z, under an objective.

    seed: of the random numbers. primer: as in Policy.sample. rollout: n sequences of the prior, if they are there
    already.
    """
    domain = objective.domain
    domain.set_active_terms(objective.weights)
    generator = torch.Generator(prior.device).manual_seed(seed)
    rollout = rollout or prior.sample(n, generator, primer)
    estimates = _importance_sampling(objective, rollout)
    j = objective.j(torch.cat([each.reward for each in estimates]), 0.0)  # a policy that is the prior has KL 0
    sources = [combine_estimates("importance sampling from the prior", estimates)]
    if not domain.terminal_reward:
        sources.append(_smc(prior, objective, n, generator, primer))
    ceiling = _ceiling(j, objective.j(objective.highest_reward, 0.0))
    return PriorGauge(float(j.mean()), _standard_error(j), tuple(sources), ceiling, objective)


def measure_policy(
    policy: Policy,
    against: PriorGauge,
    n: int,
    seed: int,
    primer: Sequence[int] = (),
    rollout: Rollout | None = None,
) -> Gauge:
    """Return how far n sequences of a policy show it to have come, under the objective of the prior's gauge.

    against: the prior's gauge. seed, primer, rollout: as in measure_prior, but of the policy.
    """
    objective = against.objective
    objective.domain.set_active_terms(objective.weights)
    generator = torch.Generator(policy.device).manual_seed(seed)
    rollout = rollout or policy.sample(n, generator, primer)
    estimates = _importance_sampling(objective, rollout)
    sources = [*against.sources, combine_estimates("importance sampling from the policy", estimates)]
    if not objective.domain.terminal_reward:
        sources.append(_smc(policy, objective, n, generator, primer))

    reward = torch.cat([each.reward for each in estimates])
    kl, entropy = divergence(rollout)
    each_j = objective.j(reward, kl)
    entropy_per_token = float(entropy.sum() / rollout.lengths.sum())
    share = distinct(rollout.tokens)
    return Gauge(
        j=float(each_j.mean()),
        j_error=_standard_error(each_j),
        j_prior=against.j,
        j_prior_error=against.j_error,
        **_bounds(each_j, against, sources),
        reward=float(reward.mean()),
        kl=float(kl.mean()),
        entropy=entropy_per_token,
        distinct=share,
        collapsed=entropy_per_token < LOW_ENTROPY or share < FEW_DISTINCT * against.sources[0].distinct,
        sources=tuple(sources),
    )


def _bounds(each_j: Tensor, against: PriorGauge, sources: Sequence[Source]) -> dict[str, Any]:
    """Return a gauge's bounds on log Z and on the share reached, by name, from the J of each sequence (n,)."""
    j, error = float(each_j.mean()), _standard_error(each_j)
    # a bound by each source, one by J itself and one for the share; with a ceiling, log Z and the share have another
    delta = DELTA / (len(sources) + (4 if against.ceiling else 2))
    z = NormalDist().inv_cdf(1 - delta)
    low = max(j - z * error, against.j, *(each.bound(delta) for each in sources))
    high = max(low, against.ceiling.bound(delta)) if against.ceiling else None
    return {
        "log_z_at_least": low,
        "log_z_at_most": high,
        "at_most": reached(low - j, low - against.j, error, against.j_error, z),
        "at_least": None if high is None else reached(high - j, high - against.j, error, against.j_error, -z),
        "gap": max(0.0, low - j),
        "delta": delta,
    }


def combine_estimates(name: str, estimates: Sequence[WeightedSamples]) -> Source:
    """Return what independent samplings, made in one way, say of log Z."""
    whole = torch.cat([each.tokens for each in estimates])
    log_mass = torch.cat([each.log_prior + each.reward / each.c for each in estimates])  # log p(x) exp(R(x)/c)
    _, which = whole.unique(dim=0, return_inverse=True)
    once = torch.full((int(which.max()) + 1,), -torch.inf, dtype=log_mass.dtype, device=log_mass.device)
    seen = once.scatter_reduce(0, which, log_mass, "amax").logsumexp(0)
    size = sum(each.effective_sample_size for each in estimates)
    return Source(name, tuple(each.log_z for each in estimates), float(seen), size, len(once) / len(whole))


def _importance_sampling(objective: Objective, rollout: Rollout) -> list[WeightedSamples]:
    """Return a rollout as NUM_ESTIMATES independent importance samplings."""
    samples = ScoredSamples.of(rollout, objective.domain.score(rollout.tokens, rollout.lengths))
    return [samples.subset(rows).weigh(objective) for rows in torch.arange(len(rollout.tokens)).chunk(NUM_ESTIMATES)]


def _smc(policy: Policy, objective: Objective, n: int, generator: torch.Generator, primer: Sequence[int]) -> Source:
    """Return what NUM_ESTIMATES independent runs of sequential Monte Carlo, over n samples in all, say of log Z."""
    size = max(2, n // NUM_ESTIMATES)
    estimates = [smc(policy, objective, size, generator, primer) for _ in range(NUM_ESTIMATES)]
    proposal = "prior" if policy.network is None else "policy"
    return combine_estimates(f"sequential Monte Carlo from the {proposal}", estimates)


def _ceiling(scaled: Tensor, highest: float) -> Ceiling | None:
    """Sum up the prior's R/c (n,), none of which exceeds `highest`; None where that is infinite."""
    if math.isinf(highest):
        return None
    weights = (scaled - highest).exp()
    return Ceiling(float(weights.mean()), float(weights.var()), len(weights), highest)


def _standard_error(values: Tensor) -> float:
    return float(values.std()) / math.sqrt(len(values))
