"""Shards in threads and in turns: the same numbers, and the faster of the two."""

import threading
from dataclasses import replace

import pytest
import torch

from seqtutor_core import parallel
from seqtutor_core.config import TuningConfig
from seqtutor_core.parallel import RETRY, TRIALS, Choice, ShardPool
from seqtutor_core.tuning import Tuner, tune
from tests.tiny import Tiny, tiny_prior, tiny_tuner

ONES = {"rise": 1.0, "close": 1.0}


def chosen(choice: Choice, calls: int, seconds: dict[bool, float]) -> list[bool]:
    """The ways of so many calls, which take these seconds by whether threads are used."""
    ways = []
    for _ in range(calls):
        ways.append(choice.threads())
        choice.record(ways[-1], seconds[ways[-1]])
    return ways


@pytest.mark.parametrize("threads_are_faster", [True, False])
def test_the_faster_way_is_kept(threads_are_faster: bool) -> None:
    choice = Choice("update")
    seconds = {threads_are_faster: 1.0, not threads_are_faster: 1.5}
    first = chosen(choice, 2 * (TRIALS + 1), seconds)
    assert first.count(True) == first.count(False)
    assert set(chosen(choice, 20, seconds)) == {threads_are_faster}
    assert ("in threads:" in str(choice)) == threads_are_faster


def test_the_choice_follows_the_machine() -> None:
    """Threads win until something else takes the cores; then turns do, after a few calls."""
    choice = Choice("rollout")
    assert choice.threads()
    chosen(choice, 50, {True: 1.0, False: 1.5})
    assert str(choice) == "rollout in threads: 1000 ms in threads, 1500 ms in turns"
    busy = chosen(choice, RETRY, {True: 2.0, False: 1.5})
    assert str(choice) == "rollout in turns: 2000 ms in threads, 1500 ms in turns"
    assert busy.count(True) <= TRIALS


def test_results_are_the_same_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "cpu_count", lambda: 2)
    after = []
    for way in (True, False):
        monkeypatch.setattr(Choice, "threads", lambda self, way=way: way)
        tuner = tiny_tuner("psi", 3, ONES, batch=256, minibatch=256)
        progress = list(tune(tuner))
        assert [*tuner.shards.choices] == ["rollout", "update"]
        after.append((progress[-1].metrics, [*tuner.network.parameters()]))
    assert after[0][0] == after[1][0]
    assert all(torch.equal(one, two) for one, two in zip(after[0][1], after[1][1], strict=True))


def test_the_next_rollout_is_measured_beside_the_last_one() -> None:
    shards, both = ShardPool(torch.device("cpu")), threading.Barrier(2)
    started = [shards.run_aside(both.wait, 10) for _ in range(2)]  # each waits until the other has begun
    assert sorted(one.result() for one in started) == [0, 1]


@pytest.mark.parametrize(("cores", "in_an_iteration"), [(2, 1), (1, 3)])
def test_torch_has_one_thread_in_an_iteration_unless_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch, cores: int, in_an_iteration: int
) -> None:
    monkeypatch.setattr(parallel, "cpu_count", lambda: cores)
    tuner, before, seen = tiny_tuner("psi", 2, ONES), torch.get_num_threads(), list[int]()
    tuner.hooks.append(lambda progress: seen.append(torch.get_num_threads()))
    try:
        torch.set_num_threads(3)
        list(tune(tuner))
        assert seen == [in_an_iteration] * 2 and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("cores", "shards"), [(1, 1), (2, 1), (4, 3), (16, 8)])
def test_a_core_is_left_to_what_measures_beside(monkeypatch: pytest.MonkeyPatch, cores: int, shards: int) -> None:
    monkeypatch.setattr(parallel, "cpu_count", lambda: cores)
    config = TuningConfig("tiny", "tiny", "rloo", weights=ONES, updates=1)
    whole = Tuner(config, Tiny(), tiny_prior())
    monkeypatch.setattr(Tiny, "slow_scoring", True)
    beside = Tuner(config, Tiny(), tiny_prior())
    calls = Tuner(replace(config, updates=None, calls=1000), Tiny(), tiny_prior())  # waits for each rollout's scores
    assert (whole.shards.size, beside.shards.size, calls.shards.size) == (min(cores, 8), shards, min(cores, 8))
    assert (whole.shards.uncut, beside.shards.uncut) == (cores == 1, False)


def test_shards_in_order_use_one_thread_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "cpu_count", lambda: 3)
    shards = ShardPool(torch.device("cpu"))
    for _ in range(3):
        assert shards.map(lambda _: torch.get_num_threads(), range(3), "counting") == [1, 1, 1]
