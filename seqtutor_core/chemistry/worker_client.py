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
        line = bytes(self._answers[:end])
        del self._answers[: end + 1]
        return json.loads(line)

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
        """Yield the measurement of each molecule as soon as it is made, in order.

        Raises the errors of a wrong query as well, as properties.measure does.
        """
        request = {"query": query.as_json(), "properties": sorted(requested), "smiles": list(smiles)}
        self.begin({**request, "seconds": self.timeout})
        names = requested - {SCAFFOLD}
        for text in smiles:
            canonical, error, scaffold, values, unknown, flat = self.receive(self.timeout)
            # keyed by our own strings: each line of JSON would bring new ones
            values = {name: values[name] for name in names if name in values}
            yield Measurement(text, canonical, error, scaffold, values, unknown, flat)
