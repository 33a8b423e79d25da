"""A policy pi(a|s): what its prior, its network and the learner's reading of that network say about the next token.

Shapes: B batch, T time, P primer, V vocabulary.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqtutor_core.domains.base import TokenSpace
from seqtutor_core.errors import SettingError
from seqtutor_core.features import InputFeatures
from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.rollout import Rollout, gather_actions, sequence_mask
from seqtutor_core.stepper import Stepper

MAX_STRENGTH = 1.5  # of an interpolation; beyond it sequences soon fall apart

LogPolicy = Callable[[Output, Tensor], Tensor]
"""From the policy network's output and log p (..., V) to log pi (..., V): what a learner's `log_policy` is."""


@dataclass(frozen=True)
class Policy:
    """A distribution over sequences: the prior's own, or that of a network tuned from it."""

    space: TokenSpace
    """What sequences are made of, how they begin and end: a domain."""
    prior: RecurrentNetwork
    network: RecurrentNetwork | None = None
    """None: the policy is the prior."""
    log_policy: LogPolicy | None = None
    """Reads log pi off the network's output: the `log_policy` of the learner that tuned it. None for the prior."""

    def __post_init__(self) -> None:
        if (self.network is None) != (self.log_policy is None):
            raise ValueError("a tuned policy needs its network and its learner's log_policy; the prior has neither")

    @property
    def device(self) -> torch.device:
        return self.prior.device

    @property
    def features(self) -> InputFeatures:
        """What the networks see of a sequence; PriorError when the space does not offer it."""
        return InputFeatures.select(self.space.features, self.prior.settings.inputs)

    # ------------------------------------------------------------ policies between prior and network

    def interpolate(self, strength: float) -> "Policy":
        """Return the geometric mixture p^(1 - s) pi^s, normalised at each step; SettingError outside 0 to 1.5.

        Strength 0 is the prior, 1 the policy, above: further in the same direction. Along it reward is traded for KL
        without training (Liu et al. 2024, decoding-time realignment).
        """
        check_strength(strength)
        if self.log_policy is None or strength == 1:
            return self
        return replace(self, log_policy=geometric_mixture(self.log_policy, strength))

    def mixture(self, share: float) -> "Policy":
        """Return the mixture (1 - share) p + share pi at each step: a defensive proposal, whose support is the prior's.

        share: above 0 and below 1.
        """
        return self if self.log_policy is None else replace(self, log_policy=mixture(self.log_policy, share))

    # ------------------------------------------------------------ sequences

    def primer_tokens(self, n: int, primer: Tensor | Sequence[int] = ()) -> Tensor:
        """Return what comes before each of n sequences, (n, P): the tokens given, or else the domain's own.

        TokenError for tokens that the vocabulary does not have. A tensor (n, P) is returned as it is.
        """
        if isinstance(primer, Tensor):
            return primer
        tokens = self.space.vocabulary.check(primer or self.space.primer)
        return torch.tensor(tokens, dtype=torch.long, device=self.device).expand(n, -1)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        generator: torch.Generator,
        primer: Tensor | Sequence[int] = (),
        epsilon: float | None = None,
    ) -> Rollout:
        """Sample n sequences.

        generator: lives on the networks' device. primer: see primer_tokens. epsilon: if given, the action is the
        likeliest one or, with that chance, any; else it is sampled.
        """
        space, device = self.space, self.device
        decoder = Decoder(self, self.primer_tokens(n, primer))
        padding = 0 if space.end is None else space.end
        tokens = torch.full((n, space.length), padding, dtype=torch.long, device=device)
        # zeros: steps that a sequence does not reach
        log_prior = torch.zeros(n, space.length, len(space.vocabulary), device=device)
        log_pi = log_prior if self.network is None else torch.zeros_like(log_prior)
        lengths = torch.full((n,), space.length, device=device)
        alive: slice | Tensor = slice(None)  # rows that have not ended: all of them, until one does
        end = space.end if device.type == "cpu" else None  # a GPU would wait for the host after each token

        for t in range(space.length):
            log_p, here = decoder.next()  # (alive, V)
            log_prior[alive, t] = log_p
            if self.network is not None:
                log_pi[alive, t] = here
            actions = sample_actions(here, generator) if epsilon is None else _explore(here, generator, epsilon)
            tokens[alive, t] = actions
            decoder.append(actions)
            if end is not None and bool((ended := actions == end).any()):
                rows = torch.arange(n, device=device)[alive]
                lengths[rows[ended]] = t + 1
                alive = rows[~ended]
                if not len(alive):
                    break
                decoder.keep(~ended)
        rollout = Rollout(tokens, lengths, log_prior, log_pi, decoder.primer)
        return rollout if space.end is None or end is not None else rollout.until(space.end)

    @torch.no_grad()
    def log_prob(self, tokens: Tensor, lengths: Tensor | None = None, primer: Tensor | Sequence[int] = ()) -> Tensor:
        """Return log pi(x) of sequences (B, T), (B,) in nats, float64.

        lengths (B,): steps that belong to each sequence; None: all. primer: see primer_tokens.
        """
        before = self.primer_tokens(len(tokens), primer)
        ids, start = self.features.sequence_ids(tokens, before), before.shape[1]
        log_pi = self.prior(ids, start).logits.log_softmax(-1)  # (B, T, V)
        if self.network is not None and self.log_policy is not None:
            log_pi = self.log_policy(self.network(ids, start), log_pi)
        log_pi = gather_actions(log_pi, tokens).double()  # (B, T)
        if lengths is not None:
            log_pi = log_pi * sequence_mask(lengths, tokens.shape[1])
        return log_pi.sum(1)


