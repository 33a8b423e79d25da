"""JSON lines that one process appends to while others read."""

import json
import math
import os
from pathlib import Path
from typing import Any

from seqtutor_core.rules import parse_json

MAX_BYTES = 256 * 2**20  # a run of a day writes a third of it


def append_line(path: Path, fact: dict[str, Any]) -> None:
    """Append one line in one write, after ending half a line that a killed writer left. OSError on a full disk."""
    line = json.dumps(replace_nonfinite(fact), allow_nan=False) + "\n"
    with open(path, "a+b") as file:
        if file.tell() and _last_byte(path) != b"\n":
            line = "\n" + line
        file.write(line.encode())


def read_lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    """Return the complete lines from a byte offset on, without blank ones, and the offset to continue from.

    A file that is shorter was cut or replaced: it is read from its beginning, and the new offset is smaller.
    OSError when the path is not a file, or has more than MAX_BYTES left to read.
    """
    try:
        size = path.stat().st_size
        offset = 0 if size < offset else offset
        if size == offset:
            return [], offset
        if size - offset > MAX_BYTES:
            raise OSError(f"it has more than {MAX_BYTES:,} bytes")
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    whole = data.rfind(b"\n") + 1
    return [line for line in data[:whole].splitlines() if line.strip()], offset + whole


def parse_objects(lines: list[bytes]) -> list[dict[str, Any]]:
    """Return the lines that are JSON objects; skip others, which killed writers leave."""
    objects = []
    for line in lines:
        try:
            value = parse_json(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            objects.append(value)
    return objects


def replace_nonfinite(value: Any) -> Any:
    """Return the value with None for NaN and infinity, which JSON lacks."""
    if isinstance(value, dict):
        return {name: replace_nonfinite(each) for name, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _last_byte(path: Path) -> bytes:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
