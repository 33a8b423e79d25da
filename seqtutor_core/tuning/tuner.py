"""What the loop is given: networks, optimizer, sampler, replay, and the parts that steer them."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seqtutor_core import fused
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
from seqtutor_core.tuning.calls import Calls
from seqtutor_core.tuning.curriculum import Curriculum
from seqtutor_core.tuning.optim import Loss, PolicyOptimizer, subset_by_prefix
from seqtutor_core.tuning.progress import NO_LOSS, Counters, Iteration, Progress, RolloutMetrics, Seen, Steering
from seqtutor_core.tuning.readback import Readback
from seqtutor_core.tuning.sampler import Sampler
from seqtutor_core.tuning.value_offset import ValueOffset
from seqtutor_core.tuning.warm_start import WarmStart

NOT_COMPILED = "kernels for the GPU could not be compiled, so it takes longer; This machine on the first page says why"
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
        self.curriculum = Curriculum(config)
        self.objective = self._first_objective()
        """As it stands: steering and stages replace it."""
        domain.set_active_terms(self.objective.weights)
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

        self.shards = shards or ShardPool(self.device, spare=int(self.measured_beside))
        self.optimizer = PolicyOptimizer(self.network, self.policy.features, self.settings, self.shards)
        self.sampler = Sampler(self.policy, domain, config, self.shards)
        self.replay = Replay(max(self.settings.replay_steps // domain.length, self.settings.batch))
        self.warm_start = WarmStart(self.policy, self.sampler, self.settings.minibatch)
        self.adaptive_kl = AdaptiveKL(config.kl_budget)
        self.value_offset = ValueOffset(self.optimizer, domain.terminal_reward)
        counted, remembered = domain.slow_scoring or config.calls or config.stages, self.settings.memory or config.calls
        self.calls = Calls(domain, config.calls, counted=bool(counted), remembered=bool(remembered))
        self.metrics = RolloutMetrics()
        self.readback = Readback(self.device)
        self.last_loss = NO_LOSS  # of the last update, per token
        self.hooks: list[Callable[[Progress], None]] = [self._adapt_c, self._advance]
        """Called after each iteration, with what is reported of it."""

        self.last_rollout: Rollout | None = None  # the newest one whose scores are known
        self.update = self.environment_steps = 0
        self.seconds = 0.0
        self.message = ""  # what the next report says to the user

    def _first_objective(self) -> Objective:
        """Return the objective that the job begins with; SettingError for an unknown term of any stage."""
        c, combination = self.config.kl_coefficient, self.config.combination
        for stage in self.config.stages:
            Objective(self.domain, stage.weights, c, combination)  # checks its terms before the run begins
        return self.curriculum.objective(Objective(self.domain, self.config.weights, c, combination))

    # ------------------------------------------------------------ where it stands

    @property
    def fraction_done(self) -> float:
        """Share of the budget used, 0 to 1."""
        if self.calls.exhausted:
            return 1.0
        shares = [
            done / budget
            for done, budget in ((self.update, self.config.updates), (self.calls.evaluated.count, self.config.calls))
            if budget
        ]
        return min(max(shares, default=self.seconds / self.config.seconds), 1.0)

    @property
    def measured_beside(self) -> bool:
        """Whether other processes score while it learns from replay: not where each of their scores is a call."""
        return self.domain.slow_scoring and self.config.calls is None and not self.settings.memory

    @property
    def last_iteration(self) -> bool:
        """Whether the budget is known to end with this one; the end of a budget in seconds is not."""
        return self.config.updates is not None and self.update + self.settings.updates >= self.config.updates

    @property
    def best(self) -> float | None:
        """Mean reward of the ten best sequences evaluated so far; see Metrics.best."""
        return self.calls.evaluated.best(self.objective)

    @property
    def next_batch(self) -> int:
        """Sequences of the next rollout: no more than there are calls left."""
        return min(self.batch, self.calls.left)

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

    def prepare(self) -> None:
        """Record what a GPU repeats, so that compiling takes nothing from a budget of time: seconds, more at first."""
        if self.fraction_done < 1 and not self.settings.memory:  # which takes rollouts of many sizes
            self.sampler.prepare(self.next_batch, self.epsilon)
        if fused.failures:
            self.message = self.message or NOT_COMPILED

    # ------------------------------------------------------------ reporting, steering

    def report(self, iteration: Iteration, duration: float) -> Progress:
        """Count an iteration that took so many seconds; return what there is to say of it."""
        rollout, terms, loss, children = iteration
        before, self.last_loss, self.last_rollout = self.last_loss, loss, rollout
        with self.readback():
            seen = Seen.of(rollout, terms)
            told = float(before if self.readback.stream else loss)
        steps = int(seen.lengths.sum())
        self.update += self.settings.updates
        self.environment_steps += steps
        self.seconds += duration
        message, self.message = self.message, ""
        more = [children] if children else []
        return Progress(
            counters=Counters(
                self.update, self.environment_steps, self.seconds, steps / duration, self.calls.evaluated.count
            ),
            metrics=self.metrics.measure(seen, self.objective, told, self.calls.evaluated),
            steering=self.steering,
            tokens=torch.cat([seen.tokens, *(each.tokens.cpu() for each in more)]),
            lengths=torch.cat([seen.lengths, *(each.lengths.cpu() for each in more)]),
            sums=torch.cat([seen.sums, *(each.terms.sum(1).cpu() for each in more)]),
            message=message,
        )

    def _adapt_c(self, progress: Progress) -> None:
        """Move c towards the KL budget, if there is one, and the value head with it."""
        before = self.objective
        self.objective = before.replace(c=self.adaptive_kl.update(before.c, progress.metrics.kl))
        if self.adaptive_kl.target_kl is not None:
            self.value_offset.rescale(progress.sums, before, self.objective)

    def _advance(self, progress: Progress) -> None:
        """Go on to the next stage, if there is one and it is time."""
        if why := self.curriculum.advance(progress):
            weights, c = self.curriculum.next()
            self.apply(Change(weights=weights, kl_coefficient=c))
            self.message = "; ".join(filter(None, (self.message, why)))

    def apply(self, change: Change) -> None:
        """Steer: new weights, c or learning rate hold from the next rollout on, for all of the replay as well."""
        if change.weights is not None:
            try:
                if self.domain.set_active_terms(change.weights):
                    self.replay.rescore(self.domain.score)
                    self.calls.evaluated.rescore(self.domain.score)
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
        tensors |= {"evaluated.count": torch.tensor(self.calls.evaluated.count)} if self.calls.counted else {}
        tensors |= self.sampler.state_dict() | self.metrics.state_dict()
        plain: dict[str, Any] = {name: getattr(self, name) for name in COUNTED}
        plain |= {"weights_by_name": dict(self.objective.weights), "c": self.objective.c}
        plain |= {"combination": self.objective.combination}
        plain |= self.adaptive_kl.state_dict() | self.value_offset.state_dict() | self.calls.state_dict()
        plain |= self.curriculum.state_dict() if self.config.stages else {}
        return tensors, plain | {"memory": self.domain.snapshot()}

    def state_dict(self, snapshot: Snapshot | None = None) -> Snapshot:
        """Return all that is needed to go on as if never stopped: now, or at a snapshot; no iteration ended since."""
        tensors, plain = snapshot or self.snapshot()
        replay = self.replay.state_dict(int(tensors["replay.added"]))
        stores, plain = {"replay": replay}, {**plain, "memory": self.domain.state_dict(plain["memory"])}
        if self.calls.counted:
            stores["evaluated"] = self.calls.evaluated.state_dict(int(tensors["evaluated.count"]))
        return {**tensors, **{f"{of}.{k}": v for of, store in stores.items() for k, v in store.items()}}, plain

    def load_state_dict(self, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
        """Take over a state. LookupError, TypeError, ValueError or RuntimeError for one that does not fit."""
        state = {**plain, **tensors}
        self.optimizer.load_state_dict(tensors)
        replay = {k: v.to(self.device) for k, v in subset_by_prefix(tensors, "replay.").items()}
        self.replay.load_state_dict(replay, len(self.domain.terms))
        self.calls.evaluated.load_state_dict(subset_by_prefix(tensors, "evaluated."))
        for part in (self.sampler, self.metrics, self.adaptive_kl, self.value_offset, self.calls, self.curriculum):
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
