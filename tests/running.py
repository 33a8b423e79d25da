"""What the tests of runs share: a prior that learns in milliseconds, a small run, patience."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.priors import Prior, save
from seqtutor_core.runs import run_loop
from seqtutor_core.runs.cadence import Cadence
from seqtutor_core.runs.store import Run, create_run

PATIENCE = 120.0  # seconds; machines that test many things at once are slow
OFTEN = Cadence(metrics_every=0.0, samples_every=0.0, final_samples=20)  # lines and samples after every update


def tiny_prior(folder: Path) -> Path:
    """An untrained prior with 16 units; returns its folder."""
    torch.manual_seed(5)
    settings = NetworkSettings(len(build_domain("melody").vocabulary), hidden=16)
    return save(Prior("tiny", RecurrentNetwork(settings), {}), folder)


def small(prior: Path, **changes: Any) -> TuningConfig:
    """A run of a few seconds; some 20 updates a second."""
    values: dict[str, Any] = {
        "weights": {"key": 1.0, "motif": 1.0},
        "settings": {"length": 16},
        "overrides": {"batch": 8, "minibatch": 8, "replay_steps": 512},
        "device": "cpu",
        "seed": 3,
    }
    return TuningConfig("melody", str(prior), **{**values, **changes})


def execute(run: Run, cadence: Cadence = OFTEN) -> int:
    """Do a run in this process; the exit code."""
    return run_loop.execute_run(run, cadence=cadence)


def executed(config: TuningConfig, cadence: Cadence = OFTEN) -> Run:
    """A run that was done in this process and went well."""
    run = create_run(config)
    assert execute(run, cadence) == 0, run.status
    return run


def wait_for(what: Callable[[], Any], run: Run) -> None:
    """Until something is true; fails with the run's status when it does not become so."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, (run.state, run.status, (run.folder / "worker.log").read_text())
        time.sleep(0.05)


def is_gone(worker: int) -> bool:
    """Whether a worker and the processes that it started are gone; a zombie is not, for it can still be signalled."""
    try:
        os.killpg(worker, 0)
    except ProcessLookupError:
        return True
    return False


def wait_for_state(run: Run, *states: str) -> None:
    wait_for(lambda: run.state in states, run)


def updates(run: Run) -> list[int]:
    """The updates that have a line of metrics."""
    return [line["update"] for line in run.metrics()[0]]
