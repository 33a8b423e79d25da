"""Curves as CSV and as TensorBoard's event files, read back by another reader and beside TensorBoard's own bytes."""

import csv
import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import RunError
from seqtutor_core.runs.curve_files import crc32c, event, framed, write_csv, write_events
from seqtutor_core.runs.store import Run, create_run

LINES: list[dict[str, Any]] = [
    {"update": 1, "seconds": 0.5, "time": 1700000000.25, "reward": 1.5, "kl": None, "weights": {"key": 2.0}},
    {"update": 300, "seconds": 9.0, "time": 1700000009.0, "reward": -1e39, "kl": 0.25, "terms": {"key": 0.125}},
]
LINES[1] |= {"gauge": None, "changed": ["weights.key"], "message": "hello, world"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "home"))
    run = create_run(TuningConfig("melody", "melody", weights={"key": 1.0}))
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return run


def test_the_table_has_a_column_for_each_figure(run: Run, tmp_path: Path) -> None:
    write_csv(run, tmp_path / "new" / "curves.csv")
    with open(tmp_path / "new" / "curves.csv", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [*rows[0]] == ["update", "seconds", "time", "reward", "weights/key", "kl", "terms/key"]
    assert [row["reward"] for row in rows] == ["1.5", "-1e+39"]
    assert [row["kl"] for row in rows] == ["", "0.25"] and rows[1]["terms/key"] == "0.125"


def records(data: bytes) -> list[bytes]:
    """The records of an event file, their checksums compared."""
    found = []
    while data:
        (size,) = struct.unpack("<Q", data[:8])
        assert framed(data[12 : 12 + size]) == data[: 16 + size]
        found.append(data[12 : 12 + size])
        data = data[16 + size :]
    return found


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message of protocol buffers by their numbers: whole numbers, bytes, floats."""
    at = 0

    def varint() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
            if data[at - 1] < 128:
                return value

    while at < len(data):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            yield number, varint()
        elif kind == 2:
            size = varint()
            yield number, data[at : at + size]
            at += size
        else:
            size, code = {1: (8, "<d"), 5: (4, "<f")}[kind]
            yield number, struct.unpack(code, data[at : at + size])[0]
            at += size


def test_an_event_file_has_each_line_as_a_summary(run: Run, tmp_path: Path) -> None:
    write_events(run, tmp_path / "logs")
    (path,) = (tmp_path / "logs").iterdir()
    assert path.name == f"events.out.tfevents.1700000000.{run.id}"
    first, *others = [dict(fields(record)) for record in records(path.read_bytes())]
    assert first == {1: 1700000000.25, 3: b"brain.Event:2"}
    assert [(each[1], each[2]) for each in others] == [(1700000000.25, 1), (1700000009.0, 300)]
    values = [[tuple(dict(fields(value)).values()) for _, value in fields(each[5])] for each in others]
    assert dict(values[0]) == {b"seconds": 0.5, b"reward": 1.5, b"weights/key": 2.0}
    assert dict(values[1]) == {b"seconds": 9.0, b"reward": -math.inf, b"kl": 0.25, b"terms/key": 0.125}


def test_records_are_those_that_tensorboard_writes() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    assert framed(event(1.5, 300, {"loss": 0.25})).hex() == WRITTEN


WRITTEN = "1b000000000000001a0d9e1309000000000000f83f10ac022a0d0a0b0a046c6f7373150000803e9908deed"
"""Of TensorBoard 2.21.0 (RecordWriter)."""


def test_damaged_metrics_and_a_place_that_takes_no_file_are_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="choose another place"):
        write_csv(run, tmp_path / "file" / "curves.csv")
    (run.folder / "metrics.jsonl").write_text('{"update": -1}\n')
    for write in (write_csv, write_events):
        with pytest.raises(RunError, match=r"metrics\.jsonl: a line: update"):
            write(run, tmp_path / "out")
