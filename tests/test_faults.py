"""Real faults: killed workers, damaged checkpoints, full disks, two starts at once. Real processes throughout."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file

from seqtutor_core import environment
from seqtutor_core.config import Change
from seqtutor_core.environment import SLOTS
from seqtutor_core.errors import PriorError, RunError
from seqtutor_core.runs import launcher, store
from seqtutor_core.runs.locks import shared_index_lock
from seqtutor_core.runs.store import Run, load_policy, open_run
from tests.running import is_gone, small, tiny_prior, updates, wait_for, wait_for_state

pytestmark = pytest.mark.slow  # real worker processes

UPDATES = 500  # some four seconds where it is fast; a run must not end before it is stopped


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_prior(tmp_path_factory.mktemp("priors"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own for each test; no worker outlives it."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield tmp_path
    for folder in (tmp_path / "runs").glob("*"):
        if (run := Run(folder)).alive:
            kill(run)


@pytest.fixture(scope="module")
def reference(prior: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The policy of a run that nothing befell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQTUTOR_HOME", str(tmp_path_factory.mktemp("reference")))
        patch.setenv("OMP_NUM_THREADS", "1")
        run = launcher.start(small(prior, updates=UPDATES))
        wait_for_state(run, "finished", "failed")
        return policy_bytes(run)


def policy_bytes(run: Run) -> bytes:
    tensors = load_file(run.folder / "policy.safetensors")
    return b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors))


def pid(run: Run) -> int:
    wait_for(lambda: run.status.pid, run)
    assert run.status.pid
    return run.status.pid


def kill(run: Run, number: int = signal.SIGKILL) -> None:
    os.kill(pid(run), number)
    wait_for(lambda: not run.alive, run)


def save_and_go_on(run: Run) -> None:
    """Pausing writes a checkpoint; then learn past it."""
    before = len(updates(run))
    wait_for(lambda: len(updates(run)) > before, run)
    run.change(Change(pause=True))
    wait_for_state(run, "paused")
    run.change(Change(pause=False))
    wait_for_state(run, "running")


def test_a_killed_run_resumes_and_ends_as_if_it_had_not_been_killed(prior: Path, reference: bytes) -> None:
    run = launcher.start(small(prior, updates=UPDATES))
    save_and_go_on(run)
    saved = run.status.update
    wait_for(lambda: updates(run)[-1] > saved, run)
    kill(run)
    assert run.state == "interrupted"
    assert saved < updates(run)[-1] < UPDATES

    launcher.resume(run)
    wait_for_state(run, "finished", "failed")
    assert run.status.update == UPDATES
    assert policy_bytes(run) == reference
    steps = updates(run)
    assert steps == sorted(set(steps)) and steps[-1] == UPDATES


def test_a_damaged_checkpoint_gives_way_to_the_one_before(prior: Path, reference: bytes) -> None:
    run = launcher.start(small(prior, updates=UPDATES))
    save_and_go_on(run)
    save_and_go_on(run)
    kill(run)
    older, newest = sorted((run.folder / "checkpoints").glob("*.safetensors"))[-2:]
    os.truncate(newest, newest.stat().st_size // 2)

    launcher.resume(run)
    wait_for_state(run, "finished", "failed")
    assert run.status.message == f"the last checkpoint was damaged; went on from update {int(older.stem[7:])}"
    assert policy_bytes(run) == reference


def test_a_flipped_bit_in_every_checkpoint_starts_the_run_again(prior: Path, reference: bytes) -> None:
    run = launcher.start(small(prior, updates=UPDATES))
    save_and_go_on(run)
    kill(run)
    for path in (run.folder / "checkpoints").glob("*.safetensors"):
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)

    launcher.resume(run)
    wait_for_state(run, "finished", "failed")
    assert run.status.message == "no checkpoint could be read; the run began again"
    assert policy_bytes(run) == reference


def test_a_full_disk_stops_the_run_and_space_resumes_it(prior: Path, home: Path, reference: bytes) -> None:
    disk = home / "runs"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk to fill")
    try:
        run = launcher.start(small(prior, updates=UPDATES))
        save_and_go_on(run)
        fill(disk / "big")
        wait_for_state(run, "stopped", "failed", "interrupted", "finished")
        status = json.loads((run.folder / "status.json").read_text())
        assert status["state"] == "stopped"
        assert status["message"].startswith("the disk is full, so the run stopped; it is saved as of update ")
        assert "Traceback" not in (run.folder / "worker.log").read_text()

        (disk / "big").unlink()
        launcher.resume(run)
        wait_for_state(run, "finished", "failed")
        assert policy_bytes(run) == reference
    finally:
        for each in disk.glob("*"):
            if each.is_dir() and Run(each).alive:
                kill(Run(each))
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill(path: Path) -> None:
    """Write until there is no space."""
    with open(path, "wb", buffering=0) as file, pytest.raises(OSError) as full:
        while True:
            file.write(b"x" * 512)
    assert full.value.errno == errno.ENOSPC


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are a matter of Linux")
def test_files_that_may_not_grow_stop_the_run_and_keep_what_was_saved(prior: Path) -> None:
    run = launcher.start(small(prior, updates=UPDATES))
    save_and_go_on(run)
    saved = {p.name: p.read_bytes() for p in (run.folder / "checkpoints").iterdir()}
    resource.prlimit(pid(run), resource.RLIMIT_FSIZE, (2_000, 2_000))
    wait_for_state(run, "stopped", "failed", "interrupted", "finished")
    assert run.status.state == "stopped"
    assert "the disk is full" in run.status.message
    assert {p.name: p.read_bytes() for p in (run.folder / "checkpoints").iterdir()} == saved
    assert load_policy(run).settings.hidden == 16


def test_of_two_starts_the_second_waits_and_runs_after(prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SLOTS, "1")
    first = launcher.start(small(prior, seconds=600))
    wait_for_state(first, "running")
    second = launcher.start(small(prior, updates=3))
    third = launcher.start(small(prior, updates=3))
    assert (second.state, second.ahead, third.state, third.ahead) == ("waiting", 0, "waiting", 1)
    assert launcher.stop(third, wait=60)
    assert third.state == "stopped" and third.status.message == "stopped while waiting" and not updates(third)

    assert launcher.stop(first, wait=60)
    worker = pid(second)
    wait_for_state(second, "finished", "failed")
    assert second.status.update == 3 and second.ahead is None
    wait_for(lambda: is_gone(worker), second)  # no zombie


def test_sigterm_ends_with_a_checkpoint(prior: Path) -> None:
    run = launcher.start(small(prior, updates=UPDATES))
    wait_for(lambda: updates(run), run)
    kill(run, signal.SIGTERM)
    assert run.state == "stopped"
    newest = max((run.folder / "checkpoints").glob("*.safetensors"))
    assert int(newest.stem[7:]) == run.status.update == updates(run)[-1]
    assert load_policy(run).settings.hidden == 16


def test_ctrl_c_while_the_worker_starts_stops_the_run(prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(launcher.select, "select", interrupted)
        launcher.start(small(prior, updates=UPDATES))
    (run,) = store.all_runs()
    wait_for_state(run, "stopped", "failed", "finished")
    assert run.state == "stopped"


def test_a_missing_prior_begins_no_run(home: Path, tmp_path: Path) -> None:
    with pytest.raises(PriorError, match="no prior named 'gone'"):
        launcher.start(small(tmp_path / "gone", updates=3))
    assert not (home / "runs").exists()


def test_a_prior_that_went_missing_fails_the_run_and_is_named(prior: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(prior, tmp_path / "moved")
    run = launcher.start(small(moved, seconds=600))
    wait_for_state(run, "running")
    kill(run)
    moved.rename(tmp_path / "elsewhere")
    launcher.resume(run)
    wait_for_state(run, "failed", "finished")
    assert "no prior named 'moved'" in run.status.error
    assert "Traceback" not in (run.folder / "worker.log").read_text()
    (tmp_path / "elsewhere").rename(moved)
    launcher.resume(run)
    wait_for_state(run, "running")  # lines there are from before
    wait_for(lambda: updates(run), run)
    assert run.state == "running" and not run.status.error


def test_a_worker_that_cannot_start_fails_the_run_at_once(
    prior: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (environment, launcher):
        monkeypatch.setattr(module, "PACKAGE_PARENT", home)  # where there is no package
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(RunError, match="could not be started: its worker ended at once"):
        launcher.start(small(prior, updates=3))
    [folder] = (home / "runs").iterdir()
    assert open_run(folder.name).state == "failed"


def test_a_paused_worker_whose_folder_was_taken_away_ends(prior: Path) -> None:
    run = launcher.start(small(prior, seconds=600))
    run.change(Change(pause=True))
    wait_for_state(run, "paused")
    worker = pid(run)
    run.folder.rename(run.folder.with_name("elsewhere"))
    wait_for(lambda: is_gone(worker), run)


def test_a_second_worker_leaves_the_first_one_alone(prior: Path) -> None:
    run = launcher.start(small(prior, seconds=600))
    wait_for_state(run, "running")
    with pytest.raises(RunError, match="is running already"):
        launcher.resume(run)
    second = subprocess.run(
        [sys.executable, "-m", "seqtutor_core.runs.worker", run.id],
        cwd=environment.PACKAGE_PARENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "has a living worker already" in second.stderr
    assert run.state == "running"


def test_a_worker_killed_before_its_first_status_is_known_to_be_dead_at_once(
    prior: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took 20 s to tell it from one that is about to start; whose number a process has does not matter."""
    spawned: list[subprocess.Popen[bytes]] = []
    spawn = launcher._spawn

    def spy(run: Run, device: str, lock: int, word: int) -> subprocess.Popen[bytes]:
        spawned.append(spawn(run, device, lock, word))
        return spawned[-1]

    monkeypatch.setattr(launcher, "_spawn", spy)
    run = launcher.start(small(prior, seconds=600))
    spawned[0].kill()
    spawned[0].wait()
    assert run.status.launched > time.time() - store.LAUNCH_GRACE
    assert run.state == "interrupted"
    launcher.resume(run)
    wait_for(lambda: updates(run), run)
    assert run.state == "running"


def test_what_the_dead_left_is_swept_by_the_next_worker(prior: Path, home: Path) -> None:
    """Half-written files of a killed worker, and hidden folders of runs half made or half deleted."""
    run = launcher.start(small(prior, seconds=600))
    save_and_go_on(run)
    kill(run)
    left = [
        run.folder / ".policy.safetensors.1.tmp",
        run.folder / "checkpoints" / ".update-000000001.safetensors.1.tmp",
    ]
    left += [run.folder / "samples" / ".1.jsonl.1.tmp"]
    for path in left:
        path.write_bytes(b"half")
    for name in (".new-x", ".new-y"):
        (home / "runs" / name / "checkpoints").mkdir(parents=True)
    launcher.resume(run)
    wait_for_state(run, "running", "failed")
    assert not [path for path in left if path.exists()]
    assert [path.name for path in (home / "runs").iterdir()] == [run.id]


def test_hidden_folders_of_the_living_are_not_swept(home: Path) -> None:
    with shared_index_lock():
        (home / "runs" / ".new-x").mkdir(parents=True)
        store.delete_unfinished()
        assert (home / "runs" / ".new-x").exists()
    store.delete_unfinished()
    assert not (home / "runs" / ".new-x").exists()
