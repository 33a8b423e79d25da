"""What the learners share: the protocol; and for Q, Psi and G, the target of a whole sequence and the loss."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.replay import Batch
from seqtutor_core.rollout import gather_actions

HUBER = 10.0  # nats; errors beyond it count linearly: a reward of -100 divided by a small c would drown all else


class Rule(Protocol):
    """What Q, Psi and G are told about targets; config.LearnerSettings says what each means."""

    @property
    def gamma(self) -> float: ...
    @property
    def trace(self) -> float: ...
    @property
    def raw(self) -> bool: ...


class Learner(Protocol):
    """The rule that turns sequences into a loss, and the policy's log-probabilities."""

    name: str
    on_policy: bool
    """Whether it learns from the newest rollout alone, else from replay as well."""

    def start(self, network: RecurrentNetwork, published: bool) -> None:
        """Turn a copy of the prior into the first policy."""

    def log_policy(self, output: Output, log_prior: Tensor) -> Tensor:
        """log pi (..., V)."""

    def loss(self, online: Output, after: Output, batch: Batch, rule: Rule) -> Tensor:
        """Summed over the batch's steps, or sequences; nothing flows into the prior.

        `after` is the target network's output on the same batch, or the online one's where there is none.
        """


Loss = Callable[[Output, Output, Batch, Rule], Tensor]
"""What `Learner.loss` is."""


class FromPrior:
    """The network gives a correction to the prior: pi = p exp(logits), normalised."""

    def start(self, network: RecurrentNetwork, published: bool) -> None:
        """Zero the output layer, so that pi starts as p; as published (G) it keeps the prior's, p squared."""
        if not published:
            nn.init.zeros_(network.policy.weight)
            nn.init.zeros_(network.policy.bias)

    def log_policy(self, output: Output, log_prior: Tensor) -> Tensor:
        return (log_prior + output.logits).log_softmax(-1)


class Values(NamedTuple):
    """Action values Q, Psi or G and the state value that bootstraps from them."""

    action: Tensor  # (B, T, V)
    state: Tensor  # (B, T)


class Bellman(Learner, ABC):
    """Learns values by their own Bellman equation: Q, Psi, G."""

    on_policy = False

    @abstractmethod
    def values(self, output: Output, log_prior: Tensor, raw: bool) -> Values:
        """Values from the network's output: raw logits, or a value head plus log-probabilities."""

    @abstractmethod
    def gain(self, batch: Batch) -> Tensor:
        """What the taken step itself pays, (B, T)."""

    def loss(self, online: Output, after: Output, batch: Batch, rule: Rule) -> Tensor:
        """Huber distance between the taken actions' values and their targets, into which nothing flows."""
        values = gather_actions(self.values(online, batch.log_prior, rule.raw).action, batch.tokens)
        target = self.values(Output(after.logits.detach(), after.value.detach()), batch.log_prior, rule.raw)
        y = returns(
            self.gain(batch), target, gather_actions(target.action, batch.tokens), rule.gamma, rule.trace, batch.mask
        )
        distance = nn.functional.huber_loss(values, y, reduction="none", delta=HUBER)
        return (distance * batch.mask).sum()


def returns(gain: Tensor, after: Values, taken: Tensor, gamma: float, trace: float, mask: Tensor) -> Tensor:
    """Targets (B, T) by backward recursion: y_t = u_t + gamma (V(s_t+1) + trace (y_t+1 - A(s_t+1, a_t+1))).

    trace 0 is the one-step target of the paper; for softmax policies trace 1 is path consistency
    (Nachum et al. 2017): A - V = log pi, so every path, whoever sampled it, gives the same fixed point.
    Beyond the last step the value is 0.
    """
    beyond = torch.zeros_like(gain[:, 0])
    targets = []
    for t in range(gain.shape[1] - 1, -1, -1):
        y = gain[:, t] + gamma * beyond
        targets.append(y)
        beyond = mask[:, t] * (after.state[:, t] + trace * (y - taken[:, t]))
    return torch.stack(targets[::-1], 1)
