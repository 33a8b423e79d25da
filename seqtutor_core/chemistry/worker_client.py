"""A process that works on molecules, seen from the program that asks it."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqtutor_core import errors
from seqtutor_core.chemistry.property_query import SCAFFOLD, Facts, Question
from seqtutor_core.chemistry.worker_main import LOADING_SECONDS

COMMAND = (sys.executable, "-m", "seqtutor_core.chemistry.worker_main")
PACKAGE_PARENT = Path(__file__).resolve().parents[2]


class Process:
    """A process that answers requests one after the other; for one thread at a time.

    Its methods raise EOFError when the process is gone and TimeoutError when it does not answer.
    """

    def __init__(self, module: str) -> None:
        """Start it, to serve as a module of this package does."""
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
        """Whether it has begun with the last request."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def begin(self, request: Mapping[str, Any]) -> None:
        """Have it begin with a request, whose "seconds" hold for each answer; raises what it is refused with."""
        self.begun = False
        self._send(json.dumps(request).encode() + b"\n")
        if loaded := self.receive(LOADING_SECONDS):
            raise getattr(errors, loaded["refused"])(loaded["message"])
        self.begun = True

    def receive(self, seconds: float) -> Any:
        """Its next answer, waited for so long."""
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
        """End it at once; whoever waits for its answers gets an EOFError."""
        self._process.kill()

    def end(self) -> str:
        """End it and close its pipes; the last thing it said on its way out."""
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


class Scorer(Process):
    """A process that measures molecules."""

    def __init__(self, timeout: float) -> None:
        """Start it; `timeout` in seconds holds for each molecule."""
        super().__init__("property_worker")
        self.timeout = timeout

    def measure(self, smiles: Sequence[str], question: Question, wanted: frozenset[str]) -> Iterator[Facts]:
        """The facts of each molecule as soon as they are known, in order.

        Raises besides what is wrong with the question, as properties.measure does.
        """
        request = {"question": question.as_json(), "wanted": sorted(wanted), "smiles": list(smiles)}
        self.begin({**request, "seconds": self.timeout})
        names = wanted - {SCAFFOLD}
        for text in smiles:
            canonical, error, scaffold, values, unknown, flat = self.receive(self.timeout)
            # under our own names: those of every line would be strings of their own
            values = {name: values[name] for name in names if name in values}
            yield Facts(text, canonical, error, scaffold, values, unknown, flat)
