"""An end to a search that takes too long: RDKit heeds Ctrl-C, so we press it.

It works in processes that ignore Ctrl-C themselves, as those of the pool and the workbench do; elsewhere there is no
limit.
"""

import signal
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")

SECONDS = 0.1
"""That a search may compute; what it waits for a busy machine does not count."""
TICK = 0.02  # seconds between two looks at the clock
IDLE = 1.0  # seconds without a search, after which nobody looks any more


class TooLong(Exception):
    """A search was ended; what it found until then says nothing."""


def limited(search: Callable[[], Result], seconds: float = SECONDS) -> Result:
    """What a search finds; TooLong when it computes for longer."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        return search()
    watch = _watch()
    watch.begin(seconds)
    try:
        found = search()
    finally:
        spent = watch.end()
    if spent:
        raise TooLong
    return found


class _Watch(threading.Thread):
    """Looks at the clock while somebody searches."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._lock = threading.Lock()  # around all that follows
        self._until: float | None = None  # seconds of computing; None while nobody searches
        self._spent = False
        self._last = 0.0  # when a search began
        self._wanted = threading.Event()

    def begin(self, seconds: float) -> None:
        with self._lock:
            self._until, self._spent, self._last = time.process_time() + seconds, False, time.monotonic()
            self._wanted.set()

    def end(self) -> bool:
        """Whether the time was spent."""
        with self._lock:
            self._until = None
            return self._spent

    def run(self) -> None:
        while self._wanted.wait():
            time.sleep(TICK)
            with self._lock:
                if self._until is not None and time.process_time() > self._until:
                    self._spent = True
                    signal.raise_signal(signal.SIGINT)  # again and again: a pattern may hold several searches
                elif self._until is None and time.monotonic() > self._last + IDLE:
                    self._wanted.clear()


@cache
def _watch() -> _Watch:
    watch = _Watch()
    watch.start()
    return watch
