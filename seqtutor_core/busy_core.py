"""The core that a thread keeps busy which learns: what measures for it takes that core only while the thread waits.

Processes that measure on every core share one with the thread. At the same priority they slow it down. At a lower one
they may stand still for tens of milliseconds beside an idle core, since Linux seldom moves what weighs little, and then
the thread waits for them.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BusyCore:
    """Which threads learn. Any number of threads may call it at once."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        """Notified when a thread begins or ceases to keep its core busy."""
        self._learning: set[int] = set()  # idents of threads

    @property
    def busy(self) -> bool:
        """Whether a thread learns now."""
        return bool(self._learning)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let this thread keep a core busy; the end may come by another one, if it collects an abandoned generator."""
        thread = threading.get_ident()
        self._set(thread, True)
        try:
            yield
        finally:
            self._set(thread, False)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Leave this thread's core to others, while it waits for them; nothing, if it does not keep one busy."""
        thread = threading.get_ident()
        before = thread in self._learning
        self._set(thread, False)
        try:
            yield
        finally:
            self._set(thread, before)

    def _set(self, thread: int, busy: bool) -> None:
        with self.changed:
            (self._learning.add if busy else self._learning.discard)(thread)
            self.changed.notify_all()


BUSY_CORE = BusyCore()
"""Of this program."""
