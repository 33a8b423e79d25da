"""Sampling whole sequences from a policy, step by step, with prior and policy log-probabilities on the way."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from seqtutor_core.domains import Domain
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
    def together(parts: "list[Rollout]") -> "Rollout":
        """Several rollouts as one."""
        return Rollout(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Rollout)))


def taken(values: Tensor, tokens: Tensor) -> Tensor:
    """values (B, T, V) of the tokens that were taken (B, T)."""
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
        primer = torch.tensor(domain.primer, dtype=torch.long, device=device).expand(batch, -1)
    start = primer.shape[1]
    padding = 0 if domain.end is None else domain.end
    whole = torch.full((batch, start + domain.length), padding, dtype=torch.long, device=device)
    whole[:, :start] = primer
    steppers = [Stepper(network, batch) for network in (prior, policy) if network is not None]
    log_prior = torch.zeros(batch, domain.length, size, device=device)  # zeros: steps that a sequence does not reach
    log_pi = log_prior if policy is None else torch.zeros_like(log_prior)
    lengths = torch.full((batch,), domain.length, device=device)
    alive = torch.arange(batch, device=device)  # rows that have not ended

    for t in range(start + domain.length):
        features = prior.features(whole[alive], domain.period, t, t + 1, origin=start)
        outputs = [stepper.step(features) for stepper in steppers]
        if t < start:
            continue
        step = t - start
        here = log_prior[alive, step] = outputs[0].logits.log_softmax(-1)  # (alive, V)
        if policy is not None and log_policy is not None:
            here = log_pi[alive, step] = log_policy(outputs[1], here)
        actions = _act(here, generator, epsilon)
        whole[alive, t] = actions
        if domain.end is not None and bool((ended := actions == domain.end).any()):
            lengths[alive[ended]] = step + 1
            alive = alive[~ended]
            for stepper in steppers:
                stepper.pick(~ended)
            if not len(alive):
                break
    return Rollout(whole[:, start:], lengths, log_prior, log_pi, primer)


def _act(log_pi: Tensor, generator: torch.Generator, epsilon: float | None) -> Tensor:
    """One action for each row of log pi (B, V)."""
    if epsilon is None:  # where a uniform number falls in the cumulated probabilities; faster than multinomial
        cumulated = log_pi.exp().cumsum(-1)
        number = torch.rand(len(log_pi), 1, generator=generator, device=log_pi.device) * cumulated[:, -1:]
        return (cumulated <= number).sum(-1).clamp(max=log_pi.shape[1] - 1)
    random = torch.randint(log_pi.shape[1], (len(log_pi),), generator=generator, device=log_pi.device)
    explore = torch.rand(len(log_pi), generator=generator, device=log_pi.device) < epsilon
    return torch.where(explore, random, log_pi.argmax(-1))
