"""A run stops within two seconds wherever it stands, and goes on as if it had not been stopped. Real processes."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from seqtutor_core.config import Change, TuningConfig
from seqtutor_core.domains.molecule import Molecule
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.priors import Prior, save
from seqtutor_core.replay import Replay
from seqtutor_core.rollout import Rollout
from seqtutor_core.runs import launcher
from seqtutor_core.runs.checkpoints import load_checkpoint
from seqtutor_core.runs.stop_watchdog import StopWatchdog
from seqtutor_core.runs.store import Run, all_runs, create_run
from tests.running import PATIENCE, execute, executed, is_gone, small, tiny_prior, updates, wait_for

UPDATES = 12
WITHIN = 2.0 + 2.0  # seconds; the second two for a machine that tests many things at once

# A worker in which a function, called for the nth time, does its work and then takes ten minutes more.
SLOW = """
import importlib, itertools, os, sys, time
place, times, folder, reached = sys.argv[1:]
module, _, names = place.partition(":")
*owners, name = names.split(".")
owner = importlib.import_module(module)
for each in owners:
    owner = getattr(owner, each)
original, calls = getattr(owner, name), itertools.count(1)
def slow(*arguments, **options):
    call, found = next(calls), original(*arguments, **options)
    if call == int(times):
        open(reached, "w").close()
        time.sleep(600)
    return found
