"""What the learners share: the protocol, their settings, and the loss of those that learn values."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

from seqtutor_core.learners.returns import lambda_returns
from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.replay import Batch
from seqtutor_core.rollout import gather_actions
from seqtutor_core.rules import check, flag, number, whole

HUBER = 10.0  # nats; errors beyond it count linearly: a reward of -100 divided by a small c would drown all else

LARGEST_ANNEAL = 100.0
LARGEST_BATCH, LARGEST_REPLAY = 100_000, 100_000_000  # sequences, tokens
FRACTION, LEARNING_RATE = number(0, 1), number(1e-9, 1)  # a lower rate moves no float32
BATCH_TO_COMPARE = whole(2, LARGEST_BATCH)  # for learners that compare the sequences of a batch


# ---------------------------------------------------------------- settings


@dataclass(frozen=True)
class LearnerSettings:
    """What every learner lets you set. The properties say what one does that has no such setting."""

    learning_rate: float = 4e-3
    """At the start; it falls to a twentieth along the budget."""
    batch: int = 256
    """Sequences sampled at a time."""
    minibatch: int = 256
    """Sequences in an update from replay, half of them the newest; and in an update of a warm start."""
    anneal: float = 1.0
    """How many times higher than asked the learner's c begins; it falls to c over the first half of the budget."""
    clip: float = 0.3
    """Largest norm of the gradient."""
    bfloat16: bool = True
    """Run the LSTM of an update in bfloat16 where the processor has it: twice as fast for 128 units, and J the same."""

    def __post_init__(self) -> None:
        check(self, batch=whole(1, LARGEST_BATCH), minibatch=whole(1, LARGEST_BATCH), bfloat16=flag)
        check(self, learning_rate=LEARNING_RATE, anneal=number(1, LARGEST_ANNEAL), clip=number(1e-6, 1e6))

    @property
    def updates(self) -> int:
        """Each rollout is learned from once."""
        return 1

    @property
    def replay_steps(self) -> int:
        """Nothing is remembered but the newest rollout."""
        return 0

    @property
    def memory(self) -> int:
        """Nothing is learned from because it is among the best."""
        return 0

    @property
    def rewrite(self) -> bool:
        """Sequences are learned from as they were written."""
        return False

    @property
    def children(self) -> int:
        """Nothing but the policy proposes sequences."""
        return 0

    @property
    def target_rate(self) -> float:
        """Nothing bootstraps, so the target network is the online one."""
        return 1.0

    @property
    def random_primer(self) -> bool:
        """All sequences begin alike."""
        return False

    @property
    def argmax(self) -> bool:
        """Actions are sampled."""
        return False


@dataclass(frozen=True)
class ReplaySettings(LearnerSettings):
    """What a learner lets you set that learns from replay."""

    updates: int = 1
    """Updates after each rollout."""
    replay_steps: int = 131_072
    """Tokens the replay memory holds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, updates=whole(1, 1000), replay_steps=whole(1, LARGEST_REPLAY))


@dataclass(frozen=True)
class ValueSettings(ReplaySettings):
    """What a learner lets you set that learns values."""

    gamma: float = 1.0
    """Discount. Only 1 has the KL optimum as its fixed point."""
    lambda_: float = 0.95
    """How much of the sampled future a target uses: 0 one step, 1 all of it."""
    target_rate: float = 0.1
    """Share of the way the target network moves to the online one at each update; 1: they are the same."""
    values_from_logits: bool = False
    """Use raw outputs as values, as published, instead of a value head plus log-probabilities."""
    random_primer: bool = False
    """Begin each sequence after one random note that does not count, as published."""
    argmax: bool = False
    """Act by the likeliest action with falling exploration instead of sampling."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, gamma=FRACTION, lambda_=FRACTION, target_rate=FRACTION)
        check(self, values_from_logits=flag, random_primer=flag, argmax=flag)


PAPER: Mapping[str, Any] = {  # the preset `paper`: Jaques et al. 2017, and the authors' scripts
    "gamma": 0.5,
    "lambda_": 0.0,
    "target_rate": 0.01,
    "values_from_logits": True,
    "random_primer": True,
    "learning_rate": 1e-3,
    "batch": 32,
    "minibatch": 32,
    "replay_steps": 100_000,
    "clip": 5.0,
    "bfloat16": False,
}


# ---------------------------------------------------------------- the protocol

Settings = TypeVar("Settings", bound=LearnerSettings)


class Learner(Protocol[Settings]):
    """The rule that turns sequences into a loss, and the policy's log-probabilities."""

    name: str
    on_policy: bool
    """Whether it learns from the newest rollout alone, else from replay as well."""
    presets: Mapping[str, Settings]
    """Its settings by preset: `default`, and `paper` for a learner that is in the paper."""

    def start(self, network: RecurrentNetwork, settings: Settings) -> None:
        """Turn a copy of the prior into the first policy."""

    def log_policy(self, output: Output, log_prior: Tensor) -> Tensor:
        """Return log pi (..., V)."""

    def loss(self, online: Output, target_output: Output, batch: Batch, settings: Settings) -> Tensor:
        """Return the loss summed over the batch's steps, or sequences; nothing flows into the prior.

        online: the network's output on the batch. target_output: the target network's, or the online one's where there
        is none. batch: sequences with rewards R/c, (B, T). settings: the learner's own.
        """


class FromPrior:
    """The network gives a correction to the prior: pi = p exp(logits), normalised."""

    def start(self, network: RecurrentNetwork, settings: Any) -> None:
        """Zero the output layer, so that pi starts as p."""
        nn.init.zeros_(network.policy.weight)
        nn.init.zeros_(network.policy.bias)

    def log_policy(self, output: Output, log_prior: Tensor) -> Tensor:
        """Return log pi (..., V)."""
        return (log_prior + output.logits).log_softmax(-1)


# ---------------------------------------------------------------- learning values


class ValueLearner(Learner[Settings], ABC):
    """Learns values by their own Bellman equation: Q, Psi, G."""

    on_policy = False

    @abstractmethod
    def action_values(self, output: Output, log_prior: Tensor, from_logits: bool) -> Tensor:
        """Return Q, Psi or G (B, T, V), which the output stands for: its logits, or V plus log-probabilities."""

    @abstractmethod
    def state_values(self, action_values: Tensor, log_prior: Tensor) -> Tensor:
        """Return the values (B, T) that bootstrap from action values (B, T, V)."""

    @abstractmethod
    def augmented_reward(self, batch: Batch) -> Tensor:
        """Return what the equation pays for each taken step, (B, T)."""

    def loss(self, online: Output, target_output: Output, batch: Batch, settings: Any) -> Tensor:
        """Return the Huber distance of the taken actions' values from their targets, summed over steps.

        No gradient flows into the targets. Arguments: as in Learner.loss.
        """
        from_logits = settings.values_from_logits
        online_values = gather_actions(self.action_values(online, batch.log_prior, from_logits), batch.tokens)  # (B, T)
        fixed = Output(target_output.logits.detach(), target_output.value.detach())
        target_values = self.action_values(fixed, batch.log_prior, from_logits)
        returns = lambda_returns(
            self.augmented_reward(batch),
            self.state_values(target_values, batch.log_prior),
            gather_actions(target_values, batch.tokens),
            batch.mask,
            settings.gamma,
            settings.lambda_,
        )
        distance = nn.functional.huber_loss(online_values, returns, reduction="none", delta=HUBER)
        return (distance * batch.mask).sum()
