"""One scoring process, seen from the program that asks it."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seqtutor_core import errors
from seqtutor_core.domains.molecule.questions import SCAFFOLD, Facts, Question

SCRIPT = Path(__file__).with_name("scorer.py")
LOADING_SECONDS = 60.0
"""For Python and RDKit to load on a busy machine; no molecule is to blame for that."""


class Scorer:
    """A process that measures molecules one after the other; for one thread at a time.

    Every method raises EOFError when the process is gone and TimeoutError when it does not answer.
    """

    def __init__(self, timeout: float) -> None:
        """Start it; `timeout` in seconds holds for each molecule."""
        self.timeout = timeout
        self._answers = b""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process; a pipe could fill up
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(SCRIPT), str(timeout)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )
        self._to, self._from = (p.fileno() for p in (self._process.stdin, self._process.stdout) if p)
        os.set_blocking(self._to, False)
        self.begun = False
        """Whether it has begun with the molecules of the last request."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def measure(self, smiles: Sequence[str], question: Question, wanted: frozenset[str]) -> Iterator[Facts]:
        """The facts of each molecule as soon as they are known, in order.

        Raises besides what is wrong with the question, as properties.measure does.
        """
        self.begun = False
        request = {"question": question.as_json(), "wanted": sorted(wanted), "smiles": list(smiles)}
        self._send(json.dumps(request).encode() + b"\n")
        loaded = self._receive(LOADING_SECONDS)
        if loaded:
            raise getattr(errors, loaded["refused"])(loaded["message"])
        self.begun = True
        names = wanted - {SCAFFOLD}
        for text in smiles:
            canonical, error, scaffold, values = self._receive(self.timeout)
            # under our own names: those of every line would be strings of their own
            yield Facts(text, canonical, error, scaffold, {n: values[n] for n in names} if canonical else {})

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
        deadline = time.monotonic() + LOADING_SECONDS
        while data:
            _, ready, _ = select.select([], [self._to], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            try:
                data = data[os.write(self._to, data) :]
            except BrokenPipeError:
                raise EOFError from None

    def _receive(self, seconds: float) -> Any:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._answers:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            more = os.read(self._from, 1 << 16)
            if not more:
                raise EOFError
            self._answers += more
        line, _, self._answers = self._answers.partition(b"\n")
        return json.loads(line)
