"""Psi-learning (Rawlik et al. 2012; Jaques et al. 2017).

    Psi(s, a) = log p(a|s) + r(s, a)/c + gamma logsumexp_a' Psi(s', a')        pi = softmax(Psi)

Values with a head: Psi = V + log pi, whose logsumexp over actions is V itself.
"""

from collections.abc import Mapping

from torch import Tensor

from seqtutor_core.learners.base import PAPER, ValueLearner, ValueSettings
from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.replay import Batch
from seqtutor_core.rollout import gather_actions


class Psi(ValueLearner[ValueSettings]):
    """See the module's equation."""

    name = "psi"
    presets: Mapping[str, ValueSettings] = {"default": ValueSettings(), "paper": ValueSettings(**PAPER)}

    def start(self, network: RecurrentNetwork, settings: ValueSettings) -> None:
        """Change nothing: the copy of the prior is the first policy already."""

    def log_policy(self, output: Output, log_prior: Tensor) -> Tensor:
        """Return log pi (..., V)."""
        return output.logits.log_softmax(-1)

    def action_values(self, output: Output, log_prior: Tensor, from_logits: bool) -> Tensor:
        """Return Psi (B, T, V)."""
        return output.logits if from_logits else output.value.unsqueeze(-1) + output.logits.log_softmax(-1)

    def state_values(self, action_values: Tensor, log_prior: Tensor) -> Tensor:
        """Return logsumexp of Psi over actions (B, T)."""
        return action_values.logsumexp(-1)

    def augmented_reward(self, batch: Batch) -> Tensor:
        """Return log p(a|s) + r/c, (B, T)."""
        return gather_actions(batch.log_prior, batch.tokens) + batch.reward
