"""What the tests of sweeps share: files of a tiny prior, and a command that works on one."""

from collections.abc import Callable
from pathlib import Path

from seqtutor_core.sweeps.driver import Driver
from seqtutor_core.sweeps.folder import Point, open_sweep
from seqtutor_core.sweeps.launchers import Launcher, LocalLauncher
from seqtutor_core.sweeps.plan import Plan

BASE = """
domain = "melody"
prior = "PRIOR"
rewards = "none"
weights = { key = 1.0, motif = 1.0 }
updates = 2
device = "cpu"
settings.length = 16
overrides = { batch = 8, minibatch = 8, replay_steps = 512 }
"""
GRID = '[search.grid]\nkl_coefficient = [2, 4]\nlearner = ["g", "trajectory_balance"]\n'
STUDY = """[search]
points = 6
aims = ["j", "distinct"]
[search.ranges]
kl_coefficient = { log = [1, 8] }
weights.motif = { uniform = [0, 5] }
learner = { categorical = ["g", "psi"] }
seed = { int = [0, 9] }
"""

Write = Callable[[str], Path]
"""Writes a sweep's file with the search that is given."""


def writer(folder: Path, prior: Path) -> Write:
    """What writes FOLDER/some.toml, for a prior by its folder."""

    def write(search: str) -> Path:
        path = folder / "some.toml"
        path.write_text(BASE.replace("PRIOR", str(prior)) + search)
        return path

    return write


def driven(plan: Plan, launcher: Launcher | None = None) -> tuple[Driver, list[Point]]:
    """A driver, and the points that it reports."""
    reported: list[Point] = []
    return Driver(plan, open_sweep(plan), launcher or LocalLauncher(1), reported.append), reported
