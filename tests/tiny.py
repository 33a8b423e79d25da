"""A task small enough to solve exactly: 3 tokens, 4 steps, 81 sequences."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import torch
from torch import Tensor

from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import BaseDomain, RewardTerm
from seqtutor_core.features import Clock, InputFeature, InputFeatures, LastToken
from seqtutor_core.learners import LEARNERS
from seqtutor_core.network import NetworkSettings, Output, RecurrentNetwork
from seqtutor_core.tuning import Tuner
from seqtutor_core.vocabulary import Vocabulary

FEATURES: Mapping[str, InputFeature] = {"token": LastToken(3), "clock": Clock(3, 4)}


class Tiny(BaseDomain):
    """Rewards depend on the step, the last token and this one; see seqtutor_core.domains.Domain."""

    name = "tiny"
    vocabulary = Vocabulary(["a", "b", "c"])
    length = 4
    features = FEATURES
    terms: tuple[RewardTerm, ...] = (
        RewardTerm("rise", "Rise", "One", "A larger token than the last.", 1.0, 5.0, "points", (-2.0, 2.0)),
        RewardTerm("close", "Close", "One", "End on the first token.", 1.0, 5.0, "points", (0.0, 3.0)),
    )

    paper_weights: Mapping[str, float] = dict.fromkeys(("rise", "close"), 2.0)

    def score(self, tokens: Tensor, lengths: Tensor | None = None, only: object = None) -> Tensor:
        rise = torch.diff(tokens, dim=1, prepend=tokens[:, :1]).sign().double()
        close = torch.zeros_like(rise)
        if tokens.shape[1] == self.length:
            close[:, -1] = 3.0 * (tokens[:, -1] == 0)
        return torch.stack([rise, close], -1)

    def metrics(self, tokens: Tensor, lengths: Tensor | None = None) -> dict[str, float | None]:
        return {"first": (tokens[:, 0] == 0).double().mean().item()}


def tiny_prior(hidden: int = 24) -> RecurrentNetwork:
    """An untrained network with opinions: p(a|s) is far from uniform."""
    torch.manual_seed(5)
    network = RecurrentNetwork(NetworkSettings(3, hidden=hidden, embedding=8, inputs=InputFeatures(FEATURES).sizes))
    torch.nn.init.normal_(network.policy.weight, std=1.5)
    return network.eval()


def fitting(learner: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that a learner has."""
    return {name: value for name, value in settings.items() if name in vars(LEARNERS[learner].presets["default"])}


def outputs(network: RecurrentNetwork, tokens: Tensor, primer: Tensor | None = None, space: Any = Tiny) -> Output:
    """What a network says of sequences (B, T) after a primer (B, P): of the tiny task, or of another domain's."""
    features = InputFeatures.select(space.features, network.settings.inputs)
    return network(features.sequence_ids(tokens, primer), 0 if primer is None else primer.shape[1])


def tiny_tuner(learner: str, updates: int, weights: dict[str, float], c: float = 1.0, **overrides: Any) -> Tuner:
    """A tuning job on the tiny task."""
    small = {"batch": 64, "minibatch": 64, "replay_steps": 4096, "learning_rate": 5e-3} | overrides
    small = fitting(learner, small)
    config = TuningConfig("tiny", "tiny", learner, "default", weights, c, updates=updates, overrides=small)
    return Tuner(config, Tiny(), tiny_prior())


def all_sequences() -> Tensor:
    """(81, 4)."""
    return torch.tensor(list(product(range(3), repeat=4)))


@torch.no_grad()
def log_probabilities(tuner: Tuner) -> tuple[Tensor, Tensor]:
    """log p(x) and log pi(x) of every sequence, (81,) each."""
    x = all_sequences()
    log_prior = outputs(tuner.prior, x).logits.log_softmax(-1)
    log_pi = tuner.learner.log_policy(outputs(tuner.network, x), log_prior)
    return tuple(v.gather(-1, x.unsqueeze(-1)).sum((1, 2)).double() for v in (log_prior, log_pi))  # type: ignore[return-value]
