"""status.json as plain JSON: for a worker that waits or is told to stop, and has no torch yet."""

import json
from pathlib import Path
from typing import Any

from seqtutor_core.files import replace_text

ENDED = ("finished", "stopped", "failed")


def status_fields(folder: Path) -> dict[str, Any]:
    """Return what a run's status.json says; nothing when it cannot be read, which the worker will say later."""
    try:
        fields = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def update_status(folder: Path, **changes: Any) -> None:
    """Replace some of it; OSError when it cannot be written. Of a file that cannot be read nothing is changed."""
    if fields := status_fields(folder):
        replace_text(folder / "status.json", json.dumps({**fields, **changes}, indent=2))
