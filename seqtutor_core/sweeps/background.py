"""A sweep that a page asks for: its file, and the command that does it in a process of its own."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seqtutor_core.config import TuningConfig
from seqtutor_core.environment import PACKAGE_PARENT, VISITOR, for_processes
from seqtutor_core.errors import RunError, SettingError
from seqtutor_core.files import reason, replace_text
from seqtutor_core.rules import shown
from seqtutor_core.sweeps.folder import OPEN, SweepFolder, open_sweep, sweeps_folder
from seqtutor_core.sweeps.plan import Plan, parse_plan

BEGINNING = "the command begins"
STARTING = 60.0  # seconds that it is given to say more


def plan_of(config: TuningConfig, search: Mapping[str, Any]) -> Plan:
    """Return the plan of a search from a run's settings, called by domain and moment; errors as of `parse_plan`."""
    name = f"{config.domain[:8]}-{datetime.now(UTC):%m%d-%H%M%S}-{secrets.token_hex(1)}"
    return parse_plan(name, _toml({**_base(config), "search": search}))


def start(plan: Plan, visitor: str, slots: int) -> SweepFolder:
    """Start the command that does a sweep, or goes on with it; it outlives whoever started it. Return its folder.

    visitor: whose its runs are. Errors as of `Plan.check`; RunError where nothing can be written.
    """
    plan.check()
    try:
        folder = open_sweep(plan)
        path = sweeps_folder() / f"{plan.name}.toml"
        replace_text(path, plan.text)
        _spawn(path, visitor, slots)
    except OSError as error:
        raise RunError(f"no sweep can be kept in {sweeps_folder()}: {reason(error)}; free some space") from None
    return folder


def phase(folder: SweepFolder) -> str:
    """Return how a sweep stands: beginning, going, ended, or cut short. Errors as of `SweepFolder.plan`, `points`."""
    if folder.worked_on:
        return "going"
    if sum(point.state != OPEN for point in folder.points()) >= folder.plan.search.size:
        return "ended"
    age = abs(time.time() - (folder.path / "sweep.toml").stat().st_mtime)
    begins = age < STARTING and last_words(folder) == BEGINNING
    return "beginning" if begins else "cut short"


def last_words(folder: SweepFolder) -> str:
    """Return the last line that the command wrote; nothing where it wrote none."""
    try:
        lines = folder.path.with_suffix(".log").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1][:500] if lines else ""


def _spawn(path: Path, visitor: str, slots: int) -> None:
    """Start the command, with a log beside its file."""
    with open(path.with_suffix(".log"), "ab") as log:
        log.write(f"{BEGINNING}\n".encode())
        log.flush()
        subprocess.Popen(
            [sys.executable, "-m", "seqtutor_core", "sweep", str(path), "--slots", str(slots)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=PACKAGE_PARENT,
            env={**os.environ, **for_processes(), VISITOR: visitor},
        )


# ---------------------------------------------------------------- TOML


def _base(config: TuningConfig) -> dict[str, Any]:
    """Return a run's settings as a sweep's file has them: every weight is said, so none is added."""
    values = {f.name: getattr(config, f.name) for f in fields(config)}
    values["stages"] = [str(stage) for stage in config.stages]
    usual = {f.name: f.default for f in fields(config)}
    kept = {name: value for name, value in values.items() if value is not None and value != usual[name]}
    return {**kept, "rewards": "none"}


def _toml(table: Mapping[str, Any]) -> str:
    """Return a TOML text of values by name; its tables are written in a line each."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{_value(str(name))} = {_value(one)}" for name, one in value.items() if one is not None)
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    raise SettingError(f"a sweep's file has no place for {shown(value)}")
