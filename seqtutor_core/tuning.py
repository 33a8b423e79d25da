"""The tuning loop: sample, score, learn. A generator of Progress; knows no page, no file, no process."""

import time
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seqtutor_core.config import Change, Controls, TuningConfig, resolve_device
from seqtutor_core.descent import Descent, Loss, part
from seqtutor_core.domains import Domain, every_weight
from seqtutor_core.errors import SettingError
from seqtutor_core.kl_budget import steered
from seqtutor_core.learners import LEARNERS
from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.objective import LARGEST_C, Objective
from seqtutor_core.parallel import Crew, cut
from seqtutor_core.policy import Policy
from seqtutor_core.progress import Progress
from seqtutor_core.recorded import Recorded
from seqtutor_core.replay import Batch, Replay
from seqtutor_core.rollout import Rollout, distinct, divergence, gather_actions
from seqtutor_core.smc import ScoredSamples, WeightedSamples, smc

# Attributes of a tuner that its checkpoints keep
COUNTED = ("update", "environment_steps", "seconds")
STEERED = ("weights_by_name", "batch", "learning_rate", "c", "kl_budget", "kl_before", "level", "level_holds")
PLAIN = COUNTED + STEERED
WARM_SHARE = 0.15  # of the budget, for a warm start
ANNEALED = 0.5  # share of the budget over which c falls, where it is annealed
GUIDED = 0.5  # share of the policy in the proposals of a warm start; the rest is the prior's
SEED_STRIDE = 1_000_003  # between the seeds of a run that goes on on another kind of device
LONGEST_RECORDED = 64  # tokens of a rollout in a CUDA graph; scoring one takes memory with the square of them
SMALLEST_SHARD = 128  # sequences; threads that sample fewer wait for each other longer than they save


Snapshot = tuple[dict[str, Tensor], dict[str, Any]]
"""Tensors and plain values of a tuner."""


