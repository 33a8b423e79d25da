"""Work on what users give, done by processes of their own: within a deadline and a limit of memory, and remembered.

No text, however odd, keeps the program that asks from answering others.
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
from seqtutor_core.chemistry.worker_client import Process
from seqtutor_core.errors import InputError, SeqTutorError

SECONDS = 10.0
"""The usual deadline: an ordinary text takes some milliseconds, on a machine that does much else some hundreds."""
QUICK, SLOW = 2, 1  # processes for what has the usual deadline, and a longer one: neither keeps the other waiting
TURN_SECONDS = 30.0  # that somebody waits for one
ATTEMPTS = 3  # fresh processes for one text
REMEMBERED = 64 * 2**20  # bytes of answers
RETRY_SECONDS = 60.0  # after which what took too long or too much is tried again

CLOSED = "the workbench was closed; ask another"


class Workbench:
    """Processes that work on texts, and a memory of what came of it. Any number of threads may ask at once."""

    def __init__(self) -> None:
        """Each process is started when it is first needed."""
        self._quick, self._slow = threading.Semaphore(QUICK), threading.Semaphore(SLOW)
        self._lock = threading.Lock()  # around all that follows
        self._free: list[Process] = []
        self._living: set[Process] = set()
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()  # answer as JSON, and when it ceases to hold
        self._size = 0  # of all answers
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that live."""
        with self._lock:
            return [process.pid for process in self._living]

    def run(self, operation: str, arguments: Mapping[str, Any], seconds: float = SECONDS) -> Any:
        """What an operation of input_worker gives, JSON values in and out; the same question is answered from memory.

        Raises the operation's own errors; InputError when it takes longer than `seconds`, more memory than there is,
        or ends the process; SeqTutorError when no process can be started.
        """
        request = {"operation": operation, "arguments": arguments, "seconds": seconds}
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).digest()
        answer = self._recall(key)
        if answer is None:
            turns = self._quick if seconds <= SECONDS else self._slow
            if not turns.acquire(timeout=TURN_SECONDS):
                raise InputError(f"it waited {TURN_SECONDS:g} s for the work of others to end; try again")
            try:
                answer = self._recall(key) or self._ask(request)  # somebody may have asked the same meanwhile
            finally:
                turns.release()
            self._keep(key, answer)
        if "error" in answer:
            raise getattr(errors, answer["error"])(answer["message"])
        return answer["value"]

    def close(self) -> None:
        """End the processes; whoever waits for one gets a SeqTutorError."""
        with self._lock:
            self._closed = True
            for process in self._living:
                process.kill()
            while self._free:
                self._free.pop().end()
            self._living.clear()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a process, and of another one when it ends over the question: somebody may have killed it."""
        reason, crashes = "", 0
        for _ in range(ATTEMPTS):
            process = self._take()
            try:
                process.begin(request)
                answer: dict[str, Any] = process.receive(request["seconds"])
            except TimeoutError:
                reason = self._drop(process)
                if process.begun:
                    text = f"it took longer than {request['seconds']:g} s; give something smaller or simpler"
                    return {"error": "InputError", "message": text, "spent": True}
            except EOFError:
                reason = self._drop(process)
                crashes += process.begun
                if crashes > 1:
                    text = "RDKit crashed on it; give something smaller or simpler"
                    return {"error": "InputError", "message": text, "spent": True}
            else:
                self._give_back(process) if "spent" not in answer else self._drop(process)
                return answer
        raise SeqTutorError(
            f"the process that works on molecules does not start, {ATTEMPTS} times in a row ({reason}); "
            "python -m seqtutor_core doctor says what is missing"
        )

    def _take(self) -> Process:
        with self._lock:
            if self._closed:
                raise SeqTutorError(CLOSED)
            process = self._free.pop() if self._free else Process("input_worker")
            self._living.add(process)
            return process

    def _give_back(self, process: Process) -> None:
        with self._lock:
            self._free.append(process)

    def _drop(self, process: Process) -> str:
        with self._lock:
            self._living.discard(process)
        return process.end()

    def _recall(self, key: bytes) -> dict[str, Any] | None:
        with self._lock:
            text, until = self._known.get(key, ("", 0.0))
            if time.monotonic() >= until:
                return None
            self._known.move_to_end(key)
        answer: dict[str, Any] = json.loads(text)
        return answer

    def _keep(self, key: bytes, answer: Mapping[str, Any]) -> None:
        text = json.dumps(answer)
        until = time.monotonic() + RETRY_SECONDS if "spent" in answer else float("inf")
        with self._lock:
            before, _ = self._known.pop(key, ("", 0.0))
            self._known[key] = text, until
            self._size += len(text) - len(before)
            while self._size > REMEMBERED:
                _, (oldest, _) = self._known.popitem(last=False)
                self._size -= len(oldest)


@cache
def shared() -> Workbench:
    """The workbench of this program, made at first use and closed with it."""
    workbench = Workbench()
    atexit.register(workbench.close)
    return workbench


def run(operation: str, arguments: Mapping[str, Any], seconds: float = SECONDS) -> Any:
    """What an operation gives, done by the workbench of this program (see Workbench.run)."""
    return shared().run(operation, arguments, seconds)
