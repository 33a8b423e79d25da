"""Every reported figure of a policy, defined once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

from seqtutor_core.domains import Domain, weight_vector
from seqtutor_core.errors import SettingError
from seqtutor_core.learners import LEARNERS
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.particles import pool_of
from seqtutor_core.rollout import LogPolicy, Rollout, beginning, distinct, divergence, sample, tempered

CHUNK = 1024  # sequences sampled at a time
STRONGEST = 1.5  # tutor strength; beyond it sequences soon fall apart


def rollouts(
    domain: Domain,
    prior: RecurrentNetwork,
    policy: RecurrentNetwork | None,
    learner: str | None,
    n: int,
    seed: int,
    primer: tuple[int, ...] | None = (),
    strength: float = 1.0,
) -> Iterator[Rollout]:
    """n sequences in chunks, from the policy or, without one, from the prior; primer None: one random note each.

    strength mixes prior and policy (rollout.tempered): 0 the prior, 1 the policy; SettingError outside 0 to 1.5.
    """
    check_strength(strength)
    generator = torch.Generator(prior.device).manual_seed(seed)
    log_policy: LogPolicy | None = LEARNERS[learner].log_policy if learner else None
    if log_policy is not None and strength != 1:
        log_policy = tempered(log_policy, strength)
    for done in range(0, n, CHUNK):
        size = min(CHUNK, n - done)
        before = (
            domain.random_primer(size, generator) if primer is None else beginning(domain, size, prior.device, primer)
        )
        yield sample(domain, prior, size, generator, policy, log_policy, before)


def check_strength(strength: float) -> None:
    """SettingError unless a tutor strength is from 0 to 1.5."""
    if not 0 <= strength <= STRONGEST:  # false for NaN, too
        raise SettingError(
            f"a tutor strength of {strength} is not possible; "
            f"choose from 0, which is the prior, over 1, the policy, to {STRONGEST:g}"
        )


def averages(domain: Domain, rollout: Rollout) -> tuple[dict[str, float], float]:
    """Means over a rollout's sequences: each unweighted term by name, and the exact KL in nats."""
    terms = pool_of(domain, rollout).terms.mean(0).tolist()
    kl, _ = divergence(rollout)
    return dict(zip([t.name for t in domain.terms], terms, strict=True)), kl.mean().item()


def evaluate_policy(
    domain: Domain,
    prior: RecurrentNetwork,
    policy: RecurrentNetwork | None,
    learner: str | None,
    weights: Mapping[str, float],
    c: float,
    n: int,
    seed: int = 0,
    primer: tuple[int, ...] | None = (),
    strength: float = 1.0,
) -> dict[str, Any]:
    """The figures of n sampled sequences; policy None: the prior itself; strength: see rollouts."""
    return figures(domain, rollouts(domain, prior, policy, learner, n, seed, primer, strength), weights, c)


def figures(domain: Domain, drawn: Iterable[Rollout], weights: Mapping[str, float], c: float) -> dict[str, Any]:
    """Over all sequences drawn: reward (weighted sum), kl and j (nats per sequence; exact KL at each step),
    entropy (nats per token), distinct (share), and the domain's metrics.
    """
    domain.set_active_terms(weights)
    vector = torch.tensor(weight_vector(domain.terms, weights), dtype=torch.float64)
    tokens, lengths = [], []
    reward = kl = entropy = steps = 0.0
    for rollout in drawn:
        per_sequence_kl, per_sequence_entropy = divergence(rollout)
        terms = domain.score(rollout.tokens, rollout.lengths).double() * rollout.mask.unsqueeze(-1)
        reward += (terms.sum(1) @ vector.to(terms.device)).sum().item()
        kl += per_sequence_kl.sum().item()
        entropy += per_sequence_entropy.sum().item()
        steps += rollout.lengths.sum().item()
        tokens.append(rollout.tokens)
        lengths.append(rollout.lengths)
    whole = torch.cat(tokens)
    n = len(whole)
    return {
        "reward": reward / n,
        "kl": kl / n,
        "entropy": entropy / steps,
        "j": reward / n / c - kl / n,
        "distinct": distinct(whole),
        "metrics": domain.metrics(whole, torch.cat(lengths)),
    }
