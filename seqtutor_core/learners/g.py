"""G-learning (Fox et al. 2016; Jaques et al. 2017).

    G(s, a) = r(s, a)/c + gamma logsumexp_a' [log p(a'|s') + G(s', a')]        pi = p exp(G), normalised

Identity: Psi = log p + G. Values with a head: G = V + log pi - log p with log pi = log-softmax(log p + logits),
so the network learns a correction to the prior.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from seqtutor_core.learners.base import PAPER, FromPrior, ValueLearner, ValueSettings
from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.replay import Batch
from seqtutor_core.rules import check, flag


@dataclass(frozen=True)
class GSettings(ValueSettings):
    """What G lets you set."""

    published_start: bool = False
    """Begin as the prior squared, as published."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, published_start=flag)


class G(FromPrior, ValueLearner[GSettings]):
    """See the module's equation."""

    name = "g"
    presets: Mapping[str, GSettings] = {"default": GSettings(), "paper": GSettings(**PAPER, published_start=True)}

    def start(self, network: RecurrentNetwork, settings: GSettings) -> None:
        """Start pi as p; as published the output layer stays the prior's, and pi starts as p squared, normalised."""
        if not settings.published_start:
            super().start(network, settings)

    def action_values(self, output: Output, log_prior: Tensor, from_logits: bool) -> Tensor:
        """Return G (B, T, V)."""
        if from_logits:
            return output.logits
        return output.value.unsqueeze(-1) + self.log_policy(output, log_prior) - log_prior

    def state_values(self, action_values: Tensor, log_prior: Tensor) -> Tensor:
        """Return logsumexp of log p + G over actions (B, T)."""
        return (log_prior + action_values).logsumexp(-1)

    def augmented_reward(self, batch: Batch) -> Tensor:
        """Return r/c, (B, T)."""
        return batch.reward
