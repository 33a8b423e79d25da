"""Environment variables: how many runs learn at a time, of whom, in what memory; and what other processes are told."""

import os
from pathlib import Path

from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.errors import SettingError
from seqtutor_core.files import home
from seqtutor_core.rules import shown

SLOTS = "SEQTUTOR_SLOTS"
RUNS_PER_VISITOR = "SEQTUTOR_RUNS_PER_VISITOR"
RUN_MEMORY = "SEQTUTOR_RUN_MEMORY"
VISITOR = "SEQTUTOR_VISITOR"  # whose the runs of a sweep are that a page has started
REWARDS_ON = "SEQTUTOR_REWARDS_ON"  # address of a Ray cluster that measures own rewards
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"  # CUDA's own; its n-th device is what a program in it calls cuda:n
CORES = "SEQTUTOR_CORES"  # of one run: its worker, or a cluster, says it to what the run starts
CORES_PER_SLOT = 2
MOST_SLOTS = 64
MOST_RUNS_PER_VISITOR = 1000
MOST_CORES = 10_000
LEAST_RUN_MEMORY, MOST_RUN_MEMORY = 100, 10**8  # MB; torch alone takes more than the least

PACKAGE_PARENT = Path(__file__).resolve().parents[1]
"""The folder from which Python finds this package."""


def for_processes() -> dict[str, str]:
    """Return the variables by which a process of this program's finds its package and this run home, wherever it is
    started.
    """
    paths = [str(PACKAGE_PARENT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths), "SEQTUTOR_HOME": str(home().resolve())}


def slot_count(kind: str) -> int:
    """Return how many runs learn at a time on devices of a kind, "cpu" or "cuda": as many as SEQTUTOR_SLOTS says, or
    else one for each GPU, or for each two cores. SettingError for a value that breaks the rule.
    """
    usual = max(1, len(gpus()) if kind == "cuda" else cpu_count() // CORES_PER_SLOT)
    return _whole(SLOTS, min(usual, MOST_SLOTS), MOST_SLOTS)


def core_share() -> int:
    """Return how many cores this process may keep busy: its run's share, or all outside of a run."""
    return _whole(CORES, cpu_count(), MOST_CORES)


def runs_per_visitor() -> int:
    """Return how many runs of one visitor may learn or wait at a time; SettingError as of `slot_count`."""
    return _whole(RUNS_PER_VISITOR, 2, MOST_RUNS_PER_VISITOR)


def run_megabytes() -> int | None:
    """Return how much memory a run's processes may use together; None: as much as there is. SettingError as above."""
    if not os.environ.get(RUN_MEMORY, "").strip():
        return None
    return _whole(RUN_MEMORY, 0, MOST_RUN_MEMORY, LEAST_RUN_MEMORY)


def gpus() -> list[str]:
    """Return the names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES has them; imports torch only
    where that is not set.
    """
    if visible := os.environ.get(VISIBLE_GPUS):
        return visible.split(",")
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def gpu_of(slot: int) -> str:
    """Return the name of the GPU of a slot; more slots than GPUs share them in turn."""
    names = gpus()
    return names[slot % len(names)]


def _whole(name: str, usual: int, most: int, least: int = 1) -> int:
    text = os.environ.get(name, "").strip() or str(usual)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
        raise SettingError(
            f"{name} must be a whole number from {least} to {most}; got {shown(text)}; change it, or unset it"
        )
    return int(text)
