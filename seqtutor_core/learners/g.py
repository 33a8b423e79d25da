"""G-learning (Fox et al. 2016; Jaques et al. 2017, eq. 9).

    G(s, a) = r(s, a)/c + gamma logsumexp_a' [log p(a'|s') + G(s', a')]        pi = p exp(G), normalised

Identity: Psi = log p + G. Values with a head: G = V + log pi - log p with log pi = log-softmax(log p + logits),
so the network learns a correction to the prior.
"""

from torch import Tensor

from seqtutor_core.learners.targets import Bellman, FromPrior, Values
from seqtutor_core.network import Output
from seqtutor_core.replay import Batch


class G(FromPrior, Bellman):
    """See the module's equation."""

    name = "g"

    def values(self, output: Output, log_prior: Tensor, raw: bool) -> Values:
        headed = output.value.unsqueeze(-1) + self.log_policy(output, log_prior) - log_prior
        g = output.logits if raw else headed
        return Values(g, (log_prior + g).logsumexp(-1))

    def gain(self, batch: Batch) -> Tensor:
        return batch.reward