class Tuner:
    """A tuning job that can be stepped, saved and restored."""

    def __init__(self, config: TuningConfig, domain: Domain, prior: RecurrentNetwork) -> None:
        self.config, self.domain, self.settings = config, domain, config.learner_settings
        domain.set_active_terms(config.weights)
        self.learner = LEARNERS[config.learner]
        self.device = resolve_device(config.device)
        self.prior = deepcopy(prior).to(self.device).eval().requires_grad_(False)
        self.network = deepcopy(prior).to(self.device).requires_grad_(True).train()  # cuDNN learns in this mode only
        self.network.dropout.eval()
        self.learner.start(self.network, self.settings)
        self.policy = Policy(domain, self.prior, self.network, self.learner.log_policy)
        self.crew = Crew(self.device)
        self.features = self.policy.features
        self.descent = Descent(self.network, self.features, self.settings, self.crew)
        self.generators = [torch.Generator(self.device).manual_seed(config.seed + i) for i in range(self.crew.size)]
        self.replay = Replay(max(self.settings.replay_steps // domain.length, self.settings.batch))
        self.primer = self.policy.primer_tokens(1, config.primer)
        self.play = Recorded(self._play, self.generators) if self._recordable else self._play
        self.weights_by_name = every_weight(domain.terms, config.weights)
        self.c = config.kl_coefficient
        self.kl_budget, self.kl_before = config.kl_budget, 0.0  # nats per sequence
        self.learning_rate = self.settings.learning_rate
        self.batch = self.settings.batch
        self.update = self.environment_steps = 0
        self.seconds = 0.0
        self.level, self.level_holds = 0.0, False
        self.recent: Tensor | None = None
        self.message = ""

    # ------------------------------------------------------------ one iteration

    def iterate(self) -> Progress:
        """One rollout and its updates. Out of memory halves the batch and says so."""
        began = time.perf_counter()
        while True:
            try:
                rollout, terms, error = self._iterate()
                break
            except (torch.OutOfMemoryError, RuntimeError) as problem:
                if not _out_of_memory(problem) or self.batch < 2:
                    raise
            self.batch //= 2
            self.message = f"out of memory: the batch is now {self.batch} sequences"
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        self.update += self.settings.updates
        self.environment_steps += int(rollout.lengths.sum())
        took = time.perf_counter() - began
        self.seconds += took
        progress = self._progress(rollout, terms, error, took)
        self._keep_budget(progress)
        self.message = ""
        return progress

    def _iterate(self) -> tuple[Rollout, Tensor, float]:
        shards = min(self.crew.size, max(self.batch // SMALLEST_SHARD, 1))
        rollouts, scores = zip(*self.crew.map(self.play, enumerate(cut(self.batch, shards))), strict=True)
        rollout = Rollout.concat(rollouts)
        if self.domain.slow_scoring and not self.warming:
            # other processes score this rollout while the network learns from those before
            scoring = self.crew.later(self._score, rollout)
            error = self._learn() if len(self.replay) else 0.0
            terms = scoring.result()
            if self.domain.terminal_reward:
                self._set_level(terms)
            self.replay.add(rollout, terms)
        else:
            terms = self._score(rollout) if self.domain.slow_scoring else torch.cat(scores)
            self.replay.add(rollout, terms)
            error = self._distil(rollout, terms) if self.warming else self._learn()
        return rollout, terms, error

    def _learn(self) -> float:
        """The updates after a rollout; the last one's loss per token."""
        return [self._update() for _ in range(self.settings.updates)][-1]

    def _distil(self, rollout: Rollout, terms: Tensor) -> float:
        """An update towards samples of pi* that need no learner; the loss per token."""
        objective, guide = self.objective, self.policy.mixture(GUIDED)
        if self.domain.terminal_reward:
            found = ScoredSamples.of(rollout, terms).weigh(objective)
        else:

            def run(shard: tuple[int, int]) -> WeightedSamples:
                number, size = shard
                return smc(guide, objective, size, self.generators[number], rollout.primer[:1].expand(size, -1))

            found = WeightedSamples.concat(self.crew.map(run, enumerate(cut(self.batch, self.crew.size))))
        rows = found.resample(self.settings.minibatch, self.generators[0])
        return self._descend(self._batch(found.tokens[rows], found.lengths[rows], rollout.primer), self._likelihood)

    def _batch(self, tokens: Tensor, lengths: Tensor, primer: Tensor) -> Batch:
        """Sequences (B, T) to imitate; they all begin as the rollout did."""
        before = primer[:1].expand(len(tokens), -1)
        with torch.no_grad():
            ids = self.features.sequence_ids(tokens, before)
            log_prior = self.prior(ids, before.shape[1]).logits.log_softmax(-1)
        mask = (torch.arange(tokens.shape[1], device=tokens.device) < lengths.unsqueeze(1)).float()
        return Batch(tokens, before, mask, log_prior, torch.zeros_like(mask))

    def _likelihood(self, online: Output, target_output: Output, batch: Batch) -> Tensor:
        """Minus log pi of the batch's sequences, summed."""
        log_pi = self.learner.log_policy(online, batch.log_prior)
        return -(gather_actions(log_pi, batch.tokens) * batch.mask).sum()

    def _update(self) -> float:
        size = self.batch if self.learner.on_policy else min(self.settings.minibatch, 2 * self.batch)
        newest = size if self.learner.on_policy else min(size // 2, self.batch)
        batch = self.replay.sample(size, newest, self.objective.replace(c=self.learning_c), self.generators[0])
        return self._descend(batch, partial(self.learner.loss, settings=self.settings))

    def _descend(self, batch: Batch, loss: Loss) -> float:
        """One step on a loss, the shorter the less of the budget is left; the loss per token."""
        return self.descent.step(batch, loss, self.learning_rate * max(0.05, 1 - self.progress))

    def _score(self, rollout: Rollout) -> Tensor:
        """Unweighted terms (B, T, K)."""
        return self.domain.score(rollout.tokens, rollout.lengths).float()

    def _set_level(self, terms: Tensor) -> None:
        """After a change of rewards move the value head to where they lie, as V does when all is paid at the end.

        Left to itself it would take a hundred updates to learn a number that is known.
        """
        if self.level_holds:
            return
        self._move_level(self._usual(terms.sum(1)) / self.c)
        self.level_holds = True

    def _usual(self, sums: Tensor) -> float:
        """The median reward: the mean follows the few sequences that are worth nothing, whose number varies."""
        return self.objective.reward(sums).median().item()

    def _move_level(self, level: float) -> None:
        self.descent.move_values(level - self.level)
        self.level = level

    def _keep_budget(self, progress: Progress) -> None:
        """Move c towards the KL budget, if there is one, and the value head with it: V changes by R (1/c' - 1/c)."""
        c, before, self.kl_before = self.c, self.kl_before, progress.kl
        if self.kl_budget is None:
            return
        self.c = steered(c, progress.kl, before, self.kl_budget)
        if self.domain.terminal_reward:
            self._move_level(self.level + self._usual(progress.sums) * (1 / self.c - 1 / c))

    def _play(self, shard: tuple[int, int]) -> tuple[Rollout, Tensor | None]:
        """The rollout of a shard, given by number and size, with its terms unless other processes find them."""
        number, size = shard
        generator, primer = self.generators[number], self.primer.expand(size, -1)
        if self.config.sampling_primer is None:
            primer = self.domain.random_primer(size, generator)
        rollout = self.policy.sample(size, generator, primer, self._epsilon())
        return rollout, None if self.domain.slow_scoring else self._score(rollout)

    @property
    def _recordable(self) -> bool:
        """Whether a rollout does the same each time, whatever is sampled, as a CUDA graph must."""
        free = self.domain.end is not None or self.domain.slow_scoring or self.settings.argmax
        return self.device.type == "cuda" and not free and self.domain.length <= LONGEST_RECORDED

    def _epsilon(self) -> float | None:
        """Falls from 1 to 0.1 over the first half of the budget."""
        return max(0.1, 1 - 1.8 * self.progress) if self.settings.argmax else None

    @property
    def objective(self) -> Objective:
        """Weights and c as they stand."""
        return Objective(self.domain, self.weights_by_name, self.c)

    @property
    def learning_c(self) -> float:
        """c as the learner has it now: higher at first, so that it finds many good sequences before the best ones."""
        return min(LARGEST_C, self.c * self.settings.anneal ** max(0.0, 1 - self.progress / ANNEALED))

    @property
    def warming(self) -> bool:
        """Whether the warm start is still on."""
        return self.config.warm_start and self.progress < WARM_SHARE

    @property
    def progress(self) -> float:
        """Share of the budget used, 0 to 1."""
        done = self.update / self.config.updates if self.config.updates else self.seconds / self.config.seconds
        return min(done, 1.0)

    # ------------------------------------------------------------ reporting, steering

    def _progress(self, rollout: Rollout, terms: Tensor, error: float, took: float) -> Progress:
        kl, entropy = (each.sum().item() for each in divergence(rollout))
        steps, count = int(rollout.lengths.sum()), len(rollout.tokens)
        sums = (terms * rollout.mask.unsqueeze(-1)).sum(1)  # (B, K)
        objective = self.objective
        reward = objective.reward(sums).mean().item()
        self.recent = rollout.tokens if self.recent is None else torch.cat([self.recent, rollout.tokens])[-1024:]
        return Progress(
            update=self.update,
            environment_steps=self.environment_steps,
            seconds=self.seconds,
            steps_per_second=steps / took,
            terms=dict(zip(self.weights_by_name, sums.mean(0).tolist(), strict=True)),
            reward=reward,
            kl=kl / count,
            kl_per_token=kl / steps,
            entropy=entropy / steps,
            j=objective.j(reward, kl / count),
            distinct=distinct(self.recent),
            loss=error,
            weights=self.weights_by_name,
            kl_coefficient=self.c,
            kl_budget=self.kl_budget,
            learning_rate=self.learning_rate,
            paused=False,
            message=self.message,
            figures=self.domain.observe(rollout.tokens, rollout.lengths),
            tokens=rollout.tokens,
            lengths=rollout.lengths,
            sums=sums,
        )

    def apply(self, change: Change) -> None:
        """Steer: new weights, c or learning rate hold from the next rollout on, for all of the replay as well."""
        if change.weights is not None:
            try:
                if self.domain.set_active_terms(change.weights):
                    self.replay.rescore(self.domain.score)
            except SettingError as problem:  # the term stays 0, the run goes on
                self.message = str(problem)
            self.weights_by_name = every_weight(self.domain.terms, change.weights)
        if change.kl_coefficient is not None:
            self.c = change.kl_coefficient
        if change.kl_budget is not None:
            self.kl_budget = change.kl_budget or None
        self.level_holds &= change.weights is None and change.kl_coefficient is None
        if change.learning_rate is not None:
            self.learning_rate = change.learning_rate

    # ------------------------------------------------------------ checkpoints

    def snapshot(self) -> Snapshot:
        """What the next iteration changes, copied; of the replay only how much it holds, for it is large."""
        tensors = {name: value.clone() for name, value in self.descent.state().items()}
        tensors["replay.added"] = torch.tensor(self.replay.added)
        tensors["generators"] = torch.stack([g.get_state() for g in self.generators])
        if self.recent is not None:
            tensors["recent"] = self.recent
        return tensors, {**{name: getattr(self, name) for name in PLAIN}, "memory": self.domain.state_dict()}

    def state(self, snapshot: Snapshot | None = None) -> Snapshot:
        """Everything needed to go on as if never stopped: now, or at a snapshot since which no iteration ended."""
        tensors, plain = snapshot or self.snapshot()
        replay = self.replay.state(int(tensors["replay.added"]))
        return {**tensors, **{f"replay.{name}": value for name, value in replay.items()}}, plain

    def restore(self, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
        """Take over a state."""
        self.descent.restore(tensors)
        self.replay.restore({k: v.to(self.device) for k, v in part(tensors, "replay.").items()})
        kept = tensors["generators"].cpu()  # fewer or more than here when the cores differ
        if kept.shape[1:] == self.generators[0].get_state().shape:
            for generator, state in zip(self.generators, kept, strict=False):
                generator.set_state(state.clone())
        else:  # another kind of device made it: its random numbers are not to be had here, so others follow
            for i, generator in enumerate(self.generators):
                generator.manual_seed(self.config.seed + i + SEED_STRIDE * plain["update"])
        self.recent = tensors["recent"].to(self.device) if "recent" in tensors else None
        for name in PLAIN:
            setattr(self, name, plain.get(name, getattr(self, name)))  # older checkpoints know fewer
        if "weights" in tensors:  # and have the weights in single precision
            self.weights_by_name = dict(zip(self.weights_by_name, tensors["weights"].tolist(), strict=True))
        self.domain.load_state_dict(plain.get("memory", {}))
        self.domain.set_active_terms(self.weights_by_name)


def tune(tuner: Tuner, controls: Controls = lambda: ()) -> Iterator[Progress]:
    """Iterate until the budget is used or a control says stop. While paused it yields the last Progress again."""
    paused, last = False, None
    while tuner.progress < 1:
        for change in controls():
            tuner.apply(change)
            paused = paused if change.pause is None else change.pause
            if change.stop:
                return
        if paused and last is not None:
            yield replace(last, paused=True, message="")
            continue
        last = tuner.iterate()
        yield last


def _out_of_memory(problem: BaseException) -> bool:
    return isinstance(problem, torch.OutOfMemoryError) or "not enough memory" in str(problem)
