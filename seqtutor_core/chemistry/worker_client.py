"""The client's side of a worker process: start it, send requests, read answers within a deadline."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqtutor_core import errors
from seqtutor_core.chemistry.property_query import SCAFFOLD, Measurement, PropertyQuery
from seqtutor_core.chemistry.worker_main import LOADING_SECONDS
from seqtutor_core.environment import PACKAGE_PARENT

FEW = 2  # answers that are waited for one by one
ASLEEP = 0.7  # of the time that the answers still to come will take, by those before: a process shall not wait for us
LONGEST_SLEEP = 0.05  # seconds; after that a process that has ended is noticed
COMMAND = (sys.executable, "-m", "seqtutor_core.chemistry.worker_main")


class WorkerClient:
    """A worker process that answers one request after the other; for one thread at a time.

    Methods raise EOFError if the process is gone and TimeoutError if it does not answer.
    """

    def __init__(self, module: str) -> None:
        """Start a process that serves as `module`, a name of this package with a function `serve`."""
        self._answers = bytearray()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process; a pipe could fill up
        self._process = subprocess.Popen(
            [*COMMAND, module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            cwd=PACKAGE_PARENT,  # so that Python finds the package, wherever the program that asks was started
        )
        self._to, self._from = (p.fileno() for p in (self._process.stdin, self._process.stdout) if p)
        os.set_blocking(self._to, False)
        self.begun = False
        """Whether the process has begun to work on the last request."""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def begin(self, request: Mapping[str, Any]) -> None:
        """Send a request, whose "seconds" hold for each answer; raise the error it is refused with."""
        self.begun = False
        self._send(json.dumps(request).encode() + b"\n")
        if loaded := self.receive(LOADING_SECONDS):
            raise getattr(errors, loaded["refused"])(loaded["message"])
        self.begun = True

    def receive(self, seconds: float) -> Any:
        """Return the next answer, decoded from JSON, within so many seconds."""
        return json.loads(self._taken(self._await_answer(seconds)))

    def receive_ready(self, seconds: float) -> list[Any]:
        """Return all answers that are there, at least the next one, which may take so many seconds."""
        self._await_answer(seconds)
        lines = self._taken(self._answers.rindex(b"\n"))
        return json.loads(b"[%b]" % lines.replace(b"\n", b","))

    def _await_answer(self, seconds: float) -> int:
        """Wait until a whole answer is there; return where it ends."""
        deadline = time.monotonic() + seconds
        searched = 0
        while (end := self._answers.find(b"\n", searched)) < 0:
            searched = len(self._answers)
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            more = os.read(self._from, 1 << 16)
            if not more:
                raise EOFError
            self._answers += more
        return end

    def _taken(self, end: int) -> bytes:
        """Take what was answered up to the end of a line, which is left out."""
        lines = bytes(self._answers[:end])
        del self._answers[: end + 1]
        return lines

    def kill(self) -> None:
        """End the process at once; a thread that waits for an answer gets an EOFError."""
        self._process.kill()

    def end(self) -> str:
        """End the process, close its pipes, and return the last line of its error output."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        with self._log:
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def _send(self, data: bytes) -> None:
        deadline, rest = time.monotonic() + LOADING_SECONDS, memoryview(data)
        while rest:
            _, ready, _ = select.select([], [self._to], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            try:
                rest = rest[os.write(self._to, rest) :]
            except BrokenPipeError:
                raise EOFError from None


class PropertyWorkerClient(WorkerClient):
    """A worker process that measures molecules."""

    def __init__(self, timeout: float) -> None:
        """Start the process; `timeout` is in seconds for each molecule."""
        super().__init__("property_worker")
        self.timeout = timeout

    def measure(self, smiles: Sequence[str], query: PropertyQuery, requested: frozenset[str]) -> Iterator[Measurement]:
        """Yield the measurement of each molecule in order, soon after it is made.

        Raises the errors of a wrong query as well, as properties.measure does.
        """
        names = sorted(requested - {SCAFFOLD})
        request = {"query": query.as_json(), "properties": sorted(requested), "smiles": list(smiles)}
        self.begin({**request, "seconds": self.timeout})
        began, done = time.monotonic(), 0
        while rest := len(smiles) - done:
            if done and rest > FEW:  # asleep, for to wake up for each molecule costs more than to read what it brings
                time.sleep(min(ASLEEP * rest * (time.monotonic() - began) / done, LONGEST_SLEEP))
            answers = self.receive_ready(self.timeout)
            for text, answer in zip(smiles[done : done + len(answers)], answers, strict=True):
                canonical, error, scaffold, numbers, unknown, flat = answer
                values = {name: number for name, number in zip(names, numbers, strict=True) if number is not None}
                yield Measurement(text, canonical, error, scaffold, values, unknown, flat)
            done += len(answers)
