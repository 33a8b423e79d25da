"""The tuning loop: sample, score, learn."""

import time
from collections.abc import Generator
from dataclasses import replace

from torch import Tensor

from seqtutor_core.busy_core import BUSY_CORE
from seqtutor_core.config import Controls
from seqtutor_core.rollout import Rollout
from seqtutor_core.tuning import few_calls
from seqtutor_core.tuning.out_of_memory import halve_until_it_fits
from seqtutor_core.tuning.progress import NO_LOSS, Iteration, Progress
from seqtutor_core.tuning.schedules import annealed_c, learning_rate
from seqtutor_core.tuning.tuner import Tuner


def tune(tuner: Tuner, controls: Controls = lambda: ()) -> Generator[Progress, None, None]:
    """Iterate until the budget is used or a control says stop. While paused it yields the last Progress again."""
    paused, last = False, None
    halve_until_it_fits(tuner, tuner.prepare)
    with BUSY_CORE.used():
        while tuner.fraction_done < 1:
            for change in controls():
                tuner.apply(change)
                paused = paused if change.pause is None else change.pause
                if change.stop:
                    return
            last = replace(last, paused=True, message="") if paused and last is not None else iterate(tuner)
            yield last


def iterate(tuner: Tuner) -> Progress:
    """Do one rollout and its updates, and report them. Out of memory halves the batch and says so."""
    began = time.perf_counter()
    step = few_calls.iterate if tuner.settings.memory else _iterate
    with tuner.shards.threads():
        iteration = halve_until_it_fits(tuner, lambda: step(tuner))
        progress = tuner.report(iteration, time.perf_counter() - began)
        for hook in tuner.hooks:
            hook(progress)
    return progress


def _iterate(tuner: Tuner) -> Iteration:
    """Return a rollout, and what was learned: from it, or from those before it."""
    rollout, wait_for_scores = tuner.sampler.next(tuner.next_batch, tuner.epsilon)
    one_behind = tuner.measured_beside and not tuner.warming  # learn from replay while other processes score
    loss = _learn(tuner) if one_behind and len(tuner.replay) else NO_LOSS
    if one_behind and not tuner.last_iteration:  # nor does the next rollout need the scores: the same one, sooner
        halve_until_it_fits(tuner, lambda: tuner.sampler.sample_ahead(tuner.batch, tuner.epsilon))
    terms = wait_for_scores()
    tuner.readback.mark()
    if not tuner.warming:
        tuner.value_offset.settle(terms.sum(1), tuner.objective)
    tuner.replay.add(rollout, terms)
    tuner.calls.count(rollout.tokens, rollout.lengths, terms.sum(1), tuner.objective)
    if not one_behind:
        loss = _imitate(tuner, rollout, terms) if tuner.warming else _learn(tuner)
    return Iteration(rollout, terms, loss)


def _learn(tuner: Tuner) -> Tensor:
    """Learn from replay under an objective whose c may be higher at first; return the last update's loss per token."""
    done, loss = tuner.fraction_done, NO_LOSS
    objective = tuner.objective.replace(c=annealed_c(tuner.objective.c, tuner.settings.anneal, done))
    for _ in range(tuner.settings.updates):
        batch = tuner.replay.sample(*tuner.minibatch, objective, tuner.sampler.generators[0])
        loss = tuner.optimizer.step(batch, tuner.loss, learning_rate(tuner.learning_rate, done))
    return loss


def _imitate(tuner: Tuner, rollout: Rollout, terms: Tensor) -> Tensor:
    """Make sequences of the best policy likelier, which sequential Monte Carlo draws; return the loss per token."""
    batch = tuner.warm_start.batch(rollout, terms, tuner.objective)
    rate = learning_rate(tuner.learning_rate, tuner.fraction_done)
    return tuner.optimizer.step(batch, tuner.warm_start.loss, rate)