class Decoder:
    """Reads a policy token by token, for a batch of growing sequences. No gradient, no dropout."""

    def __init__(self, policy: Policy, primer: Tensor) -> None:
        """Begin the sequences behind a primer (B, P)."""
        self.policy, self.primer = policy, primer
        self.tokens = primer.new_zeros(len(primer), primer.shape[1] + policy.space.length)  # (B, P + T)
        self.tokens[:, : primer.shape[1]] = primer
        self.step = 0
        networks = [network for network in (policy.prior, policy.network) if network is not None]
        self.stepper = Stepper(networks, len(primer))
        self.inputs = policy.features.begin(primer, policy.space.length)
        for t in range(primer.shape[1]):
            self._read()
            self.inputs.append(primer[:, t])
            self.step += 1

    def next(self) -> tuple[Tensor, Tensor]:
        """Return log p and log pi of the next token, (B, V) each."""
        outputs = self._read()
        log_p = outputs[0].logits.log_softmax(-1)
        return log_p, self.policy.log_policy(outputs[1], log_p) if self.policy.log_policy else log_p

    def append(self, tokens: Tensor) -> None:
        """Let each sequence go on with a token (B,)."""
        self.tokens[:, self.step] = tokens
        self.inputs.append(tokens)
        self.step += 1

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone, given by number, maybe several times, or by a mask (B,)."""
        rows = rows.nonzero().squeeze(1) if rows.dtype == torch.bool else rows  # each mask would be searched anew
        self.tokens = self.tokens[rows]
        self.inputs.keep(rows)
        self.stepper.pick(rows)

    @property
    def sequences(self) -> Tensor:
        """What was appended so far, without the primer, (B, steps)."""
        return self.tokens[:, self.primer.shape[1] : self.step]

    def _read(self) -> list[Output]:
        return self.stepper.step(self.inputs.ids())


# ---------------------------------------------------------------- functions of log-probabilities


def geometric_mixture(log_policy: LogPolicy, strength: float) -> LogPolicy:
    """Return (1 - s) log p + s log pi, normalised."""
    return lambda output, log_prior: torch.lerp(log_prior, log_policy(output, log_prior), strength).log_softmax(-1)


def mixture(log_policy: LogPolicy, share: float) -> LogPolicy:
    """Return log((1 - share) p + share pi)."""

    def log_mixture(output: Output, log_prior: Tensor) -> Tensor:
        log_pi = log_policy(output, log_prior)
        return torch.logaddexp(log_prior + math.log1p(-share), log_pi + math.log(share))

    return log_mixture


def check_strength(strength: float) -> None:
    """Raise SettingError unless a strength is from 0 to 1.5."""
    if not 0 <= strength <= MAX_STRENGTH:  # false for NaN, too
        raise SettingError(
            f"a tutor strength of {strength} is not possible; "
            f"choose from 0, which is the prior, over 1, the policy, to {MAX_STRENGTH:g}"
        )


def sample_actions(log_pi: Tensor, generator: torch.Generator) -> Tensor:
    """Return one action (B,) sampled for each row of log pi (B, V)."""
    cumulated = log_pi.exp().cumsum(-1).contiguous()  # where a uniform number falls in it; faster than multinomial
    number = torch.rand(len(log_pi), 1, generator=generator, device=log_pi.device) * cumulated[:, -1:]
    return torch.searchsorted(cumulated, number, right=True).squeeze(1).clamp(max=log_pi.shape[1] - 1)


def _explore(log_pi: Tensor, generator: torch.Generator, epsilon: float) -> Tensor:
    """Return the likeliest action of each row or, with chance epsilon, any."""
    random = torch.randint(log_pi.shape[1], (len(log_pi),), generator=generator, device=log_pi.device)
    explore = torch.rand(len(log_pi), generator=generator, device=log_pi.device) < epsilon
    return torch.where(explore, random, log_pi.argmax(-1))
