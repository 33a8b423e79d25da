"""What the files of a run hold, as rules: what was read by them can be used without another look.

A rule names what readers rely on; whatever else a file says, as other versions do, is kept as it is.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from seqtutor_core.objective import COMBINATION
from seqtutor_core.rules import (
    LARGEST,
    anything,
    by_name,
    flag,
    listed,
    number,
    one_of,
    optional,
    record,
    several,
    text_of,
    whole,
)
from seqtutor_core.runs.status_file import ENDED

ACTIVE = ("waiting", "running", "paused")
COUNT = whole(0, 2**62)
SECONDS = number(0, LARGEST)
TEXT = text_of(1_000_000)
TOKENS = several(whole(0, 10_000), 10_000)


@dataclass(frozen=True)
class Status:
    """status.json; times in seconds since 1970."""

    state: str = "waiting"
    """waiting, running, paused, finished, stopped or failed."""
    update: int = 0
    seconds: float = 0.0
    """Learning time, pauses left out."""
    message: str = ""
    """What a user should know now."""
    error: str = ""
    """Why the run failed."""
    device: str = ""
    """cpu or cuda, once known."""
    summary: dict[str, Any] | None = None
    """The figures of the tuned policy, at the end."""
    launched: float = 0.0
    started: float | None = None
    ended: float | None = None
    handed: bool = False
    """Whether a worker was given the run's lock: a free lock then means that it is dead."""
    pid: int | None = None
    """The worker, once it works."""


@dataclass(frozen=True)
class PolicySamples:
    """A few sequences of the policy as it was after an update."""

    update: int
    seconds: float
    sequences: list[list[int]] = field(default_factory=list)


# ---------------------------------------------------------------- rules


def number_or_nan(name: str, value: Any) -> float:
    """Return a number, or NaN for null, which stands for one that was not finite; SettingError for anything else."""
    return math.nan if value is None else number()(name, value)


def number_or_nonfinite(name: str, value: Any) -> float:
    """Return a number, finite or not: a run that diverged can still be resumed and steered back."""
    return value if isinstance(value, float) and not math.isfinite(value) else number()(name, value)


GAUGE = record(
    {
        "sentence": TEXT,
        "n": COUNT,
        "kl_coefficient": number(),
        "at_most": optional(number()),
        "collapsed": flag,
        "sources": by_name(record({"effective_sample_size": number_or_nan})),
        **dict.fromkeys(("j", "j_error", "j_prior", "log_z_at_least", "distinct"), number_or_nan),
    }
)
SUMMARY = record(
    {},
    {
        "metrics": by_name(optional(number())),
        "gauge": optional(GAUGE),
        **dict.fromkeys(("kl_coefficient", "kl", "reward", "j"), optional(number())),
    },
)
STATUS = record(
    {},
    {
        "state": one_of(*ACTIVE, *ENDED),
        "update": COUNT,
        **dict.fromkeys(("seconds", "launched"), SECONDS),
        **dict.fromkeys(("message", "error", "device"), TEXT),
        **dict.fromkeys(("started", "ended"), optional(SECONDS)),
        "summary": optional(SUMMARY),
        "handed": flag,
        "pid": optional(COUNT),
    },
)
CURVE_FIELDS = {
    "update": COUNT,
    "seconds": SECONDS,
    "weights": by_name(number()),
    "terms": by_name(number_or_nan),
    **dict.fromkeys(("reward", "kl", "j", "entropy", "distinct", "steps_per_second"), number_or_nan),
}
"""What every curve, figure and gauge is drawn from."""
OTHER_FIELDS = {
    "kl_coefficient": number(),
    "combination": COMBINATION,
    "learning_rate": number(),
    "kl_budget": optional(number()),
    "calls": COUNT,
    "best": number_or_nan,
    "figures": by_name(number_or_nan),
    "changed": listed(TEXT, 1000),
    "alarms": listed(record({"title": TEXT, "advice": TEXT}), 1000),
    "gauge": optional(GAUGE),
}
METRICS_LINE = record({"update": COUNT}, {**CURVE_FIELDS, **OTHER_FIELDS})
CURVE_LINE = record(CURVE_FIELDS, OTHER_FIELDS)
SAMPLE = record({"update": COUNT, "seconds": SECONDS, "tokens": TOKENS})
TOP_SEQUENCE = record({"update": COUNT, "seconds": SECONDS, "tokens": TOKENS, "terms": by_name(number_or_nan)})
CHECKPOINT = record(
    {},
    {
        "update": COUNT,
        "environment_steps": COUNT,
        "controls_offset": COUNT,
        "batch": whole(1, 10**9),
        "barren": COUNT,
        "sampling_strength": number(0, 1),
        "stage": COUNT,
        "stage_began": COUNT,
        "weights_by_name": by_name(number()),
        "combination": COMBINATION,
        "kl_budget": optional(number()),
        "level_holds": flag,
        "memory": by_name(anything),
        **dict.fromkeys(("seconds", "learning_rate", "c"), number()),
        **dict.fromkeys(("kl_before", "level", "stage_highest"), number_or_nonfinite),
    },
)
