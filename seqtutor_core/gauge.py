"""How close a policy is to the best that any policy can reach.

    J(pi) = E_pi[R]/c - KL(pi || p) = log Z - KL(pi || pi*) <= log Z,        Z = E_p[exp(R/c)]

log Z is unknown, but several sources bound it from below; the highest of their bounds, each held at a share of the
same confidence, says what is at least reachable, and so how much of it a policy has reached at most. A collapsed
policy would call itself perfect by its own samples: so the prior's are always among the sources. Where no sequence
earns more than R_max, the prior's samples bound log Z from above as well, and so what was reached from below.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

import torch
from torch import Tensor

from seqtutor_core.confidence import mean_at_most, reached, student
from seqtutor_core.domains import Domain, highest_reward, weight_vector
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.particles import Particles, Proposal, beginning, log_mean, pool_of, sequential
from seqtutor_core.rollout import Rollout, distinct, divergence, sample

RUNS = 8  # independent estimates of each source
DELTA = 0.05  # chance that any of a gauge's bounds is wrong
LOW_ENTROPY = 0.2  # nats a token, below which a policy has collapsed
FEW_DISTINCT = 0.5  # of the prior's share
INFORMATIVE = 0.01  # share below which "at least" is not worth saying


@dataclass(frozen=True)
class Source:
    """Independent unbiased estimates of Z that were got in one way."""

    name: str
    log_z: tuple[float, ...]
    """log of each estimate, nats."""
    seen: float
    """log of the sum of p(x) exp(R(x)/c) over the distinct sequences that were met: below log Z for certain."""
    effective_sample_size: float
    """Summed over the estimates."""
    distinct: float
    """Share of distinct sequences among all."""

    def bound(self, delta: float) -> float:
        """What log Z exceeds with probability 1 - delta, nats: the best of three bounds.

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
        """What log Z does not exceed with probability 1 - delta, nats."""
        return self.highest + math.log(mean_at_most(self.mean, self.variance, self.n, delta))


@dataclass(frozen=True)
class Reference:
    """What a policy is measured against: the prior's J, and what the prior's samples say of log Z."""

    j: float
    """Of the prior: its mean reward / c."""
    j_error: float
    """Standard error of j."""
    sources: tuple[Source, ...]
    ceiling: Ceiling | None
    """None where the reward has no bound."""
    weights: Mapping[str, float]
    c: float


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
        """The figures in words."""
        if self.at_most is None:
            return "Under these rewards nothing better than the prior is known for sure."
        share = f"At most {self.at_most:.0%}"
        if self.at_least and self.at_least >= INFORMATIVE:
            share = f"Between {math.floor(100 * self.at_least)} and {math.ceil(100 * self.at_most)}%"
        said = f"{share} of the reachable improvement over the prior; at least {self.gap:.1f} nats are missing"
        if self.collapsed:
            return f"{said}. The policy has collapsed to a few sequences, so its own samples say little."
        excess = math.exp(min(self.gap, 50))
        return f"{said}: a typical sequence is at least {excess:.2g} times likelier than it should be."


# ---------------------------------------------------------------- measuring


def source(name: str, runs: Sequence[Particles]) -> Source:
    """Sums up independent runs."""
    whole = torch.cat([run.tokens for run in runs])
    worth = torch.cat([run.log_prior + run.reward / run.c for run in runs])
    _, which = whole.unique(dim=0, return_inverse=True)
    first = torch.full((int(which.max()) + 1,), -torch.inf, dtype=worth.dtype, device=worth.device)
    seen = first.scatter_reduce(0, which, worth, "amax").logsumexp(0)
    size = sum(run.effective_sample_size for run in runs)
    return Source(name, tuple(run.log_z for run in runs), float(seen), size, len(first) / len(whole))


def reference(
    domain: Domain,
    prior: RecurrentNetwork,
    weights: Mapping[str, float],
    c: float,
    n: int,
    seed: int,
    primer: tuple[int, ...] = (),
    drawn: Rollout | None = None,
) -> Reference:
    """The prior's J over n sequences and its bounds on log Z, for these weights and c.

    drawn: n sequences of the prior, if they are there already; else they are drawn.
    """
    domain.set_active_terms(weights)
    generator = torch.Generator(prior.device).manual_seed(seed)
    before = beginning(domain, n, prior.device, primer)
    rollout = drawn or sample(domain, prior, n, generator, primer=before)
    runs = _weighed(domain, rollout, weights, c)
    gain = torch.cat([run.reward for run in runs]) / c
    ceiling = _ceiling(gain, highest_reward(domain.terms, weights) / c)
    sources = [source("importance sampling from the prior", runs)]
    if not domain.terminal_reward:
        sources.append(_sequential(domain, prior, weights, c, n, generator, primer, None))
    return Reference(float(gain.mean()), float(gain.std()) / math.sqrt(n), tuple(sources), ceiling, weights, c)


