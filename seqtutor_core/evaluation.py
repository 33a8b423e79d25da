"""Every reported figure of a policy, defined once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from seqtutor_core.domains import Domain
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.rollout import Rollout, distinct, divergence

CHUNK = 1024  # sequences sampled at a time


def rollouts(policy: Policy, n: int, seed: int = 0, primer: Sequence[int] | None = ()) -> Iterator[Rollout]:
    """Yield n sequences of a policy in chunks. Same seed, same sequences.

    primer: as in Policy.sample; None: one random note before each sequence.
    """
    generator = torch.Generator(policy.device).manual_seed(seed)
    for done in range(0, n, CHUNK):
        size = min(CHUNK, n - done)
        yield policy.sample(size, generator, policy.space.random_primer(size, generator) if primer is None else primer)


def term_sums(domain: Domain, rollout: Rollout) -> Tensor:
    """Return each unweighted term, summed over each of a rollout's sequences (B, K)."""
    return (domain.score(rollout.tokens, rollout.lengths) * rollout.mask.unsqueeze(-1)).sum(1)


def evaluate(
    policy: Policy, objective: Objective, n: int, seed: int = 0, primer: Sequence[int] | None = ()
) -> dict[str, Any]:
    """Return the `figures` of n sequences of a policy under an objective. seed, primer: as in `rollouts`."""
    return figures(objective, rollouts(policy, n, seed, primer))


def figures(objective: Objective, sampled: Iterable[Rollout]) -> dict[str, Any]:
    """Return figures over all sequences sampled.

    reward (weighted sum), kl and j (nats per sequence; KL is exact at each step), entropy (nats per token), distinct
    (share), and the domain's metrics.
    """
    domain = objective.domain
    domain.set_active_terms(objective.weights)
    tokens, lengths = [], []
    reward = kl = entropy = steps = 0.0
    for rollout in sampled:
        per_sequence_kl, per_sequence_entropy = divergence(rollout)
        terms = domain.score(rollout.tokens, rollout.lengths).double() * rollout.mask.unsqueeze(-1)
        reward += objective.reward(terms.sum(1)).sum().item()
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
        "j": objective.j(reward / n, kl / n),
        "distinct": distinct(whole),
        "metrics": domain.metrics(whole, torch.cat(lengths)),
    }
