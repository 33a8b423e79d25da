"""Psi-learning (Rawlik et al. 2012; Jaques et al. 2017, eq. 7).

    Psi(s, a) = log p(a|s) + r(s, a)/c + gamma logsumexp_a' Psi(s', a')        pi = softmax(Psi)

Values with a head: Psi = V + log pi, whose logsumexp over actions is V itself.
"""

from torch import Tensor

from seqtutor_core.learners.targets import Bellman, Values
from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.replay import Batch
from seqtutor_core.rollout import gather_actions


class Psi(Bellman):
    """See the module's equation."""

    name = "psi"

    def start(self, network: RecurrentNetwork, published: bool) -> None:
        """The copy of the prior is the first policy already."""

    def log_policy(self, output: Output, log_prior: Tensor) -> Tensor:
        return output.logits.log_softmax(-1)

    def values(self, output: Output, log_prior: Tensor, raw: bool) -> Values:
        psi = output.logits if raw else output.value.unsqueeze(-1) + output.logits.log_softmax(-1)
        return Values(psi, psi.logsumexp(-1))

    def gain(self, batch: Batch) -> Tensor:
        return gather_actions(batch.log_prior, batch.tokens) + batch.reward
