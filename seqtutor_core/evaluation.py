"""Every reported figure of a policy, defined once."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from seqtutor_core.domains import Domain, weight_vector
from seqtutor_core.learners import LEARNERS
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.rollout import Rollout, beginning, distinct, divergence, sample

CHUNK = 1024  # sequences sampled at a time


def rollouts(
    domain: Domain,
    prior: RecurrentNetwork,
    policy: RecurrentNetwork | None,
    learner: str | None,
    n: int,
    seed: int,
    primer: tuple[int, ...] | None = (),
) -> Iterator[Rollout]:
    """n sequences in chunks, from the policy or, without one, from the prior; primer None: one random note each."""
    generator = torch.Generator(prior.device).manual_seed(seed)
    log_policy = LEARNERS[learner].log_policy if learner else None
    for done in range(0, n, CHUNK):
        size = min(CHUNK, n - done)
        before = (
            domain.random_primer(size, generator) if primer is None else beginning(domain, size, prior.device, primer)
        )
        yield sample(domain, prior, size, generator, policy, log_policy, before)


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
) -> dict[str, Any]:
    """Over n sampled sequences: reward (weighted sum), kl and j (nats per sequence; exact KL at each step),
    entropy (nats per token), distinct (share), and the domain's metrics. policy None: the prior itself.
    """
    domain.attend(weights)
    vector = torch.tensor(weight_vector(domain.terms, weights), dtype=torch.float64, device=prior.device)
    tokens, lengths = [], []
    reward = kl = entropy = steps = 0.0
    for rollout in rollouts(domain, prior, policy, learner, n, seed, primer):
        per_sequence_kl, per_sequence_entropy = divergence(rollout)
        terms = domain.score(rollout.tokens, rollout.lengths).double() * rollout.mask.unsqueeze(-1)
        reward += (terms.sum(1) @ vector).sum().item()
        kl += per_sequence_kl.sum().item()
        entropy += per_sequence_entropy.sum().item()
        steps += rollout.lengths.sum().item()
        tokens.append(rollout.tokens)
        lengths.append(rollout.lengths)
    whole = torch.cat(tokens)
    return {
        "reward": reward / n,
        "kl": kl / n,
        "entropy": entropy / steps,
        "j": reward / n / c - kl / n,
        "distinct": distinct(whole),
        "metrics": domain.metrics(whole, torch.cat(lengths)),
    }
