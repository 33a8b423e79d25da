"""A time limit on substructure searches: RDKit stops on Ctrl-C, so a watchdog raises that signal.

It works in processes that ignore Ctrl-C themselves, as workers do; elsewhere there is no limit.
"""

import signal
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")

SECONDS = 0.1
"""Processor time of a search; waiting for a busy machine does not count."""
TICK = 0.02  # seconds between two looks at the clock
IDLE = 1.0  # seconds without a search, after which the watchdog sleeps


class SearchTimeout(Exception):
    """A search was stopped; what it found so far is incomplete."""


def with_time_limit(search: Callable[[], Result], seconds: float = SECONDS) -> Result:
    """Return the result of a search; SearchTimeout if it computes for longer."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        return search()
    watchdog = _watchdog()
    watchdog.begin(seconds)
    try:
        result = search()
    finally:
        spent = watchdog.end()
    if spent:
        raise SearchTimeout
    return result


class _Watchdog(threading.Thread):
    """Checks the clock while a search runs."""

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
        """Return whether the time ran out."""
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
def _watchdog() -> _Watchdog:
    watchdog = _Watchdog()
    watchdog.start()
    return watchdog
