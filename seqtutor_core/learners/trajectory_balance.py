"""Trajectory balance (Malkin et al. 2022), log Z being the batch's mean (Richter et al. 2020; Zhang et al. 2023).

    w(x) = log p(x) + R(x)/c - log pi(x)        loss = mean (w - mean w)^2 / 2, the mean of w held fixed

At the optimum pi(x) = p(x) exp(R(x)/c) / Z, w is log Z for every sequence x, whoever sampled it: so replay serves as
well as the newest rollout. On the policy's own sequences the gradient is that of -J, times 1 - 1/B. The network gives
a correction to the prior, pi = p exp(logits): J rises sooner, for less KL, than from a copy of the prior.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from seqtutor_core.errors import SettingError
from seqtutor_core.learners.base import BATCH_TO_COMPARE, HUBER, LARGEST_BATCH, FromPrior, Learner, ReplaySettings
from seqtutor_core.network import Output
from seqtutor_core.replay import Batch
from seqtutor_core.rollout import gather_actions
from seqtutor_core.rules import check, flag, whole


@dataclass(frozen=True)
class TrajectoryBalanceSettings(ReplaySettings):
    """What trajectory balance lets you set."""

    learning_rate: float = 8e-3
    """Twice what values learn with: after 80 updates on melodies at c = 4, J is 14.1 instead of 13.4; after 40 s on
    molecules at c = 1, 49.1 instead of 48.4."""

    memory: int = 0
    """How many of the best sequences so far updates draw from, by rank; 0: from the latest ones, as they come."""
    rewrite: bool = False
    """Write each sequence anew, where there are several ways, whenever it is drawn from that memory."""
    children: int = 0
    """Sequences that crossover and mutation of the best propose beside the first rollouts, later more or fewer of both
    by what they found; with a memory only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, memory=whole(0, LARGEST_BATCH), rewrite=flag, children=whole(0, LARGEST_BATCH))
        if not self.memory and (self.rewrite or self.children):
            raise SettingError("rewrite and children are for a memory of the best; give it a size, such as memory=200")
        check(self, batch=BATCH_TO_COMPARE, minibatch=BATCH_TO_COMPARE)


class TrajectoryBalance(FromPrior, Learner[TrajectoryBalanceSettings]):
    """See the module's equation. All sequences must begin alike, for log Z depends on the primer."""

    name = "trajectory_balance"
    on_policy = False
    presets: Mapping[str, TrajectoryBalanceSettings] = {
        "default": TrajectoryBalanceSettings(),
        "expensive": TrajectoryBalanceSettings(
            learning_rate=6e-3, batch=64, minibatch=64, updates=8, clip=1.0, memory=200, rewrite=True, children=16
        ),
    }

    def loss(self, online: Output, target_output: Output, batch: Batch, settings: TrajectoryBalanceSettings) -> Tensor:
        """Return the Huber distance of log w from the batch's mean log Z, summed over sequences.

        Arguments: as in Learner.loss.
        """
        log_ratio = gather_actions(batch.log_prior - self.log_policy(online, batch.log_prior), batch.tokens)  # (B, T)
        w = ((log_ratio + batch.reward) * batch.mask).sum(1)  # (B,)
        log_z = w.detach().mean().expand_as(w)
        return nn.functional.huber_loss(w, log_z, reduction="sum", delta=HUBER)
