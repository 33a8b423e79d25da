"""What a reward said of sequences, kept on the disk: a run that is resumed, or another run, pays for nothing twice.

One file for each content of a reward, below the run home: a line for each sequence, only ever appended to, so that any
number of processes and machines on one disk share it. A line that was cut short is passed over.
"""

import fcntl
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from seqtutor_core.files import home, without_waiting
from seqtutor_core.own_rewards.folder import OwnReward

FOLDER = "measured"
MOST_BYTES = 2**26  # of a file, some half a million sequences; what comes then is not kept
MOST_REWARD = 2**26  # bytes of a reward that is told from another by its content

Values = tuple[float, ...]


class Measured:
    """The file of one version of a reward, for one thread at a time; a disk that takes nothing costs nothing else."""

    def __init__(self, reward: OwnReward) -> None:
        """Take the file that belongs to the reward's content; none for one that cannot be read, or says keep: no."""
        self.path: Path | None = None
        self._values: dict[str, Values] = {}
        self._read_to = 0  # bytes
        with suppress(OSError):
            if reward.keep and reward.path.stat().st_size <= MOST_REWARD:
                content = sha256(reward.path.read_bytes()).hexdigest()
                self.path = home().absolute() / FOLDER / f"{reward.domain}-{content[:40]}.jsonl"

    def find(self, sequences: Sequence[str]) -> dict[str, Values]:
        """Return what is known of these sequences, by whomever it was measured."""
        if any(one not in self._values for one in sequences):
            self._read()
        return {one: self._values[one] for one in sequences if one in self._values}

    def add(self, found: Mapping[str, Values]) -> None:
        """Keep what was measured."""
        fresh = {one: values for one, values in found.items() if one not in self._values}
        self._values |= fresh
        if not (fresh and self.path):
            return
        # begins with a line's end: the last writer may have been killed within a line
        text = "\n" + "".join(json.dumps([one, list(values)]) + "\n" for one, values in fresh.items())
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if file.tell() < MOST_BYTES:
                    file.write(text.encode())

    def _read(self) -> None:
        """Read what was added since the last time."""
        if self.path is None:
            return
        with suppress(OSError), open(self.path, "rb", opener=without_waiting) as file:
            file.seek(self._read_to)
            data = file.read(2 * MOST_BYTES)
            whole = data.rfind(b"\n") + 1
            self._read_to += whole
            for line in data[:whole].splitlines():
                with suppress(ValueError, TypeError):  # cut short, or written by somebody else
                    one, values = json.loads(line)
                    self._values[str(one)] = tuple(map(float, values))
