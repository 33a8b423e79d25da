"""A run's curves for other programs: a table (CSV), and TensorBoard's event file.

The event file is written by hand, in forty lines: its format is a record's length, an Event of protocol buffers and two
checksums, fixed since 2015, while the packages that write it bring a server or name their files after this machine.
Sources: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto, framework/summary.proto.
"""

import csv
import io
import math
import struct
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from seqtutor_core.errors import RunError
from seqtutor_core.files import reason, replace_bytes
from seqtutor_core.runs.store import Run

FIRST = ("update", "seconds", "time")  # columns that say when, and are no curves
VERSION = "brain.Event:2"  # the first record of every event file


def write_csv(run: Run, path: Path) -> None:
    """Write the table of a run's curves; RunError for damaged metrics, or where it cannot be written."""
    _replace(path, curve_table(run))


def curve_table(run: Run) -> bytes:
    """Return CSV with a line for each line of metrics, a column for each figure, empty where it was none.

    RunError for damaged metrics.
    """
    lines = [figures(line) for line in run.metrics()[0]]
    columns = list(dict.fromkeys([*FIRST, *(name for line in lines for name in line)]))
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(lines)
    return text.getvalue().encode()


def write_events(run: Run, folder: Path) -> None:
    """Write an event file into a folder, for `tensorboard --logdir`; a step is an update. Errors as of `write_csv`."""
    lines = run.metrics()[0]
    began = next((line["time"] for line in lines if is_figure(line.get("time"))), 0.0)
    records = [event(began, 0, version=VERSION)]
    for line in lines:
        values = figures(line)
        moment, step = values.pop("time", began), int(values.pop("update"))
        records.append(event(moment, step, values))
    _replace(folder / f"events.out.tfevents.{int(began)}.{run.id}", b"".join(map(framed, records)))


def figures(line: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a line of metrics by name: weights, terms and figures as GROUP/NAME, the gauge's share."""
    found: dict[str, Any] = {name: value for name, value in line.items() if is_figure(value)}
    for group in ("terms", "weights", "figures"):
        found |= {f"{group}/{name}": value for name, value in (line.get(group) or {}).items() if is_figure(value)}
    gauge = line.get("gauge") or {}
    return {**found, "gauge": gauge["at_most"]} if is_figure(gauge.get("at_most")) else found


def is_figure(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _replace(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(path, data)
    except OSError as error:
        raise RunError(f"the curves cannot be written to {path}: {reason(error)}; choose another place") from None


# ---------------------------------------------------------------- event files


def event(moment: float, step: int, values: Mapping[str, float] | None = None, version: str = "") -> bytes:
    """Return an Event: wall_time (1), step (2), and file_version (3) or summary (5) of one Value for each number.

    moment: seconds since 1970. values: by tag, kept as 32-bit floats.
    """
    data = b"\x09" + struct.pack("<d", moment) + (b"\x10" + varint(step) if step else b"")
    if version:
        return data + _delimited(b"\x1a", version.encode())
    each = (_delimited(b"\x0a", name.encode()) + b"\x15" + _float(value) for name, value in (values or {}).items())
    return data + _delimited(b"\x2a", b"".join(_delimited(b"\x0a", value) for value in each))


def framed(record: bytes) -> bytes:
    """Return a record as the file has it: length, its checksum, the record, its checksum."""
    length = struct.pack("<Q", len(record))
    return length + _checksum(length) + record + _checksum(record)


def varint(number: int) -> bytes:
    """Return a number, 0 or more, as protocol buffers write it: seven bits a byte, the lowest first."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def _delimited(key: bytes, data: bytes) -> bytes:
    return key + varint(len(data)) + data


def _float(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:  # more than 32 bits can say
        return struct.pack("<f", math.copysign(math.inf, value))


def _checksum(data: bytes) -> bytes:
    """Return the CRC-32C of the data, masked as record files want it."""
    value = crc32c(data)
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(data: Iterable[int]) -> int:
    """Return the CRC-32C (Castagnoli, reflected) of bytes."""
    table, value = _table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        return value

    return tuple(map(entry, range(256)))
