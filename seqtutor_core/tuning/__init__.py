"""Tuning a policy towards an objective: `tune` is the loop, `Tuner` what it is given. No page, no file, no process."""

from seqtutor_core.tuning.loop import iterate, tune
from seqtutor_core.tuning.progress import Progress, Steering
from seqtutor_core.tuning.tuner import Snapshot, Tuner

__all__ = ["Progress", "Snapshot", "Steering", "Tuner", "iterate", "tune"]
