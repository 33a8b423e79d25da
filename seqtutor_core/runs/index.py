"""What a list of runs says of each, read once and kept until its files change: a thousand are listed at once."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import RunError
from seqtutor_core.runs import store
from seqtutor_core.runs.names import run_name
from seqtutor_core.runs.schemas import ACTIVE, Status
from seqtutor_core.runs.slots import places
from seqtutor_core.runs.store import Run
from seqtutor_core.runs.tags import run_tags

TAIL_BYTES = 2**16  # bytes at the end of metrics.jsonl, some twenty lines, in which the newest figures stand
WATCHED_FILES = ("config.json", "status.json", "metrics.jsonl")

Stamps = tuple[tuple[int, int], ...]
"""When files were changed, in nanoseconds, and their sizes."""


@dataclass(frozen=True)
class RunInfo:
    """A run as a list shows it; None: its files do not say."""

    id: str
    name: str
    state: str
    started: float
    """Seconds since 1970; of a damaged run when its folder changed last."""
    bytes: int
    tags: tuple[str, ...] = ()
    problem: str = ""
    """What is damaged, with the way out."""
    domain: str = ""
    learner: str = ""
    kl_coefficient: float | None = None
    seconds: float | None = None
    """Learning time."""
    reward: float | None = None
    kl: float | None = None
    j: float | None = None
    distinct: float | None = None
    gauge: float | None = None
    """At most this share of the reachable improvement was reached."""
    ahead: int | None = None
    """How many runs wait for a slot before this one; None when it does not wait for one."""

    @property
    def active(self) -> bool:
        """Whether it is waiting, running or paused."""
        return self.state in ACTIVE


def all_run_info() -> list[RunInfo]:
    """Return what a list shows of every run, newest first."""
    ahead = places().ahead
    return [info for run in store.all_runs() if (info := run_info(run, ahead))]


def run_info(run: Run, ahead: Mapping[str, int] | None = None) -> RunInfo | None:
    """Return what a list shows of a run; None when its folder is gone. ahead: places in the line, if they are known."""
    try:
        info = _read(run.folder, _stamps(run.folder))
    except FileNotFoundError:
        return None
    if not info.active:
        return info
    now = run.state  # its worker may have died without a word
    place = (places().ahead if ahead is None else ahead).get(run.id) if now == "waiting" else None
    return replace(info, state=now, ahead=place)


def _stamps(folder: Path) -> Stamps:
    """Return stamps of the folder, which changes with each replaced file, and of WATCHED_FILES.

    FileNotFoundError when there is no folder.
    """
    stats = [folder.stat()]
    for name in WATCHED_FILES:
        with suppress(OSError):
            stats.append((folder / name).stat())
    return tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)


@lru_cache(maxsize=4096)
def _read(folder: Path, stamps: Stamps) -> RunInfo:
    run = Run(folder)
    info = RunInfo(run.id, run_name(run), "damaged", stamps[0][0] / 1e9, run.size, run_tags(run))
    try:
        config, status = run.config, run.status
    except RunError as error:
        return replace(info, problem=str(error))
    info = replace(
        info,
        state=status.state,
        started=status.started or status.launched,
        domain=config.domain,
        learner=config.learner,
        kl_coefficient=config.kl_coefficient,
        seconds=status.seconds,
    )
    try:
        return replace(info, **_figures(run, status))
    except RunError as error:
        return replace(info, problem=str(error))


def _figures(run: Run, status: Status) -> dict[str, Any]:
    """Return reward, kl, j, distinct and gauge: from the final summary, or else from the last line of metrics."""
    if status.summary:
        last = {**status.summary, **status.summary.get("metrics", {})}
        gauge = last.get("gauge")
    else:
        path = run.folder / "metrics.jsonl"
        lines = run.metrics(max(0, path.stat().st_size - TAIL_BYTES))[0] if path.is_file() else []
        last = lines[-1] if lines else {}
        gauge = next((line["gauge"] for line in reversed(lines) if line.get("gauge")), None)
    figures = {name: last.get(name) for name in ("reward", "kl", "j", "distinct")}
    figures["gauge"] = gauge["at_most"] if gauge else None
    return {name: None if value is None or math.isnan(value) else value for name, value in figures.items()}


# ---------------------------------------------------------------- side by side


def config_differences(configs: Sequence[TuningConfig]) -> dict[str, list[Any]]:
    """Return the settings that differ: name -> its value in each config, None where it is not set."""
    flat = [_flat(config) for config in configs]
    names = dict.fromkeys(name for values in flat for name in values)
    rows = {name: [values.get(name, 0.0 if name.startswith("weight ") else None) for values in flat] for name in names}
    return {name: row for name, row in rows.items() if any(value != row[0] for value in row)}


def _flat(config: TuningConfig) -> dict[str, Any]:
    """Return a config's values by name; weights, settings and overrides each under a name of their own."""
    values: dict[str, Any] = asdict(config)
    weights, settings, overrides = (values.pop(name) for name in ("weights", "settings", "overrides"))
    return {
        **values,
        **_named("weight", weights),
        **_named("setting", settings),
        **_named("learner setting", overrides),
    }


def _named(what: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{what} {name}": value for name, value in values.items()}
