"""The worker processes that one program has at once: taken, given back, thrown away, closed."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from seqtutor_core.chemistry.worker_client import WorkerClient
from seqtutor_core.errors import SeqTutorError

Client = TypeVar("Client", bound=WorkerClient)


class WorkerSet(Generic[Client]):
    """The living processes of one kind, and which of them are free. Any number of threads may call it at once."""

    def __init__(self, start: Callable[[], Client], closed_message: str) -> None:
        """Create an empty set.

        start: starts a process; OSError when there is no memory for it, or too many processes.
        closed_message: the error's text for a thread that wants a process of a closed set.
        """
        self.closed = threading.Event()
        self._start, self._closed_message = start, closed_message
        self._lock = threading.Lock()  # around what follows
        self._free: list[Client] = []
        self._living: set[Client] = set()

    @property
    def pids(self) -> list[int]:
        """The ids of the living processes."""
        with self._lock:
            return [worker.pid for worker in self._living]

    def acquire(self) -> Client:
        """Return a free process, or a fresh one; SeqTutorError when closed, OSError when none can be started."""
        with self._lock:
            if self.closed.is_set():
                raise SeqTutorError(self._closed_message)
            worker = self._free.pop() if self._free else self._start()
            self._living.add(worker)
            return worker

    def release(self, worker: Client) -> None:
        """Give a process back to be used again."""
        with self._lock:
            if not self.closed.is_set():
                self._free.append(worker)
                return
        self.discard(worker)

    def discard(self, worker: Client) -> str:
        """End a process, and return the last line of its error output."""
        with self._lock:
            self._living.discard(worker)
        return worker.end()

    def close(self) -> None:
        """End all processes; a thread that waits for one of them gets an EOFError and discards it."""
        with self._lock:
            self.closed.set()
            for worker in self._living:
                worker.kill()
            free, self._free = self._free, []
        for worker in free:
            self.discard(worker)
