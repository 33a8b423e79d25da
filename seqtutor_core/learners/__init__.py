"""The learners by name. Each file shows one equation, its source and its shapes."""

from torch import Tensor, nn

from seqtutor_core.learners.g import G
from seqtutor_core.learners.psi import Psi
from seqtutor_core.learners.q import Q
from seqtutor_core.learners.targets import Learner, returns
from seqtutor_core.network import Output
from seqtutor_core.replay import Batch
from seqtutor_core.rollout import taken

LEARNERS: dict[str, Learner] = {learner.name: learner for learner in (Q(), Psi(), G())}


def loss(
    learner: Learner, online: Output, after: Output, batch: Batch, gamma: float, trace: float, raw: bool
) -> Tensor:
    """Sum over steps of the Huber distance between the taken actions' values and their targets.

    Nothing flows into targets or prior.
    `after` is the target network's output on the same batch. Huber, since a reward of -100 divided by a small c
    would otherwise drown everything else.
    """
    values = taken(learner.values(online, batch.log_prior, raw).action, batch.tokens)
    target = learner.values(Output(after.logits.detach(), after.value.detach()), batch.log_prior, raw)
    y = returns(learner.gain(batch), target, taken(target.action, batch.tokens), gamma, trace, batch.mask)
    distance = nn.functional.huber_loss(values, y, reduction="none", delta=HUBER)
    return (distance * batch.mask).sum()


HUBER = 10.0  # nats; errors beyond it count linearly
