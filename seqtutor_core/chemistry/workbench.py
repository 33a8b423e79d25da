"""Run operations on users' texts in worker processes, within a deadline and a limit of memory, with a cache.

No text, however odd, keeps the program from answering other users.
"""

import atexit
import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from typing import Any

from seqtutor_core import errors
from seqtutor_core.chemistry.worker_client import WorkerClient
from seqtutor_core.chemistry.worker_set import WorkerSet
from seqtutor_core.errors import InputError, MissingPartError, SeqTutorError

SECONDS = 10.0
"""The usual deadline; an ordinary text takes milliseconds, on a busy machine hundreds of them."""
QUICK, SLOW = 2, 1  # processes for the usual deadline, and for longer ones: neither waits for the other
TURN_SECONDS = 30.0  # of waiting for a free process
ATTEMPTS = 3  # fresh processes for one text
CACHE_BYTES = 64 * 2**20  # of answers
RETRY_SECONDS = 60.0  # after which an operation that exceeded its limits, or lacked a part, is tried again

CLOSED = "the workbench was closed; ask another"


class Workbench:
    """Worker processes for users' texts, and a cache of their answers. Any number of threads may call it at once."""

    def __init__(self, turn_seconds: float = TURN_SECONDS) -> None:
        """Create a workbench; its processes start when needed. turn_seconds: the longest wait for a free one."""
        self.turn_seconds = turn_seconds
        self._quick, self._slow = threading.Semaphore(QUICK), threading.Semaphore(SLOW)
        self._workers = WorkerSet(lambda: WorkerClient("input_worker"), CLOSED)
        self._lock = threading.Lock()  # around all that follows
        self._answers: OrderedDict[bytes, tuple[str, float]] = OrderedDict()  # answer as JSON, and when it expires
        self._size = 0  # of all answers

    @property
    def pids(self) -> list[int]:
        """The ids of the living processes."""
        return self._workers.pids

    def run(self, operation: str, arguments: Mapping[str, Any], seconds: float = SECONDS) -> Any:
        """Return an operation's value, JSON values in and out; a repeated request is answered from the cache.

        Raises the operation's own errors; InputError if it exceeds `seconds` or the memory, or ends the process;
        SeqTutorError if no process can be started.
        """
        request = {"operation": operation, "arguments": arguments, "seconds": seconds}
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).digest()
        answer = self._cached(key)
        if answer is None:
            turns = self._quick if seconds <= SECONDS else self._slow
            if not turns.acquire(timeout=self.turn_seconds):
                raise InputError(f"it waited {self.turn_seconds:g} s for the work of others to end; try again")
            try:
                answer = self._cached(key) or self._ask(request)  # another thread may have asked the same meanwhile
            finally:
                turns.release()
            self._cache(key, answer)
        if "error" in answer:
            raise getattr(errors, answer["error"])(answer["message"])
        return answer["value"]

    def close(self) -> None:
        """End the processes; threads that wait for one get a SeqTutorError."""
        self._workers.close()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of a process, or of another one if the first ends: somebody may have killed it."""
        reason, crashes = "", 0
        for _ in range(ATTEMPTS):
            process = self._workers.acquire()
            try:
                process.begin(request)
                answer: dict[str, Any] = process.receive(request["seconds"])
            except TimeoutError:
                reason = self._workers.discard(process)
                if process.begun:
                    text = f"it took longer than {request['seconds']:g} s; give something smaller or simpler"
                    return {"error": "InputError", "message": text, "spent": True}
            except EOFError:
                reason = self._workers.discard(process)
                crashes += process.begun
                if crashes > 1:
                    text = "RDKit crashed on it; give something smaller or simpler"
                    return {"error": "InputError", "message": text, "spent": True}
            else:
                self._workers.release(process) if "spent" not in answer else self._workers.discard(process)
                return answer
        raise SeqTutorError(
            f"the process that works on molecules does not start, {ATTEMPTS} times in a row ({reason}); "
            "python -m seqtutor_core doctor says what is missing"
        )

    def _cached(self, key: bytes) -> dict[str, Any] | None:
        with self._lock:
            text, until = self._answers.get(key, ("", 0.0))
            if time.monotonic() >= until:
                return None
            self._answers.move_to_end(key)
        answer: dict[str, Any] = json.loads(text)
        return answer

    def _cache(self, key: bytes, answer: Mapping[str, Any]) -> None:
        text = json.dumps(answer)
        passing = "spent" in answer or answer.get("error") == MissingPartError.__name__
        until = time.monotonic() + RETRY_SECONDS if passing else float("inf")
        with self._lock:
            before, _ = self._answers.pop(key, ("", 0.0))
            self._answers[key] = text, until
            self._size += len(text) - len(before)
            while self._size > CACHE_BYTES:
                _, (oldest, _) = self._answers.popitem(last=False)
                self._size -= len(oldest)


@cache
def shared() -> Workbench:
    """Return the workbench of this program, made at first use and closed at exit."""
    workbench = Workbench()
    atexit.register(workbench.close)
    return workbench


def run(operation: str, arguments: Mapping[str, Any], seconds: float = SECONDS) -> Any:
    """Return the value of an operation, run by the workbench of this program (see Workbench.run)."""
    return shared().run(operation, arguments, seconds)
