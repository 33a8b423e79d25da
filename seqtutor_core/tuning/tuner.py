"""What the loop is given: networks, optimizer, sampler, replay, and the parts that steer them."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seqtutor_core.config import Change, TuningConfig, resolve_device
from seqtutor_core.domains import Domain
from seqtutor_core.errors import SettingError
from seqtutor_core.learners import LEARNERS
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.parallel import ShardPool
from seqtutor_core.policy import Policy
from seqtutor_core.replay import Replay
from seqtutor_core.rollout import Rollout
from seqtutor_core.tuning import schedules
from seqtutor_core.tuning.adaptive_kl import AdaptiveKL
from seqtutor_core.tuning.optim import Loss, PolicyOptimizer, subset_by_prefix
from seqtutor_core.tuning.progress import Counters, Progress, RolloutMetrics, Steering
from seqtutor_core.tuning.sampler import Sampler
from seqtutor_core.tuning.value_offset import ValueOffset
from seqtutor_core.tuning.warm_start import WarmStart

COUNTED = ("update", "environment_steps", "seconds", "batch", "learning_rate")  # what checkpoints keep as it is

Snapshot = tuple[dict[str, Tensor], dict[str, Any]]
"""Tensors and plain values of a tuner."""


class Tuner:
    """A tuning job that can be stepped (loop.iterate), steered, saved and restored."""

    def __init__(
        self, config: TuningConfig, domain: Domain, prior: RecurrentNetwork, shards: ShardPool | None = None
    ) -> None:
        """Prepare a job; domain, prior: those of the config; shards: None for as many as there are cores, up to 8."""
        self.config, self.domain, self.settings = config, domain, config.learner_settings
        self.device = resolve_device(config.device)
        domain.set_active_terms(config.weights)
        self.objective = Objective(domain, config.weights, config.kl_coefficient, config.combination)
        """As it stands: steering replaces it."""
        self.learning_rate = self.settings.learning_rate
        """At the start of the budget; as it stands."""
        self.batch = self.settings.batch
        """Sequences sampled at a time; halved where memory runs out."""

        self.learner = LEARNERS[config.learner]
        self.loss: Loss = partial(self.learner.loss, settings=self.settings)
        self.prior = deepcopy(prior).to(self.device).eval().requires_grad_(False)
        self.network = deepcopy(prior).to(self.device).requires_grad_(True).train()  # cuDNN learns in this mode only
        self.network.dropout.eval()
        self.learner.start(self.network, self.settings)
        self.policy = Policy(domain, self.prior, self.network, self.learner.log_policy)

        self.shards = shards or ShardPool(self.device)
        self.optimizer = PolicyOptimizer(self.network, self.policy.features, self.settings, self.shards)
        self.sampler = Sampler(self.policy, domain, config, self.shards)
        self.replay = Replay(max(self.settings.replay_steps // domain.length, self.settings.batch))
        self.warm_start = WarmStart(self.policy, self.sampler, self.settings.minibatch)
        self.adaptive_kl = AdaptiveKL(config.kl_budget)
        self.value_offset = ValueOffset(self.optimizer, domain.terminal_reward)
        self.metrics = RolloutMetrics()
        self.hooks: list[Callable[[Progress], None]] = [self._adapt_c]
        """Called after each iteration, with what is reported of it."""

        self.update = self.environment_steps = 0
        self.seconds = 0.0
        self.message = ""
        """What the next report says to the user."""

    # ------------------------------------------------------------ where it stands

    @property
    def fraction_done(self) -> float:
        """Share of the budget used, 0 to 1."""
        done = self.update / self.config.updates if self.config.updates else self.seconds / self.config.seconds
        return min(done, 1.0)

    @property
    def last_iteration(self) -> bool:
        """Whether the budget is known to end with this one; the end of a budget in seconds is not."""
        return self.config.updates is not None and self.update + self.settings.updates >= self.config.updates

    @property
    def warming(self) -> bool:
        """Whether the warm start is still on."""
        return self.config.warm_start and schedules.is_warm_start(self.fraction_done)

    @property
    def epsilon(self) -> float | None:
        """The chance of a random action, for a run that acts by the likeliest one; None: actions are sampled."""
        return schedules.epsilon(self.fraction_done) if self.settings.argmax else None

    @property
    def minibatch(self) -> tuple[int, int]:
        """How many sequences an update has, and how many of them are the newest."""
        if self.learner.on_policy:
            return self.batch, self.batch
        size = min(self.settings.minibatch, 2 * self.batch)
        return size, min(size // 2, self.batch)

    @property
    def steering(self) -> Steering:
        """All that a control can change."""
        return Steering(self.objective, self.adaptive_kl.target_kl, self.learning_rate)

    # ------------------------------------------------------------ reporting, steering

    def report(self, rollout: Rollout, terms: Tensor, loss: float, duration: float) -> Progress:
        """Count an iteration of `duration` seconds; return what there is to say of it.

        rollout, terms: its sequences and their unweighted terms (B, T, K). loss: of its last update, per token.
        """
        steps = int(rollout.lengths.sum())
        self.update += self.settings.updates
        self.environment_steps += steps
        self.seconds += duration
        sums = (terms * rollout.mask.unsqueeze(-1)).sum(1)  # (B, K)
        message, self.message = self.message, ""
        return Progress(
            counters=Counters(self.update, self.environment_steps, self.seconds, steps / duration),
            metrics=self.metrics.measure(rollout, sums, self.objective, loss),
            steering=self.steering,
            tokens=rollout.tokens,
            lengths=rollout.lengths,
            sums=sums,
            message=message,
        )

    def _adapt_c(self, progress: Progress) -> None:
        """Move c towards the KL budget, if there is one, and the value head with it."""
        before = self.objective
        self.objective = before.replace(c=self.adaptive_kl.update(before.c, progress.metrics.kl))
        if self.adaptive_kl.target_kl is not None:
            self.value_offset.rescale(progress.sums, before, self.objective)

    def apply(self, change: Change) -> None:
        """Steer: new weights, c or learning rate hold from the next rollout on, for all of the replay as well."""
        if change.weights is not None:
            try:
                if self.domain.set_active_terms(change.weights):
                    self.replay.rescore(self.domain.score)
            except SettingError as problem:  # the term stays 0, the run goes on
                self.message = str(problem)
        asked = {"weights": change.weights, "combination": change.combination, "c": change.kl_coefficient}
        if changes := {name: value for name, value in asked.items() if value is not None}:
            try:
                self.objective = self.objective.replace(**changes)
                self.value_offset.settled = False
            except SettingError as problem:  # terms that have no geometric mean: all stays as it was
                self.message = str(problem)
        if change.kl_budget is not None:
            self.adaptive_kl.target_kl = change.kl_budget or None
        if change.learning_rate is not None:
            self.learning_rate = change.learning_rate

    # ------------------------------------------------------------ checkpoints

    def snapshot(self) -> Snapshot:
        """Return what the next iteration changes, copied; of the replay only how much it holds, for it is large."""
        tensors = {name: value.clone() for name, value in self.optimizer.state_dict().items()}
        tensors |= {"replay.added": torch.tensor(self.replay.added)}
        tensors |= self.sampler.state_dict() | self.metrics.state_dict()
        plain: dict[str, Any] = {name: getattr(self, name) for name in COUNTED}
        plain |= {"weights_by_name": dict(self.objective.weights), "c": self.objective.c}
        plain |= {"combination": self.objective.combination}
        plain |= self.adaptive_kl.state_dict() | self.value_offset.state_dict()
        return tensors, plain | {"memory": self.domain.state_dict()}

    def state_dict(self, snapshot: Snapshot | None = None) -> Snapshot:
        """Return all that is needed to go on as if never stopped: now, or at a snapshot; no iteration ended since."""
        tensors, plain = snapshot or self.snapshot()
        replay = self.replay.state_dict(int(tensors["replay.added"]))
        return {**tensors, **{f"replay.{name}": value for name, value in replay.items()}}, plain

    def load_state_dict(self, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
        """Take over a state. KeyError, ValueError or RuntimeError for one that does not fit prior and settings."""
        state = {**plain, **tensors}
        self.optimizer.load_state_dict(tensors)
        replay = {k: v.to(self.device) for k, v in subset_by_prefix(tensors, "replay.").items()}
        self.replay.load_state_dict(replay, len(self.domain.terms))
        for part in (self.sampler, self.metrics, self.adaptive_kl, self.value_offset):
            part.load_state_dict(state)
        for name in COUNTED:
            setattr(self, name, plain.get(name, getattr(self, name)))
        weights = plain.get("weights_by_name", self.objective.weights)
        if "weights" in tensors:  # of older versions: in single precision, in the order of the terms
            weights = dict(zip(self.objective.weights, tensors["weights"].tolist(), strict=False))
        c, combination = plain.get("c", self.objective.c), plain.get("combination", self.objective.combination)
        self.objective = Objective(self.domain, weights, c, combination)
        self.domain.load_state_dict(plain.get("memory", {}))
        self.domain.set_active_terms(self.objective.weights)
