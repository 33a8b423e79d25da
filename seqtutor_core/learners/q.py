"""Q-learning with the log-prior as a reward (Jaques et al. 2017, eq. 5).

    Q(s, a) = log p(a|s) + r(s, a)/c + gamma max_a' Q(s', a')        pi = softmax(Q), or argmax

Values with a head: Q = V + log pi, so that the state's worth and the preference among actions learn apart.
"""

from torch import Tensor

from seqtutor_core.learners.targets import Bellman, Values
from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.replay import Batch
from seqtutor_core.rollout import gather_actions


class Q(Bellman):
    """See the module's equation."""

    name = "q"

    def start(self, network: RecurrentNetwork, published: bool) -> None:
        """The copy of the prior is the first policy already."""

    def log_policy(self, output: Output, log_prior: Tensor) -> Tensor:
        return output.logits.log_softmax(-1)

    def values(self, output: Output, log_prior: Tensor, raw: bool) -> Values:
        q = output.logits if raw else output.value.unsqueeze(-1) + output.logits.log_softmax(-1)
        return Values(q, q.amax(-1))

    def gain(self, batch: Batch) -> Tensor:
        return gather_actions(batch.log_prior, batch.tokens) + batch.reward
