"""Who learns and who waits, on each machine and kind of device: files that workers hold locked, by their names alone.

locks/HOST/cpu/000000012.RUN   the run waits; smaller numbers come first
locks/HOST/cpu/slot-1.RUN      the run learns, in slot 1

A file counts while its lock is held, and the system frees the locks of a process however that ends: nothing here can go
stale. A run whose turn it is takes a slot by having its file renamed, so it is never in two places and never in none.
Whoever makes or renames a file, or reads them all, holds the file `order` meanwhile. Nothing here needs torch.
"""

import errno
import fcntl
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from seqtutor_core.files import home
from seqtutor_core.runs.locks import is_held

ORDER = "order"
NAME = re.compile(r"(slot-)?([0-9]{1,9})\.(.+)")


@dataclass(frozen=True)
class Places:
    """Where runs stand, at one moment."""

    slots: Mapping[str, str]
    """Id of a run that learns -> its slot: cpu:0, cuda:1."""
    ahead: Mapping[str, int]
    """Id of a run that waits -> how many wait before it."""


def places() -> Places:
    """Return where all runs stand."""
    slots: dict[str, str] = {}
    ahead: dict[str, int] = {}
    for folder in (home() / "locks").glob("*/*/"):
        with suppress(OSError), _order(folder, fcntl.LOCK_SH):
            taken, waiting = _held(folder)
            slots |= {one.run_id: f"{folder.name}:{one.number}" for one in taken}
            ahead |= {one.run_id: place for place, one in enumerate(waiting)}
    return Places(slots, ahead)


def in_words(ahead: int) -> str:
    """Return the place of a waiting run in words."""
    return f"{ahead} ahead of it" if ahead else "next in line"


class Ticket:
    """A worker's place: in the line, behind all who are there already, and later in a slot. Held until it is given back
    or the process ends.
    """

    def __init__(self, kind: str, run_id: str) -> None:
        """Join the line for a kind of device, "cpu" or "cuda"; OSError when no file can be written."""
        self.folder = home() / "locks" / socket.gethostname() / kind
        self.folder.mkdir(parents=True, exist_ok=True)
        with _order(self.folder, fcntl.LOCK_EX):
            for one in _files(self.folder):
                if not is_held(one.path):
                    one.path.unlink(missing_ok=True)  # a dead worker's
            last = max((one.number for one in _files(self.folder) if not one.in_slot), default=0)
            self.number = last + 1
            self.path = self.folder / f"{self.number:09}.{run_id}"
            self._lock = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def take_slot(self, count: int) -> int | None:
        """Take one of `count` slots and return it; None unless this ticket is the first in line and a slot is free.

        OSError when somebody removed the ticket.
        """
        before = [one for one in _files(self.folder) if not one.in_slot and one.number < self.number]
        if any(is_held(one.path) for one in reversed(before)):
            return None  # the usual case, found without disturbing anybody
        with _order(self.folder, fcntl.LOCK_EX):
            taken, waiting = _held(self.folder)
            if self.path not in (one.path for one in waiting):
                raise FileNotFoundError(errno.ENOENT, "the run's place in the line was removed", str(self.path))
            if len(taken) >= count or waiting[0].path != self.path:
                return None
            slot = min(set(range(count)) - {one.number for one in taken})
            self.path = self.path.rename(self.folder / f"slot-{slot}.{waiting[0].run_id}")
            return slot

    def give_back(self) -> None:
        """Leave the line or the slot."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        os.close(self._lock)


class _File(NamedTuple):
    """A file by its name."""

    in_slot: bool
    number: int
    """Of its slot, or in the line."""
    run_id: str
    path: Path


def _files(folder: Path) -> list[_File]:
    """Return the files, held or not, in order: those of the line, then those in slots."""
    names = ((NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted(_File(bool(name[1]), int(name[2]), name[3], path) for name, path in names if name)


def _held(folder: Path) -> tuple[list[_File], list[_File]]:
    """Return the files of those who learn, and of those who wait, in order."""
    held = [one for one in _files(folder) if is_held(one.path)]
    return [one for one in held if one.in_slot], [one for one in held if not one.in_slot]


@contextmanager
def _order(folder: Path, how: int) -> Iterator[None]:
    """Hold the names of a folder still: shared by readers, or alone to change them."""
    descriptor = os.open(folder / ORDER, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
