"""Accidents of a machine: each brought about, and what the program said and did."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

from benchmarks.browser import Row
from benchmarks.reliability.inputs import temporary_home
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import launcher, store, trash
from seqtutor_core.runs.bundle_export import export_bundle
from seqtutor_core.runs.bundle_import import import_bundle
from seqtutor_core.runs.index import all_run_info
from seqtutor_core.runs.names import rename_run
from seqtutor_core.runs.store import ACTIVE, Run
from tests.running import OFTEN, execute, small, tiny_prior, wait_for
from tests.test_faults import UPDATES, fill, pid, policy_bytes, save_and_go_on

ROOT = Path(__file__).parents[2]
SMALL_DISK = "3m"
HOUR = 3600.0


def accidents(only: Collection[str]) -> list[Row]:
    """Return what happened in each accident whose name has one of the texts."""
    rows = []
    for name, happens in ACCIDENTS.items():
        if any(text in name for text in only):
            with temporary_home() as home:
                rows.append({"accident": name, "what happened": happens(home)})
    return rows


def full_disk(home: Path) -> str:
    """Fill the disk of a learning run; free it, and resume."""
    prior = tiny_prior(home / "own")
    reference = _reference(home, prior)
    with _disk(home / "runs"):
        run = launcher.start(small(prior, updates=UPDATES))
        save_and_go_on(run)
        fill(home / "runs" / "big")
        wait_for(lambda: run.state not in ACTIVE, run)
        told = [f"{run.state}: {run.status.message}", *_tried(run, home)]
        (home / "runs" / "big").unlink()
        return "; ".join([*told, _resumed(run, reference)])


def read_only(home: Path) -> str:
    """Take away the right to write while a run learns; give it back, and resume."""
    run, reference = _learning(home)
    _mount("--bind", str(home / "runs"), str(home / "runs"))  # what is open stays writable, all else is not
    try:
        _mount("-o", "remount,bind,ro", str(home / "runs"))
        wait_for(lambda: not run.alive, run)
        told = [f"{run.state} in a list of {len(all_run_info())}", *_tried(run, home)]
    finally:
        subprocess.run(["umount", "--lazy", home / "runs"], check=True)
    return "; ".join([*told, _resumed(run, reference)])


def vanished(home: Path) -> str:
    """Take the whole store away while a run learns; put it back, and resume."""
    run, reference = _learning(home)
    worker, began = pid(run), time.monotonic()
    (home / "runs").rename(home / "away")
    while Path(f"/proc/{worker}").exists() and time.monotonic() < began + 30:
        time.sleep(0.05)
    gone = time.monotonic() - began
    listed = len(all_run_info())
    told = f"its worker ended after {gone:.1f} s; {listed} runs listed; {_said(lambda: store.open_run(run.id))}"
    shutil.rmtree(home / "runs", ignore_errors=True)
    (home / "away").rename(home / "runs")
    return f"{told}; put back: {run.state}; {_resumed(run, reference)}"


def clock_set_back(home: Path) -> str:
    """Set the clock back by an hour in the middle of a run, which this process does itself."""
    prior = tiny_prior(home / "own")
    reference = _reference(home, prior)
    run = store.create_run(small(prior, updates=UPDATES))
    real, began = time.time, time.monotonic()
    with patch("time.time", lambda: real() - (HOUR if time.monotonic() > began + 0.5 else 0.0)):
        execute(run, OFTEN)
        status, lines = run.status, run.metrics()[0]
        assert status.ended is not None and status.started is not None
        back = sum(b["time"] < a["time"] for a, b in pairwise(lines))
        rising = all(b["seconds"] > a["seconds"] for a, b in pairwise(lines))
        trash.discard(run)
        left = trash.seconds_left(run.id)
        trash.purge()
        trash.restore(run.id)
    same = "as without" if policy_bytes(run) == reference else "another policy"
    return (
        f"{run.state}, {same}; {back} step back among the times of {len(lines)} lines, learning time "
        f"{'rises all along' if rising else 'jumps'}; deleted then, it can be restored for {left:.0f} s"
    )


def port_taken(home: Path) -> str:
    """Serve on a port that another program listens on."""
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(["make", "port", f"PORT={port}"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    return f"make app ends with status {done.returncode}: {done.stdout.strip().replace(port, 'N')}"


ACCIDENTS: dict[str, Callable[[Path], str]] = {
    "full disk": full_disk,
    "read-only store": read_only,
    "vanished store": vanished,
    "clock set back": clock_set_back,
    "port taken": port_taken,
}


# ---------------------------------------------------------------- what they share


def _learning(home: Path) -> tuple[Run, bytes]:
    """Return a run that learns, saved once, and the policy that it has to end with."""
    prior = tiny_prior(home / "own")
    reference = _reference(home, prior)
    run = launcher.start(small(prior, updates=UPDATES))
    save_and_go_on(run)
    return run, reference


def _reference(home: Path, prior: Path) -> bytes:
    """Return the policy of a run that nothing befell, in a home of its own."""
    with patch.dict(os.environ, SEQTUTOR_HOME=str(home / "reference")):
        run = store.create_run(small(prior, updates=UPDATES))
        execute(run)
        return policy_bytes(run)


def _tried(run: Run, home: Path) -> list[str]:
    """Return what is said to those who start, rename, export to the same disk and import there."""
    away = home / "away.zip"
    attempts: dict[str, Callable[[], object]] = {
        "start": lambda: launcher.start(run.config),
        "rename": lambda: rename_run(run, "another"),
        "export": lambda: export_bundle(run, away),
        "export there": lambda: export_bundle(run, home / "runs" / "b.zip"),
        "import": lambda: import_bundle(away),
        "resume": lambda: launcher.resume(run),
    }
    return [f"{name}: {_said(attempt).replace(str(home), 'HOME')}" for name, attempt in attempts.items()]


def _said(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except SeqTutorError as error:
        return str(error)
    return "done"


def _resumed(run: Run, reference: bytes) -> str:
    wait_for(lambda: run.state not in ACTIVE, run)  # what was resumed while there was no room
    if run.state != "finished":
        launcher.resume(run)
        wait_for(lambda: run.state not in ACTIVE, run)
    return f"resumed: {run.state}, {'as uninterrupted' if policy_bytes(run) == reference else 'another policy'}"


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Make the folder a small disk of its own; only root may."""
    folder.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _mount(*options: str) -> None:
    subprocess.run(["mount", *options], check=True)
