"""Rollouts of a policy with their scores: a shard of the batch in each thread, or as one CUDA graph."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqtutor_core.busy_core import BUSY_CORE
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import Domain
from seqtutor_core.parallel import ShardPool, shard_sizes
from seqtutor_core.policy import Policy
from seqtutor_core.recorded import LONGEST_RECORDED, Recorded
from seqtutor_core.rollout import Rollout

SEED_STRIDE = 1_000_003  # between the seeds of a run that goes on on another kind of device
LONGEST_SCORED = 64  # tokens of a rollout in a CUDA graph with its scores, which take memory with the square of them
PATIENCE = 0.2  # seconds of waiting for scores, after which the core is lent to what measures, until they are there
SMALLEST_SHARD = 128  # sequences; threads that sample fewer wait for each other longer than they save

Shard = tuple[int, int, float | None]
"""Number and size of a shard, and epsilon as in Policy.sample."""


class Sampled(NamedTuple):
    """A rollout whose scores other processes may still be computing."""

    rollout: Rollout
    wait_for_scores: Callable[[], Tensor]
    """Waits for the unweighted terms (B, T, K), in single precision."""


class Sampler:
    """Samples batches of sequences and scores them."""

    def __init__(self, policy: Policy, domain: Domain, config: TuningConfig, shards: ShardPool) -> None:
        self.policy, self.domain, self.config, self.shards = policy, domain, config, shards
        seeds = range(config.seed, config.seed + shards.size)
        self.generators = [torch.Generator(policy.device).manual_seed(seed) for seed in seeds]
        self.primer = policy.primer_tokens(1, config.primer)
        self.recorded = Recorded(self.play_shard, self.generators)
        self.ahead: Sampled | None = None
        """The next rollout, where it is there before it is asked for."""
        self.before_ahead = self._states()
        """The generators' states from which it was sampled."""

    @property
    def _recordable(self) -> bool:
        """Whether a rollout does the same each time, whatever is sampled, as a CUDA graph must."""
        domain, argmax = self.domain, self.config.learner_settings.argmax
        longest = LONGEST_RECORDED if domain.slow_scoring else LONGEST_SCORED
        scored = domain.slow_scoring or domain.scores_on_device  # by other processes, or as part of the graph
        return self.policy.device.type == "cuda" and scored and not argmax and domain.length <= longest

    def prepare(self, n: int, epsilon: float | None) -> None:
        """Record rollouts of n sequences, where a CUDA graph can hold them; nothing is drawn. epsilon: see `sample`."""
        if self._recordable:
            self.recorded.prepare((0, n, epsilon))

    def next(self, n: int, epsilon: float | None) -> Sampled:
        """Return the rollout that was sampled ahead, if it has n sequences, else a new one. epsilon: see `sample`."""
        ahead, self.ahead = self.ahead, None
        return ahead if ahead is not None and len(ahead.rollout.tokens) == n else self.sample(n, epsilon)

    def sample_ahead(self, n: int, epsilon: float | None) -> None:
        """Sample the next rollout now, since the policy will not change before it is needed: see `next`.

        While actions are explored nothing is sampled ahead: epsilon depends on how far the run is by then.
        """
        if epsilon is None:
            self.before_ahead = self._states()
            self.ahead = self.sample(n, epsilon)

    def sample(self, n: int, epsilon: float | None) -> Sampled:
        """Return n sequences, of which other processes measure what their scores need. epsilon: as in Policy.sample."""
        sizes = shard_sizes(n, min(self.shards.size, max(n // SMALLEST_SHARD, 1)))
        items = [(number, size, epsilon) for number, size in enumerate(sizes)]
        rollouts, scores = zip(*self.shards.map(self.play, items, "rollout"), strict=True)
        rollout = Rollout.concat(rollouts)
        if not self.domain.slow_scoring:
            terms = torch.cat(scores)
            return Sampled(rollout, lambda: terms)
        measured = self.shards.run_aside(self.measure, rollout)

        def wait_for_scores() -> Tensor:
            with suppress(TimeoutError):
                measured.result(PATIENCE if self.ahead else 0.0)
            with BUSY_CORE.lent():
                measured.result()
            return self.score(rollout)

        return Sampled(rollout, wait_for_scores)

    def unscored(self, n: int, epsilon: float | None, strength: float) -> Rollout:
        """Return n sequences without their scores, of the policy at a strength; epsilon: as in Policy.sample."""
        generator = self.generators[0]
        return self.policy.interpolate(strength).sample(n, generator, self.primer.expand(n, -1), epsilon)

    def play(self, shard: Shard) -> tuple[Rollout, Tensor | None]:
        """Return what play_shard does, by one call where a CUDA graph can hold it."""
        return self.recorded(shard) if self._recordable else self.play_shard(shard)

    def play_shard(self, shard: Shard) -> tuple[Rollout, Tensor | None]:
        """Return the rollout of a shard, with its terms unless other processes find them."""
        number, size, epsilon = shard
        generator, primer = self.generators[number], self.primer.expand(size, -1)
        if self.config.sampling_primer is None:
            primer = self.domain.random_primer(size, generator)
        rollout = self.policy.sample(size, generator, primer, epsilon)
        return rollout, None if self.domain.slow_scoring else self.score(rollout)

    def score(self, rollout: Rollout) -> Tensor:
        """Return the unweighted terms (B, T, K) of a rollout in single precision."""
        return self.domain.score(rollout.tokens, rollout.lengths).float()

    def measure(self, rollout: Rollout) -> None:
        """Wait for other processes to measure what the scores of a rollout need."""
        self.domain.measure(rollout.tokens, rollout.lengths)

    def _states(self) -> Tensor:
        return torch.stack([generator.get_state() for generator in self.generators])

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps: a rollout that was sampled ahead is sampled again after loading."""
        return {"generators": self._states() if self.ahead is None else self.before_ahead}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint kept, by fewer or more generators where the cores differ.

        Random states of another kind of device cannot be set here: the generators are seeded anew, by the update.
        """
        self.ahead = None
        kept = state["generators"].cpu()
        if kept.shape[1:] == self.generators[0].get_state().shape:
            for generator, each in zip(self.generators, kept, strict=False):
                generator.set_state(each.clone())
        else:
            for i, generator in enumerate(self.generators):
                generator.manual_seed(self.config.seed + i + SEED_STRIDE * state["update"])
