"""Slots and the line before them: in order, no place lost, and lists, pages and locks say the same."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch

from pages.ui.readout import state_words
from seqtutor_core import doctor, environment
from seqtutor_core.chemistry.pool import Pool, usual_processes
from seqtutor_core.cli.runs import _facts, _line
from seqtutor_core.config import Change
from seqtutor_core.environment import (
    CORES,
    RUN_MEMORY,
    RUNS_PER_VISITOR,
    SLOTS,
    VISIBLE_GPUS,
    gpu_of,
    runs_per_visitor,
    slot_count,
)
from seqtutor_core.errors import SettingError
from seqtutor_core.runs import launcher, run_loop, store, worker
from seqtutor_core.runs.cadence import DEFAULT
from seqtutor_core.runs.index import all_run_info
from seqtutor_core.runs.slots import ORDER, Ticket, places
from seqtutor_core.runs.stop_watchdog import StopWatchdog
from seqtutor_core.runs.store import Run
from tests.running import small, tiny_prior, wait_for, wait_for_state


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    for name in (SLOTS, RUNS_PER_VISITOR, VISIBLE_GPUS):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


# ---------------------------------------------------------------- how many


def test_a_slot_for_each_two_cores_or_each_gpu_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, slots in ((1, 1), (2, 1), (3, 1), (8, 4), (500, 64)):
        monkeypatch.setattr(environment, "cpu_count", lambda cores=cores: cores)
        assert slot_count("cpu") == slots
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert slot_count("cuda") == 3 and [gpu_of(slot) for slot in range(4)] == ["0", "1", "2", "0"]
    monkeypatch.setenv(VISIBLE_GPUS, "5,7")
    assert slot_count("cuda") == 2 and [gpu_of(slot) for slot in range(3)] == ["5", "7", "5"]
    monkeypatch.setenv(SLOTS, " 6 ")
    assert (slot_count("cpu"), slot_count("cuda")) == (6, 6)
    assert "6 runs learn at a time" in part("slots").detail and part("slots").present


@pytest.mark.parametrize("value", ["0", "-1", "65", "1.5", "two", "1e3", "²", "9" * 5000])
def test_a_number_of_slots_that_is_none_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(SLOTS, value)
    with pytest.raises(SettingError, match="SEQTUTOR_SLOTS must be a whole number from 1 to 64; got"):
        launcher.start(small(Path("melody")))
    assert not store.all_runs() and not part("slots").present and part("slots").remedy


def test_a_visitor_has_two_runs_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs_per_visitor() == 2
    monkeypatch.setenv(RUNS_PER_VISITOR, "none")
    with pytest.raises(SettingError, match="SEQTUTOR_RUNS_PER_VISITOR must be"):
        runs_per_visitor()


def part(name: str) -> doctor.Part:
    return next(each for each in (doctor._slots(),) if each.name == name)


# ---------------------------------------------------------------- the line


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_first_come_first_served_and_who_leaves_frees_the_place(kind: str) -> None:
    a, b, c, d, e = (Ticket(kind, name) for name in "abcde")
    assert [each.take_slot(2) for each in (e, b, a, b, c)] == [None, None, 0, 1, None]
    assert places().slots == {"a": f"{kind}:0", "b": f"{kind}:1"} and places().ahead == {"c": 0, "d": 1, "e": 2}
    c.give_back()
    assert places().ahead == {"d": 0, "e": 1}
    a.give_back()
    assert [each.take_slot(2) for each in (e, d)] == [None, 0], "not whoever asks first"
    assert e.take_slot(1) is None, "those who learn are as many as a smaller number allows, or more"
    with closing(_Held(b, d, e)):
        assert places().slots == {"b": f"{kind}:1", "d": f"{kind}:0"} and places().ahead == {"e": 0}
    assert not places().slots and not places().ahead


class _Held:
    def __init__(self, *tickets: Ticket) -> None:
        self.tickets = tickets

    def close(self) -> None:
        for ticket in self.tickets:
            ticket.give_back()


def test_kinds_do_not_wait_for_each_other_and_foreign_files_are_left_alone() -> None:
    with closing(_Held(Ticket("cpu", "a"))) as held:
        (cpu,) = held.tickets
        for name in ("notes.txt", "5x.y", "slot-.a", ".hidden", "7"):
            (cpu.folder / name).touch()
        assert cpu.take_slot(1) == 0
        with closing(_Held(Ticket("cuda", "b"), Ticket("cpu", "c"))) as others:
            assert [each.take_slot(1) for each in others.tickets] == [0, None]
            assert places().slots == {"a": "cpu:0", "b": "cuda:0"}
        assert {path.name for path in cpu.folder.iterdir()} == {
            ORDER, "slot-0.a", "notes.txt", "5x.y", "slot-.a", ".hidden", "7",
        }  # fmt: skip


def test_what_the_dead_left_counts_nothing_and_the_next_sweeps_it() -> None:
    with closing(_Held(Ticket("cpu", "a"))) as held:
        folder = held.tickets[0].folder
        for name in ("000000000.dead", "slot-0.dead", "slot-1.dead"):
            (folder / name).touch()
        assert places().ahead == {"a": 0} and not places().slots
        with closing(_Held(Ticket("cpu", "b"))):
            assert {path.name for path in folder.iterdir()} == {ORDER, "000000001.a", "000000002.b"}
        assert held.tickets[0].take_slot(1) == 0


def test_a_run_on_a_gpu_sees_that_of_its_slot_alone(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Without a GPU: two are pretended, the launcher tells the worker, and the second slot has the second of them."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    given: dict[str, str] = {}
    monkeypatch.setattr(launcher.subprocess, "Popen", lambda *_, env, **__: given.update(env))
    run = store.create_run(small(Path("melody")))
    launcher._spawn(run, "cuda", 0, 0)
    assert (given[SLOTS], given[VISIBLE_GPUS]) == ("2", "0,1")

    seen: list[str] = []

    def execute_run(*_: object) -> int:
        seen.extend(os.environ[name] for name in (VISIBLE_GPUS, CORES))
        return 0

    monkeypatch.setattr(worker, "cpu_count", lambda: 8)
    for name, value in (("nice", lambda _: None), ("environ", {**given, "OMP_NUM_THREADS": "1"})):
        monkeypatch.setattr(worker.os, name, value)
    monkeypatch.setattr(run_loop, "execute_run", execute_run)
    watchdog = StopWatchdog(run.folder, lambda: False)
    with closing(_Held(Ticket("cuda", "other"), Ticket("cuda", run.id))) as held:
        assert held.tickets[0].take_slot(2) == 0
        assert worker._wait_and_work(run.folder, held.tickets[1], "cuda", watchdog, DEFAULT) == 0
        assert places().slots[run.id] == "cuda:1" and seen == ["1", "4"]


def test_a_run_alone_has_all_cores_and_of_several_each_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "cpu_count", lambda: 8)
    with closing(_Held(*(Ticket("cpu", name) for name in "abc"))) as held:
        shares = [held.tickets[slot].take_slot(3) == slot and worker._share_of_cores("cpu") for slot in range(3)]
    assert shares == [8, 4, 2]


def test_a_run_beside_others_starts_as_many_processes_as_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "cpu_count", lambda: 6)
    sizes = []
    for share in ("", "3", "1"):  # empty: outside of a run
        monkeypatch.setenv(CORES, share)
        with closing(Pool()) as pool:
            sizes.append(pool.processes)
    assert sizes == [6, 3, 1]


@pytest.mark.parametrize(("megabytes", "processes"), [("", 32), ("2500", 8), ("100", 1)])
def test_processes_are_as_many_as_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch, megabytes: str, processes: int
) -> None:
    monkeypatch.setenv(CORES, "64")
    monkeypatch.setenv(RUN_MEMORY, megabytes)
    assert usual_processes() == processes


def test_a_ticket_that_somebody_removed_is_told() -> None:
    with closing(_Held(Ticket("cpu", "a"))) as held:
        held.tickets[0].path.unlink()
        with pytest.raises(OSError, match="was removed"):
            held.tickets[0].take_slot(1)


def test_a_worker_that_waits_has_not_imported_torch() -> None:
    code = "import sys, seqtutor_core.runs.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=environment.PACKAGE_PARENT, check=False).returncode == 0


# ---------------------------------------------------------------- real workers


@pytest.fixture
def two_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A prior, two slots, and no worker that outlives the test."""
    monkeypatch.setenv(SLOTS, "2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield tiny_prior(tmp_path / "prior")
    for run in store.all_runs():
        if run.alive and run.status.pid:
            os.kill(run.status.pid, signal.SIGKILL)


def told(started: list[Run]) -> dict[str, str]:
    """Where runs stand by the locks; and by commands and pages, which must agree."""
    there = places()
    known = {run.id: there.slots.get(run.id) or f"{there.ahead.get(run.id)} ahead" for run in started if run.alive}
    assert set(there.slots) | set(there.ahead) == set(known)
    for info in all_run_info():
        facts = _facts(store.open_run(info.id))
        if info.id not in known:
            assert (
                info.state == facts["state"] == "interrupted" and info.ahead is facts["ahead"] is facts["slot"] is None
            )
        elif info.id in there.slots:
            assert info.state in ("waiting", "running") and info.ahead is facts["ahead"] is None
            assert facts["slot"] == known[info.id] and state_words(info) in ("Starting", "Tuning")
        else:
            assert info.state == facts["state"] == "waiting" and info.ahead == facts["ahead"] == there.ahead[info.id]
            words = f"{info.ahead} ahead of it" if info.ahead else "next in line"
            assert state_words(info) == f"Waiting, {words}" and f"waiting, {words}" in _line(info)
    return known


def kill(run: Run) -> None:
    wait_for(lambda: run.status.pid, run)
    assert run.status.pid
    os.kill(run.status.pid, signal.SIGKILL)
    wait_for(lambda: not run.alive, run)


@pytest.mark.slow
def test_whoever_is_killed_lists_pages_and_locks_agree_and_the_next_begins(two_slots: Path) -> None:
    chance = random.Random(17)
    runs = [launcher.start(small(two_slots, seconds=600)) for _ in range(5)]
    line = list(runs)  # those alive, in order of their start: the first two learn
    while line:
        wait_for(lambda: set(places().slots) == {run.id for run in line[:2]}, line[0])
        now = told(runs)
        assert [now[run.id] for run in line[2:]] == [f"{place} ahead" for place in range(len(line) - 2)]
        kill(victim := line.pop(chance.randrange(len(line))))
        assert victim.state == "interrupted" and victim.ahead is None
    assert told(runs) == {}


@pytest.mark.slow
def test_a_waiting_run_that_is_stopped_frees_its_place_and_a_paused_one_keeps_its_slot(two_slots: Path) -> None:
    learning = [launcher.start(small(two_slots, seconds=600)) for _ in range(2)]
    waiting, last = (launcher.start(small(two_slots, seconds=600)) for _ in range(2))
    wait_for(lambda: (waiting.ahead, last.ahead) == (0, 1), last)  # a worker takes its slot when it has started
    assert launcher.stop(waiting, wait=60) and waiting.status.message == "stopped while waiting"
    wait_for(lambda: last.ahead == 0, last)
    launcher.resume(waiting)
    assert (last.ahead, waiting.ahead) == (0, 1), "who comes back stands behind"
    learning[0].change(Change(pause=True))
    wait_for_state(learning[0], "paused")
    assert (last.ahead, waiting.ahead) == (0, 1), "a paused run keeps its slot"
    assert launcher.stop(learning[0], wait=60)
    wait_for(lambda: (last.ahead, waiting.ahead) == (None, 0), last)
    assert places().slots[last.id] and last.state in store.ACTIVE
