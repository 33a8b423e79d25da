"""Processes of a user's code, seen from outside: started in a session of their own, read within limits, ended whole."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress

from seqtutor_core.environment import PACKAGE_PARENT
from seqtutor_core.own_rewards import program_main
from seqtutor_core.own_rewards.folder import OwnReward
from seqtutor_core.rules import shown

LOADING_SECONDS = 60.0
"""Time for a Python file to load what it needs."""
STARTING_SECONDS = 10.0
"""Time for a program to start; it does not count against any sequence."""
MOST_ANSWER = 64 * 1024
"""Bytes that may come back for one sequence."""
LAST_WORDS = 200  # characters of what a process said last


class Broken(Exception):
    """A process ended, hung or wrote what no reward is; its text says which."""


class OwnProcess:
    """A process of a user's code; for one thread at a time. Methods raise Broken."""

    def __init__(self, *command: str) -> None:
        """Start Python with these arguments."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process; a pipe could fill up
        self._process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            cwd=PACKAGE_PARENT,
            env={"OMP_NUM_THREADS": "1", **os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # so that all that it starts can be ended with it
        )
        self._to, self._from = (p.fileno() for p in (self._process.stdin, self._process.stdout) if p)
        os.set_blocking(self._to, False)
        self._answers = bytearray()

    @property
    def pid(self) -> int:
        """The process id, which is its group's too."""
        return self._process.pid

    def exchange(self, data: bytes, lines: int | None, seconds: float) -> list[bytes]:
        """Send data and return so many lines of answers, or all until the end of the output for None.

        The input is closed when lines is None.
        """
        deadline, most = time.monotonic() + seconds, MOST_ANSWER * max(1, lines or data.count(b"\n"))
        rest = memoryview(data)
        while lines is None or self._answers.count(b"\n") < lines:
            if lines is None and not rest and self._process.stdin and not self._process.stdin.closed:
                self._process.stdin.close()
            ready, writable, _ = select.select([self._from], [self._to] if rest else [], [], _left(deadline))
            if not ready and not writable:
                raise Broken(f"took longer than {seconds:g} s")
            if writable:
                try:
                    rest = rest[os.write(self._to, rest[:65536]) :]
                except BrokenPipeError:  # it does not read all; what it wrote says more
                    rest = rest[:0]
            if ready:
                more = os.read(self._from, 1 << 16)
                if not more:
                    break
                self._answers += more
                if len(self._answers) > most:
                    raise Broken(f"wrote more than {MOST_ANSWER // 1024} kB for a sequence")
        if lines is not None and self._answers.count(b"\n") < lines:
            raise Broken(f"ended by itself ({self.last_words()})")
        *answers, partial = bytes(self._answers).split(b"\n")
        self._answers.clear()
        return answers + ([partial] if partial else [])

    def returned(self, seconds: float = 1.0) -> int:
        """Wait for the process to end, and return its exit status."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Broken(f"wrote its numbers and did not end within {seconds:g} s") from None

    def last_words(self) -> str:
        """Return the end of what it wrote to standard error."""
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 4096))
        lines = self._log.read().decode(errors="replace").split("\n")
        return next((line.strip()[-LAST_WORDS:] for line in reversed(lines) if line.strip()), "it said nothing")

    def shorten_log(self) -> None:
        """Forget what was printed long ago."""
        if os.fstat(self._log.fileno()).st_size > 1 << 20:
            os.ftruncate(self._log.fileno(), 0)

    def end(self) -> None:
        """End the process and all that it started, also copies that it forked, unless they left its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe and not pipe.closed:
                with suppress(OSError):
                    pipe.close()
        self._log.close()


class PythonProcess(OwnProcess):
    """A process that has loaded a user's Python file and answers sequence by sequence."""

    def __init__(self, reward: OwnReward) -> None:
        """Start loading; `load` waits for it."""
        super().__init__(
            "-m", "seqtutor_core.own_rewards.python_worker", reward.domain, str(reward.path), f"{reward.seconds}"
        )
        self.reward, self.loaded = reward, False

    def load(self) -> None:
        """Wait until the file is loaded; Broken when it cannot be."""
        if not self.loaded:
            (line,) = self.exchange(b"", 1, LOADING_SECONDS)
            if problem := json.loads(line).get("error"):
                raise Broken(problem)
            self.loaded = True

    def answer(self, sequence: str) -> tuple[list[float] | None, str]:
        """Return the values of a sequence and no error, or None and what its function raised."""
        (line,) = self.exchange(sequence.encode() + b"\n", 1, self.reward.seconds)
        self.shorten_log()
        values, error = json.loads(line)
        return values, error


def run_program(reward: OwnReward, sequences: Sequence[str]) -> list[list[float]]:
    """Return what a user's program writes for sequences, a line for each; Broken for more or fewer lines."""
    seconds = STARTING_SECONDS + reward.seconds * len(sequences)
    process = OwnProcess("-I", "-S", program_main.__file__, f"{seconds}", str(reward.path))
    try:
        lines = process.exchange("".join(f"{one}\n" for one in sequences).encode(), None, seconds)
        if status := process.returned():
            raise Broken(f"ended with exit status {status} ({process.last_words()})")
        values = [_parsed(line) for line in lines if line.strip()]
        if len(values) != len(sequences):
            raise Broken(f"wrote {len(values)} lines for {len(sequences)} sequences")
        return values
    finally:
        process.end()


def _parsed(line: bytes) -> list[float]:
    try:
        return [float(each) for each in line.split()]
    except ValueError:
        text = line.decode(errors="replace")
        raise Broken(f"wrote {shown(text)} instead of a number; what is no number belongs on standard error") from None


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


Answer = tuple[list[float] | None, str]
"""The values of a sequence and no error, or None and what went wrong."""
