"""Where the next point of a study lies: Optuna's samplers, on a journal that many commands share.

Its journal is a file that is only appended to, under a lock file made by O_EXCL: that is atomic on local disks and on
NFS from version 3 on, where Optuna's other lock, a symbolic link, is for older ones and SQLite's locks are not to be
trusted. The points' records say all that the journal says, so a damaged one is made anew from them.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import TrialState

from seqtutor_core.sweeps.folder import DONE, OPEN, Point
from seqtutor_core.sweeps.plan import AIMS, Plan
from seqtutor_core.sweeps.ranges import Range

JOURNAL = "journal.log"
RANDOM_POINTS = 8  # before the sampler goes by what it has seen


class Study:
    """An Optuna study in a sweep's folder; for one thread, under the folder's lock where it writes."""

    def __init__(self, plan: Plan, folder: Path, points: Iterable[Point]) -> None:
        """Open the journal of the folder; a damaged one gives way to a new one, made from the points."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self.aims = plan.search.aims
        self.seed = plan.base.get("seed", 0)
        self.ranges = plan.search.ranges
        self.distributions = {name: _distribution(each) for name, each in self.ranges.items()}
        try:
            self._open(folder / JOURNAL)
        except OSError:
            raise
        except Exception:  # noqa: BLE001  whatever a torn line leads to; all is known from the points
            (folder / JOURNAL).replace(folder / f"{JOURNAL}.damaged")
            self._open(folder / JOURNAL)
        self._take_over(sorted(points, key=lambda point: point.number))

    def _open(self, journal: Path) -> None:
        storage = JournalStorage(JournalFileBackend(str(journal), JournalFileOpenLock(str(journal))))
        directions = [StudyDirection.MAXIMIZE if AIMS[aim] else StudyDirection.MINIMIZE for aim in self.aims]
        self.study = optuna.create_study(
            storage=storage, study_name=journal.parent.name, directions=directions, load_if_exists=True
        )

    def _take_over(self, points: Iterable[Point]) -> None:
        """Add points that the journal does not know, and tell it of those that ended when nobody told it."""
        for point in points:
            if point.number >= len(self.study.get_trials(deepcopy=False)):
                self.study.add_trial(
                    optuna.trial.create_trial(
                        state=TrialState.RUNNING, params=point.values, distributions=self.distributions
                    )
                )
            if point.state != OPEN:
                self.tell(point)

    def ask(self, number: int) -> dict[str, Any]:
        """Return what to set at a point; of one that was drawn and then lost, the same again."""
        self.study.sampler = optuna.samplers.TPESampler(
            seed=(self.seed + number) % 2**32, n_startup_trials=RANDOM_POINTS, constant_liar=True
        )
        trials = self.study.get_trials(deepcopy=False)
        trial = optuna.Trial(self.study, trials[number]._trial_id) if number < len(trials) else self.study.ask()
        return {name: _suggested(trial, name, each) for name, each in self.ranges.items()}

    def tell(self, point: Point) -> None:
        """Say how a point fared; one that lacks a figure that counts has failed as far as the study is concerned."""
        figures = [point.figures.get(aim) for aim in self.aims]
        values = [figure for figure in figures if figure is not None]
        if point.state == DONE and len(values) == len(self.aims):
            self.study.tell(point.number, values, skip_if_finished=True)
        else:
            self.study.tell(point.number, state=TrialState.FAIL, skip_if_finished=True)


def _distribution(range_: Range) -> BaseDistribution:
    if range_.kind == "categorical":
        return CategoricalDistribution(range_.values)
    low, high = range_.values
    if range_.kind == "int":
        return IntDistribution(low, high)
    return FloatDistribution(low, high, log=range_.kind == "log")


def _suggested(trial: optuna.Trial, name: str, range_: Range) -> Any:
    if range_.kind == "categorical":
        return trial.suggest_categorical(name, range_.values)
    low, high = range_.values
    if range_.kind == "int":
        return trial.suggest_int(name, low, high)
    return trial.suggest_float(name, low, high, log=range_.kind == "log")
