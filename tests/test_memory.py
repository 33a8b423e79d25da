"""A run that needs more memory than its server allows stops with what it has learned, and says why."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from seqtutor_core.environment import RUN_MEMORY, run_megabytes
from seqtutor_core.runs import launcher, memory, run_loop, stop_watchdog
from seqtutor_core.runs.checkpoints import load_checkpoint
from seqtutor_core.runs.stop_watchdog import StopWatchdog
from seqtutor_core.runs.store import create_run
from tests.running import OFTEN, execute, small, tiny_prior, wait_for_state


@pytest.fixture
def prior(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "home"))
    return tiny_prior(tmp_path / "own")


def test_memory_is_counted_and_the_limit_read(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "x = bytearray(b'x') * 400_000_000; print(len(x), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"400000000\n"
        assert memory.used_megabytes() > 400
        child.communicate(b"\n")
    monkeypatch.delenv(RUN_MEMORY, raising=False)
    assert run_megabytes() is None and memory.too_much_memory() == ""
    monkeypatch.setenv(RUN_MEMORY, "4000000")
    assert run_megabytes() == 4_000_000 and memory.too_much_memory() == ""
    monkeypatch.setenv(RUN_MEMORY, "100")
    assert "allows a run 100 MB (SEQTUTOR_RUN_MEMORY)" in memory.too_much_memory()


@pytest.mark.parametrize("wrong", ["much", "-1", "99", "1.5", "２００"])
def test_a_wrong_limit_fails_runs_in_words(prior: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv(RUN_MEMORY, wrong)
    run = create_run(small(prior, updates=3))
    assert execute(run) == 1 and run.status.error.startswith("SEQTUTOR_RUN_MEMORY must be a whole number from 100")
    assert memory.too_much_memory() == ""


def test_what_was_learned_is_saved_and_the_reason_told(prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: the watchdog ends its own thread where a worker ends altogether."""
    run = create_run(small(prior, updates=10**6))
    ended = threading.Event()

    monkeypatch.setattr(stop_watchdog.os, "_exit", lambda code: ended.set())
    monkeypatch.setattr(stop_watchdog.os, "getpgrp", lambda: 0)
    enough = lambda: bool(len(run.metrics()[0]) > 3)  # noqa: E731
    monkeypatch.setattr(stop_watchdog, "too_much_memory", lambda: "stopped: too much" if enough() else "")
    watchdog = StopWatchdog(run.folder, lambda: False)
    watchdog.start()
    learning = threading.Thread(target=run_loop.execute_run, args=(run, ended.is_set, watchdog, OFTEN), daemon=True)
    learning.start()
    assert ended.wait(60)
    status, checkpoint = run.status, load_checkpoint(run.folder / "checkpoints")
    assert (status.state, status.message) == ("stopped", "stopped: too much")
    assert checkpoint is not None and checkpoint.plain["update"] == status.update > 3


@pytest.mark.slow
def test_a_worker_heeds_the_limit_while_it_starts(prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_MEMORY, "100")  # less than torch takes
    run = launcher.start(small(prior, updates=50))
    wait_for_state(run, "stopped", "failed", "finished", "interrupted")
    assert run.status.state == "stopped" and "this machine allows a run 100 MB" in run.status.message