def measure(
    domain: Domain,
    prior: RecurrentNetwork,
    proposal: Proposal,
    against: Reference,
    n: int,
    seed: int,
    primer: tuple[int, ...] = (),
    drawn: Rollout | None = None,
) -> Gauge:
    """A policy against a reference, from n of its sequences; drawn as in reference."""
    weights, c = against.weights, against.c
    domain.set_active_terms(weights)
    generator = torch.Generator(prior.device).manual_seed(seed)
    before = beginning(domain, n, prior.device, primer)
    rollout = drawn or sample(domain, prior, n, generator, proposal.network, proposal.log_policy, before)
    runs = _weighed(domain, rollout, weights, c)
    sources = [*against.sources, source("importance sampling from the policy", runs)]
    if not domain.terminal_reward:
        sources.append(_sequential(domain, prior, weights, c, n, generator, primer, proposal))

    reward = torch.cat([run.reward for run in runs])
    kl, entropy = divergence(rollout)
    gain = reward / c - kl
    j, j_error = float(gain.mean()), float(gain.std()) / math.sqrt(n)
    # a bound by each source, one by J itself and one for the share; with a ceiling, log Z and the share have another
    delta = DELTA / (len(sources) + (4 if against.ceiling else 2))
    z = NormalDist().inv_cdf(1 - delta)
    limit = max(j - z * j_error, against.j, *(each.bound(delta) for each in sources))
    at_most = reached(limit - j, limit - against.j, j_error, against.j_error, z)
    highest = max(limit, against.ceiling.bound(delta)) if against.ceiling else None
    entropy_per_token = float(entropy.sum() / rollout.lengths.sum())
    share = distinct(rollout.tokens)
    return Gauge(
        j=j,
        j_error=j_error,
        j_prior=against.j,
        j_prior_error=against.j_error,
        log_z_at_least=limit,
        log_z_at_most=highest,
        at_most=at_most,
        at_least=None if highest is None else reached(highest - j, highest - against.j, j_error, against.j_error, -z),
        gap=max(0.0, limit - j),
        reward=float(reward.mean()),
        kl=float(kl.mean()),
        entropy=entropy_per_token,
        distinct=share,
        collapsed=entropy_per_token < LOW_ENTROPY or share < FEW_DISTINCT * against.sources[0].distinct,
        delta=delta,
        sources=tuple(sources),
    )


def _weighed(domain: Domain, rollout: Rollout, weights: Mapping[str, float], c: float) -> list[Particles]:
    """A rollout as RUNS independent importance samples."""
    pool = pool_of(domain, rollout)
    vector = torch.tensor(weight_vector(domain.terms, weights), dtype=torch.float64, device=rollout.tokens.device)
    return [pool.part(rows).weigh(vector, c) for rows in torch.arange(len(rollout.tokens)).chunk(RUNS)]


def _ceiling(gain: Tensor, highest: float) -> Ceiling | None:
    """Sums up the prior's R / c (n,), none of which exceeds `highest`; None where that is infinite."""
    if math.isinf(highest):
        return None
    weights = (gain - highest).exp()
    return Ceiling(float(weights.mean()), float(weights.var()), len(weights), highest)


def _sequential(
    domain: Domain,
    prior: RecurrentNetwork,
    weights: Mapping[str, float],
    c: float,
    n: int,
    generator: torch.Generator,
    primer: tuple[int, ...],
    proposal: Proposal | None,
) -> Source:
    """RUNS independent runs of sequential Monte Carlo over n particles in all."""
    size = max(2, n // RUNS)
    before = beginning(domain, size, prior.device, primer)
    runs = [sequential(domain, prior, weights, c, size, generator, proposal, before) for _ in range(RUNS)]
    return source(f"sequential Monte Carlo from the {'policy' if proposal else 'prior'}", runs)


# ---------------------------------------------------------------- reward against KL


@dataclass(frozen=True)
class Frontier:
    """The best reward for each KL, estimated: a point for each c. Shapes (points,)."""

    c: Tensor
    reward: Tensor
    kl: Tensor
    """Nats per sequence."""
    effective_sample_size: Tensor


def frontier(found: Particles, cs: Sequence[float]) -> Frontier:
    """Reward and KL of pi* at each c, from particles that were found at another: E[R] and E[R]/c - log Z."""
    points = [found.at(c) for c in cs]
    reward = torch.stack([(point.shares * point.reward).sum() for point in points])
    log_z = torch.tensor([point.log_z for point in points], dtype=reward.dtype)
    c = torch.tensor(list(cs), dtype=reward.dtype)
    sizes = torch.tensor([point.effective_sample_size for point in points])
    return Frontier(c, reward.cpu(), reward.cpu() / c - log_z, sizes)