setattr(owner, name, slow)
from seqtutor_core.runs import worker
from seqtutor_core.runs.cadence import Cadence
sys.exit(worker.main([folder], Cadence(metrics_every=0.0, gauge_first=0.0)))
"""

pytestmark = pytest.mark.slow  # real worker processes


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_prior(tmp_path_factory.mktemp("priors"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(launcher, "launch", execute)  # it goes on in this process
    return tmp_path


@pytest.fixture(scope="module")
def reference(prior: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The policy of a run that nobody stopped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQTUTOR_HOME", str(tmp_path_factory.mktemp("reference")))
        patch.setenv("OMP_NUM_THREADS", "1")
        run = executed(small(prior, updates=UPDATES))
        return load_file(run.folder / "policy.safetensors")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., tuple[Run, subprocess.Popen[bytes]]]]:
    """Starts a worker and waits until it is slow."""
    processes = []

    def start(
        config: TuningConfig, place: str, times: int, then: Callable[[Run], None] = lambda run: None
    ) -> tuple[Run, subprocess.Popen[bytes]]:
        run, reached = create_run(config), tmp_path / "reached"
        with open(run.folder / "worker.log", "wb") as log:
            command = [sys.executable, "-c", SLOW, place, str(times), str(run.folder), str(reached)]
            processes.append(subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log))
        then(run)
        wait_for(reached.exists, run)
        return run, processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def stop(run: Run, process: subprocess.Popen[bytes], by_signal: bool = False) -> None:
    began = time.monotonic()
    if by_signal:
        os.kill(process.pid, signal.SIGTERM)
    else:
        run.change(Change(stop=True))
    assert process.wait(PATIENCE) == 0
    assert time.monotonic() - began < WITHIN
    assert run.state == "stopped" and run.status.ended and not run.alive


@pytest.mark.parametrize(
    ("place", "times", "saved"),
    [
        ("seqtutor_core.tuning.sampler:Sampler.sample", 4, 3),
        ("seqtutor_core.replay:Replay.add", 4, 3),
        ("seqtutor_core.tuning.optim:PolicyOptimizer._follow", 4, 3),  # the policy has moved
        ("seqtutor_core.tuning.tuner:Tuner._adapt_c", 4, 3),  # the iteration is over, but nobody has heard of it
        ("seqtutor_core.runs.gauge_monitor:GaugeMonitor.measure", 1, 1),
        ("seqtutor_core.runs.run_loop:sample_policy", 1, UPDATES),
    ],
)
def test_a_run_stops_wherever_it_stands_and_goes_on_as_if_it_had_not(
    prior: Path, reference: dict[str, torch.Tensor], started, place: str, times: int, saved: int
) -> None:
    run, process = started(small(prior, updates=UPDATES), place, times)
    stop(run, process, by_signal=place.endswith("_follow"))
    checkpoint = load_checkpoint(run.folder / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.plain["update"] == run.status.update == updates(run)[-1] == saved

    launcher.resume(run)
    assert run.state == "finished", run.status
    policy = load_file(run.folder / "policy.safetensors")
    assert run.status.summary is not None and policy.keys() == reference.keys()
    assert all(torch.equal(policy[name], reference[name]) for name in reference)
    assert updates(run) == sorted(set(updates(run)))


def test_a_run_stops_while_it_starts(prior: Path, started) -> None:
    run, process = started(small(prior, updates=UPDATES), "seqtutor_core.priors:load", 1)
    stop(run, process)
    assert run.status.message == "stopped while starting"
    launcher.resume(run)
    assert run.state == "finished", run.status
    assert run.status.update == UPDATES


def test_a_command_that_follows_a_run_and_is_ended_ends_the_run(prior: Path) -> None:
    words = ["tune", "melody", "--prior", str(prior), "--weight", "key=1", "--seconds", "600"]
    command = subprocess.Popen([sys.executable, "-m", "seqtutor_core", *words], stderr=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE
    while not any(run.state == "running" for run in all_runs()) and time.monotonic() < until:
        time.sleep(0.1)
    run = next(iter(all_runs()), None)
    command.terminate()
    command.wait(timeout=PATIENCE)
    assert run is not None and (run.state, run.alive) == ("stopped", False)


def test_a_warm_start_stops(prior: Path, started) -> None:
    run, process = started(small(prior, updates=40, warm_start=True), "seqtutor_core.tuning.warm_start:smc", 3)
    stop(run, process)
    assert run.status.update == updates(run)[-1] >= 1


def test_a_change_that_is_heard_amid_the_stop_is_heard_again(prior: Path, started) -> None:
    def ask(run: Run) -> None:
        wait_for(lambda: updates(run), run)
        run.change(Change(weights={"key": 7.0, "motif": 1.0}))

    run, process = started(small(prior, seconds=600), "seqtutor_core.tuning.tuner:Tuner.apply", 1, ask)
    stop(run, process)
    checkpoint = load_checkpoint(run.folder / "checkpoints")
    assert checkpoint is not None and checkpoint.plain["controls_offset"] == 0
    run.write_config(replace(run.config, updates=run.status.update + 1))
    launcher.resume(run)
    assert run.metrics()[0][-1]["weights"]["key"] == 7.0


def test_a_molecule_run_stops_with_its_processes(tmp_path: Path, started) -> None:
    """While others measure, under a pattern that RDKit would try for minutes on each molecule."""
    torch.manual_seed(3)
    network = RecurrentNetwork(NetworkSettings(len(Molecule().vocabulary), hidden=16))
    folder = save(Prior("untrained", network, {}), tmp_path / "priors")
    config = TuningConfig(
        "molecule",
        str(folder),
        weights={"validity": 20.0, "forbidden": 50.0},
        settings={"forbidden": [".".join(["[#6]"] * 8 + ["Br"])], "length": 16},
        overrides={"batch": 16, "minibatch": 16, "replay_steps": 512},
        updates=600,
        device="cpu",
    )
    run, process = started(config, "seqtutor_core.tuning.sampler:Sampler.score", 3)
    assert updates(run)[-1] == 2
    stop(run, process)
    wait_for(lambda: is_gone(process.pid), run)


@pytest.mark.parametrize(("error", "gone"), [(FileNotFoundError, True), (NotADirectoryError, True), (OSError, False)])
def test_a_disk_that_does_not_answer_is_no_folder_taken_away(prior, monkeypatch, error, gone) -> None:
    watchdog = StopWatchdog(create_run(small(prior, updates=1)).folder, lambda: False)
    assert not watchdog._is_gone() and not watchdog._stop_requested()

    def refuse(path: Path) -> None:
        raise error(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    assert watchdog._is_gone() is gone
    if not gone:
        assert not watchdog._stop_requested()


# ---------------------------------------------------------------- the replay as it was


@pytest.mark.parametrize("before", [1, 2, 5])
def test_a_replay_can_be_saved_as_it_was_before_the_last_rollout(before: int) -> None:
    replay = Replay(8)

    def add(number: int) -> None:
        tokens = torch.full((3, 4), number)
        log_prior, primer = torch.zeros(3, 4, 5) - number, torch.zeros(3, 0, dtype=torch.long)
        lengths = torch.full((3,), 4)
        replay.add(Rollout(tokens, lengths, log_prior, log_prior, primer), torch.zeros(3, 4, 2) + number)

    for number in range(before):
        add(number)
    earlier = replay.state_dict()
    assert earlier.keys() == replay.state_dict(replay.added).keys()
    add(99)
    later = replay.state_dict(int(earlier["added"]))
    assert all(torch.equal(earlier[name], later[name]) for name in earlier)
    assert replay.state_dict()["tokens"].eq(99).any() and not later["tokens"].eq(99).any()
