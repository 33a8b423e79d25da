"""Starts a user's program within limits: python program_main.py SECONDS FILE

Run as a file of its own, without this package, so that it costs 20 ms. An alarm ends the program after so many seconds
even if nobody is left to do so, since alarms survive what `exec` begins.
"""

import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

MOST_DATA = 4 * 2**30
"""Bytes of memory that a process of a user's code may use."""
MOST_FILE = 100 * 2**20
"""Bytes of a file that it writes, its messages among them."""


def limit_process() -> None:
    """Limit this process and those that it starts."""
    limits = {resource.RLIMIT_DATA: MOST_DATA, resource.RLIMIT_FSIZE: MOST_FILE, resource.RLIMIT_CORE: 0}
    for kind, most in limits.items():
        with suppress(ValueError, OSError):  # a system without it, or with a lower one
            _, highest = resource.getrlimit(kind)
            resource.setrlimit(kind, (most, highest))


def main() -> None:
    """Replace this process by the program."""
    limit_process()
    signal.alarm(int(float(sys.argv[1])) + 2)
    os.chdir(Path(sys.argv[2]).parent)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
