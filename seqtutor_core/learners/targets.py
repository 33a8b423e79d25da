"""What the learners share: the protocol, and the target of a whole sequence."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.replay import Batch


class Values(NamedTuple):
    """Action values Q, Psi or G and the state value that bootstraps from them."""

    action: Tensor  # (B, T, V)
    state: Tensor  # (B, T)


class Learner(Protocol):
    """The rule that gives values and targets, and the policy's log-probabilities."""

    name: str

    def start(self, network: RecurrentNetwork, published: bool) -> None:
        """Turn a copy of the prior into the first policy."""

    def log_policy(self, output: Output, log_prior: Tensor) -> Tensor:
        """log pi (..., V)."""

    def values(self, output: Output, log_prior: Tensor, raw: bool) -> Values:
        """Values from the network's output: raw logits, or a value head plus log-probabilities."""

    def gain(self, batch: Batch) -> Tensor:
        """What the taken step itself pays, (B, T)."""


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
