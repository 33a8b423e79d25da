"""How far the policy of a living run has come, measured now and then, at a pace that learning hardly feels.

Measuring has generators of its own and observes nothing for the domain, so a run learns the same with and without it.
"""

import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch

from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.gauge import Gauge, PriorGauge, measure_policy, measure_prior
from seqtutor_core.parallel import one_thread
from seqtutor_core.policy import Policy
from seqtutor_core.rollout import Rollout
from seqtutor_core.runs.cadence import DEFAULT, Cadence
from seqtutor_core.tuning import Tuner

SEED = 20_000  # apart from those that runs learn with; the same for all runs, and so are the prior's sequences


def why_no_gauge(config: TuningConfig) -> str:
    """Return why a run has no gauge; empty when it has one."""
    if config.sampling_primer is None:
        return (
            "This run has no gauge: each of its sequences begins after a random note of its own, "
            "and what is reachable differs from note to note."
        )
    if config.calls is not None or config.learner_settings.memory:
        return "This run has no gauge: it would spend calls on sequences that nobody learns from."
    return ""


class GaugeMonitor:
    """The gauges of one run, and the gauge of its prior, which they share while the objective stands."""

    def __init__(self, tuner: Tuner, cadence: Cadence = DEFAULT, clock: Callable[[], float] = time.monotonic) -> None:
        self.tuner, self.cadence, self.clock = tuner, cadence, clock
        self.began = self.ended = clock()
        self.last_duration = 0.0  # by the last gauge
        self.measured_settings: tuple[Any, ...] | None = None  # the settings as of the last gauge
        self.prior = Policy(tuner.domain, tuner.prior)
        self.prior_gauge: PriorGauge | None = None
        self.prior_n = 0  # sequences of the prior's gauge
        self.prior_rollout: Rollout | None = None
        self.error = ""
        """Why the last gauge failed; empty when it did not."""

    @property
    def due(self) -> bool:
        """Whether it is time for the next gauge."""
        if why_no_gauge(self.tuner.config):
            return False
        if self.measured_settings is None:
            return self.clock() >= self.began + self.cadence.gauge_first
        if self.measured_settings == self._settings():
            wait = max(self.cadence.gauge_every, self.last_duration / self.cadence.gauge_share)
        else:
            wait = self.last_duration / self.cadence.gauge_share_changed
        return self.clock() >= self.ended + wait

    def measure(self, n: int, rollout: Rollout | None = None) -> dict[str, Any] | None:
        """Return a gauge over n sequences as JSON values; None where there is none, and `error` says why it failed.

        rollout: n sequences of the policy, if they are there already.
        """
        self.error = ""
        if why_no_gauge(self.tuner.config):
            return None
        began = self.clock()
        try:
            with one_thread():
                return gauge_to_json(self._measure(n, rollout), n, self.tuner.objective.c)
        except (SeqTutorError, RuntimeError, MemoryError) as error:  # torch says with a RuntimeError that memory is out
            self.error = f"there is no gauge: {str(error) or 'out of memory'}"
            return None
        finally:
            self.ended, self.measured_settings = self.clock(), self._settings()
            self.last_duration = self.ended - began

    def _measure(self, n: int, rollout: Rollout | None) -> Gauge:
        return measure_policy(self.tuner.policy, self._measure_prior(n), n, SEED + 1, self.tuner.config.primer, rollout)

    def _measure_prior(self, n: int) -> PriorGauge:
        """Return the prior's gauge: anew for another objective or n, else as it was."""
        if n != self.prior_n:
            self.prior_n, self.prior_gauge, self.prior_rollout = n, None, None
        tuner, primer, objective = self.tuner, self.tuner.config.primer, self.tuner.objective
        if tuner.domain.terminal_reward:
            # the prior's sequences serve under all weights and c; they are weighed each time, since what a scaffold
            # earns depends on what the run has seen by now
            if self.prior_rollout is None:
                generator = torch.Generator(tuner.device).manual_seed(SEED)
                self.prior_rollout = self.prior.sample(n, generator, primer)
        elif self.prior_gauge and self.prior_gauge.objective == objective:
            return self.prior_gauge
        self.prior_gauge = measure_prior(self.prior, objective, n, SEED, primer, self.prior_rollout)
        return self.prior_gauge

    def _settings(self) -> tuple[Any, ...]:
        """Return what a user can change of the objective; a KL budget moves c by itself."""
        steering = self.tuner.steering
        c = steering.objective.c if steering.kl_budget is None else None
        return steering.objective.weights, steering.objective.combination, steering.kl_budget, c


def gauge_to_json(gauge: Gauge, n: int, c: float) -> dict[str, Any]:
    """Return a gauge over n sequences, at this c, as JSON values."""
    values = {f.name: getattr(gauge, f.name) for f in fields(gauge)}
    sources = {
        each.name: {"effective_sample_size": each.effective_sample_size, "distinct": each.distinct}
        for each in gauge.sources
    }
    return {**values, "sentence": gauge.sentence, "sources": sources, "n": n, "kl_coefficient": c}
