"""Sampling whole sequences from a policy, step by step, with prior and policy log-probabilities on the way."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from seqtutor_core.domains import Domain
from seqtutor_core.features import InputFeatures
from seqtutor_core.network import Output, RecurrentNetwork, Stepper

LogPolicy = Callable[[Output, Tensor], Tensor]
"""From the policy network's output and log p (..., V) to log pi (..., V)."""


@dataclass(frozen=True)
class Rollout:
    """B sampled sequences; steps from `lengths` on are padding."""

    tokens: Tensor  # (B, T)
    lengths: Tensor  # (B,)
    log_prior: Tensor  # (B, T, V)
    log_policy: Tensor  # (B, T, V)
    primer: Tensor  # (B, P), before the sequence, not part of it

    @property
    def mask(self) -> Tensor:
        """Whether a step belongs to its sequence, (B, T)."""
        return torch.arange(self.tokens.shape[1], device=self.tokens.device) < self.lengths.unsqueeze(1)

    @staticmethod
    def concat(parts: "Sequence[Rollout]") -> "Rollout":
        """Return several rollouts as one."""
        return Rollout(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Rollout)))


def tempered(log_policy: LogPolicy, strength: float) -> LogPolicy:
    """log pi between prior and policy, (1 - s) log p + s log pi, normalised: s 0 the prior, 1 the policy, above: more.

    Along it reward is traded for KL without training (geometric mixture; Liu et al. 2024, decoding-time realignment).
    """
    return lambda output, log_prior: torch.lerp(log_prior, log_policy(output, log_prior), strength).log_softmax(-1)


def mixed(log_policy: LogPolicy, share: float) -> LogPolicy:
    """log of the mixture (1 - share) p + share pi at each step: a proposal that misses nothing the prior writes."""

    def log_mixture(output: Output, log_prior: Tensor) -> Tensor:
        log_pi = log_policy(output, log_prior)
        return torch.logaddexp(log_prior + math.log1p(-share), log_pi + math.log(share))

    return log_mixture


def gather_actions(values: Tensor, tokens: Tensor) -> Tensor:
    """Return the values (...) of the chosen tokens (...) among those of all tokens (..., V)."""
    return values.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


@torch.no_grad()
def sample(
    domain: Domain,
    prior: RecurrentNetwork,
    batch: int,
    generator: torch.Generator,
    policy: RecurrentNetwork | None = None,
    log_policy: LogPolicy | None = None,
    primer: Tensor | None = None,
    epsilon: float | None = None,
) -> Rollout:
    """Sample `batch` sequences from the policy, or from the prior when none is given.

    primer (B, P) is seen but not counted; None: the domain's. With epsilon the action is the likeliest one, or with
    that chance a random one; without it the action is sampled. The generator lives on the networks' device.
    """
    device, size = prior.device, len(domain.vocabulary)
    if primer is None:
        primer = beginning(domain, batch, device)
    start = primer.shape[1]
    padding = 0 if domain.end is None else domain.end
    whole = torch.full((batch, start + domain.length), padding, dtype=torch.long, device=device)
    whole[:, :start] = primer
    seen = InputFeatures.select(domain.features, prior.settings.inputs).begin(primer, domain.length)
    steppers = [Stepper(network, batch) for network in (prior, policy) if network is not None]
    log_prior = torch.zeros(batch, domain.length, size, device=device)  # zeros: steps that a sequence does not reach
    log_pi = log_prior if policy is None else torch.zeros_like(log_prior)
    lengths = torch.full((batch,), domain.length, device=device)
    alive = torch.arange(batch, device=device)  # rows that have not ended

    for t in range(start + domain.length):
        ids = seen.ids()
        outputs = [stepper.step(ids) for stepper in steppers]
        if t < start:
            seen.append(primer[:, t])
            continue
        step = t - start
        here = log_prior[alive, step] = outputs[0].logits.log_softmax(-1)  # (alive, V)
        if policy is not None and log_policy is not None:
            here = log_pi[alive, step] = log_policy(outputs[1], here)
        actions = act(here, generator) if epsilon is None else _explore(here, generator, epsilon)
        whole[alive, t] = actions
        seen.append(actions)
        if domain.end is not None and bool((ended := actions == domain.end).any()):
            lengths[alive[ended]] = step + 1
            alive = alive[~ended]
            seen.keep(~ended)
            for stepper in steppers:
                stepper.pick(~ended)
            if not len(alive):
                break
    return Rollout(whole[:, start:], lengths, log_prior, log_pi, primer)


def beginning(domain: Domain, batch: int, device: torch.device, primer: tuple[int, ...] = ()) -> Tensor:
    """The primer, or without one the domain's, before each of `batch` sequences, (B, P); TokenError for a wrong one."""
    tokens = domain.vocabulary.check(primer or domain.primer)
    return torch.tensor(tokens, dtype=torch.long, device=device).expand(batch, -1)


def act(log_pi: Tensor, generator: torch.Generator) -> Tensor:
    """One action (B,) sampled for each row of log pi (B, V)."""
    cumulated = log_pi.exp().cumsum(-1)  # where a uniform number falls in it; faster than multinomial
    number = torch.rand(len(log_pi), 1, generator=generator, device=log_pi.device) * cumulated[:, -1:]
    return (cumulated <= number).sum(-1).clamp(max=log_pi.shape[1] - 1)


def _explore(log_pi: Tensor, generator: torch.Generator, epsilon: float) -> Tensor:
    """The likeliest action of each row or, with chance epsilon, any."""
    random = torch.randint(log_pi.shape[1], (len(log_pi),), generator=generator, device=log_pi.device)
    explore = torch.rand(len(log_pi), generator=generator, device=log_pi.device) < epsilon
    return torch.where(explore, random, log_pi.argmax(-1))


def divergence(rollout: Rollout) -> tuple[Tensor, Tensor]:
    """KL(pi || p) and the policy's entropy in nats, exact over the vocabulary and summed over steps; (B,) each."""
    pi = rollout.log_policy.exp()
    kl = (pi * (rollout.log_policy - rollout.log_prior)).sum(-1)
    entropy = -(pi * rollout.log_policy).sum(-1)
    mask = rollout.mask
    return torch.where(mask, kl, 0.0).sum(1), torch.where(mask, entropy, 0.0).sum(1)


def distinct(tokens: Tensor) -> float:
    """The share of sequences (B, T) that differ from all others before them."""
    return len(torch.unique(tokens, dim=0)) / len(tokens)
