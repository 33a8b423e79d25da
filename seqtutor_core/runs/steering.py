"""controls.jsonl: what pages and the command line ask of a living run, one JSON object a line."""

import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from seqtutor_core.config import Change
from seqtutor_core.domains import RewardTerm, every_weight
from seqtutor_core.errors import RunError, SettingError
from seqtutor_core.files import reason
from seqtutor_core.rules import made, parse_json
from seqtutor_core.runs.jsonl import append_line, read_lines

RESUMED = "resumed"  # a line with this key: older requests to pause or stop are settled


def append_change(path: Path, change: Change) -> None:
    """Append a request for a change; OSError when it cannot be written."""
    values = {f.name: getattr(change, f.name) for f in fields(change)}
    if change.weights is not None:
        values["weights"] = dict(change.weights)
    append_line(path, {"time": time.time(), **{name: value for name, value in values.items() if value is not None}})


def append_resume(path: Path) -> None:
    """Append that the run resumes, which settles older requests to pause or stop."""
    append_line(path, {"time": time.time(), RESUMED: True})


class ControlReader:
    """The worker's side, with its offset in the file: delivers each complete line once; a partial last line waits."""

    def __init__(self, path: Path, terms: tuple[RewardTerm, ...], offset: int = 0) -> None:
        self.path, self.terms, self.offset = path, terms, offset
        self.errors: list[str] = []
        """Why lines were skipped; the reader empties it."""
        self.pending: list[Change] = []
        """Changes put back for the next read."""

    def read(self) -> list[Change]:
        """Return the changes requested since the last call; RunError when the file cannot be read."""
        changes, self.pending = self.pending, []
        try:
            lines, self.offset = read_lines(self.path, self.offset)
        except OSError as error:
            raise RunError(f"the requests in {self.path} cannot be read: {reason(error)}; remove it") from None
        for line in lines:
            try:
                fact = _parse(line)
                if RESUMED in fact:
                    changes = [replace(c, pause=None, stop=False) for c in changes]
                    continue
                change = made(Change, fact, "change")
                every_weight(self.terms, change.weights or {})
                changes.append(change)
            except SettingError as error:
                self.errors.append(f"a request was skipped: {error}")
        return changes


def _parse(line: bytes) -> dict[str, Any]:
    shown = line[:80].decode(errors="replace")
    try:
        fact = parse_json(line)
    except ValueError:
        raise SettingError(f"{shown!r} is not JSON") from None
    if not isinstance(fact, dict):
        raise SettingError(f"{shown!r} is not a JSON object")
    return {name: value for name, value in fact.items() if name != "time" and value is not None}
