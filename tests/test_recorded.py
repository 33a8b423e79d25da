"""What is recorded writes its results into the same places each time: whoever learns from them keeps none of those.

A graph is played on the CPU here: each replay computes the function anew and writes over what it returned before.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from seqtutor_core import priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.melody import PAPER_TERMS
from seqtutor_core.learners import DEFAULT, LEARNERS
from seqtutor_core.parallel import ShardPool
from seqtutor_core.recorded import Recorded, Recording
from seqtutor_core.rollout import Rollout
from seqtutor_core.tuning import Tuner, tune
from seqtutor_core.tuning.sampler import Sampler

WEIGHTS = {"melody": dict.fromkeys(PAPER_TERMS, 1.0), "molecule": {"qed": 40.0}}
SMALL = {"batch": 32, "minibatch": 48, "bfloat16": False}


class Played(Recorded):
    """A recording without a GPU."""

    made = 0

    def _record(self, arguments: tuple[Any, ...], places: list[Tensor]) -> Recording:
        states = [generator.get_state() for generator in self.generators]
        result = self.function(*arguments, *places)
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)
        Played.made += 1

        class Graph:
            def replay(_) -> None:
                for place, value in zip(tensors(result), tensors(self.function(*arguments, *places)), strict=True):
                    place.copy_(value)

        return Recording(cast(torch.cuda.CUDAGraph, Graph()), places, result)


def tensors(result: Any) -> Iterator[Tensor]:
    """Yield each tensor of a result."""
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, Rollout):
        for field in fields(Rollout):
            yield getattr(result, field.name)
    else:
        for each in result or ():
            yield from tensors(each)


def job(name: str, learner: str, **values: Any) -> Tuner:
    config = TuningConfig(name, name, learner, weights=WEIGHTS[name], updates=6, overrides=SMALL, **values)
    return Tuner(config, build_domain(name), priors.load(name).network, ShardPool(torch.device("cpu"), 1))


@pytest.mark.parametrize(
    ("domain", "learner", "values"),
    [
        *(("melody", name, {}) for name in LEARNERS),
        ("melody", DEFAULT, {"warm_start": True}),
        ("molecule", DEFAULT, {}),  # whose next rollout is recorded over this one while it is measured
    ],
)
def test_a_recorded_run_is_the_one_that_would_be_computed(
    domain: str, learner: str, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rollouts and gradients alike, all metrics to the last digit."""
    plain = [progress.to_json() for progress in tune(job(domain, learner, **values))]
    recorded, Played.made = job(domain, learner, **values), 0
    monkeypatch.setattr(Sampler, "_recordable", True)
    recorded.sampler.recorded = Played(recorded.sampler.play_shard, recorded.sampler.generators)
    recorded.optimizer.recorded = Played(recorded.optimizer._gradient)
    played = [progress.to_json() for progress in tune(recorded)]
    for one, two in zip(plain, played, strict=True):
        assert {**one, "seconds": 0, "steps_per_second": 0} == {**two, "seconds": 0, "steps_per_second": 0}
    if domain == "melody":  # on a CPU each batch of molecules is as long as its longest
        assert Played.made == (3 if values else 2), "a rollout, an update, and that of a warm start"


def test_what_is_given_is_copied_to_where_it_was_recorded() -> None:
    recorded = Played(lambda factor, x: (factor * x,))
    first = torch.ones(3)
    assert recorded(2, tensors=[first])[0].tolist() == [2, 2, 2]
    result = recorded(2, tensors=[torch.full((3,), 5.0)])[0]
    assert result.tolist() == [10, 10, 10] and first.tolist() == [1, 1, 1]
    assert recorded(2, tensors=[torch.ones(2)])[0].tolist() == [2, 2], "another shape, another recording"
    assert len(recorded.recordings) == 1
