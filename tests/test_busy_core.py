"""The core of a thread that learns: its own, but while it waits."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import torch

from seqtutor_core.busy_core import BusyCore
from seqtutor_core.chemistry import pool as pools
from seqtutor_core.chemistry.pool import Pool
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.tuning import loop, sampler, tune
from tests.test_molecule_pool import ATOMS, PLAIN, atoms, chains
from tests.tiny import Tiny, tiny_tuner


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> BusyCore:
    """A core that no other test's run keeps busy."""
    core = BusyCore()
    for module in (pools, loop, sampler):
        monkeypatch.setattr(module, "BUSY_CORE", core)
    return core


def test_a_thread_that_learns_has_a_core_of_its_own_but_while_it_waits(core: BusyCore) -> None:
    with closing(Pool(2)) as pool, ThreadPoolExecutor(1) as aside, core.used():
        aside.submit(pool.measure, chains(40), PLAIN, ATOMS).result()
        assert len(pool.pids) == 1
        pool.measure(chains(40, 50), PLAIN, ATOMS)  # it waits itself
        assert len(pool.pids) == 2
        assert core.busy
    assert not core.busy


def test_the_only_process_measures_for_a_thread_that_learns(core: BusyCore) -> None:
    with closing(Pool(1)) as pool, ThreadPoolExecutor(1) as aside, core.used():
        measured = aside.submit(pool.measure, chains(3), PLAIN, ATOMS).result()
    assert atoms(measured) == [1, 2, 3]


def test_a_pool_that_closes_lets_go_of_what_waits_for_a_core(core: BusyCore) -> None:
    with closing(Pool(2)) as pool, ThreadPoolExecutor(1) as aside, core.used():
        asked = aside.submit(pool.measure, chains(400), PLAIN, ATOMS)
        while not pool.pids:
            time.sleep(0.01)
        pool.close()
        with pytest.raises(SeqTutorError, match="closed"):
            asked.result(20)


def test_a_run_that_waits_long_for_its_scores_lends_its_core(monkeypatch: pytest.MonkeyPatch, core: BusyCore) -> None:
    """Here they come only once it does: after a while, and at once for the last, since nothing is sampled ahead."""
    monkeypatch.setattr(sampler, "PATIENCE", 0.01)
    monkeypatch.setattr(Tiny, "slow_scoring", True)
    tuner, lent = tiny_tuner("rloo", 3, {"rise": 1.0, "close": 1.0}), []

    def measure(tokens: torch.Tensor, lengths: torch.Tensor) -> None:
        with core.changed:
            lent.append(core.changed.wait_for(lambda: not core.busy, 20))

    tuner.domain.measure = measure  # type: ignore[method-assign]
    assert len([*tune(tuner)]) == 3
    assert (lent, core.busy) == ([True] * 3, False)
