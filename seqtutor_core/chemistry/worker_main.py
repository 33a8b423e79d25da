"""The main program of a worker process: requests on standard input, answers on standard output.

python -m seqtutor_core.chemistry.worker_main MODULE

MODULE is one of this package, property_worker or input_worker. Its `serve` yields the answers to a request, each a JSON
value: first {} when everything is loaded, or {"refused": the name of an error class, "message": its text} as the only
answer. Requests and answers are lines of JSON.

The process ends with its input, so also if the client is killed. An alarm ends an answer that takes more than twice the
request's "seconds", since no client waits that long. Memory is limited to MAX_MEMORY.
"""

import importlib
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from seqtutor_core.memory_pressure import end_this_first

MAX_MEMORY = 1536 * 2**20
"""Bytes of data; RDKit with everything loaded takes 60 to 150 MB."""
LOADING_SECONDS = 60.0
"""Time for Python and RDKit to load on a busy machine; it does not count against any text."""
PACKAGE = "seqtutor_core.chemistry"


def main() -> None:
    """Answer requests until the input ends."""
    _limit_memory()
    end_this_first()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the client, and then the input ends
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # RDKit would not let a handler of ours run
    module = importlib.import_module(f"{PACKAGE}.{sys.argv[1]}")
    for line in sys.stdin:
        request = json.loads(line)
        _answer(module.serve(request), 2 * request["seconds"])


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # a system without limits, or with a lower one
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, most))


def _answer(answers: Iterator[Any], seconds: float) -> None:
    patience = 2 * LOADING_SECONDS
    while True:
        signal.setitimer(signal.ITIMER_REAL, patience)
        answer = next(answers, None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if answer is None:
            return
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        patience = seconds


if __name__ == "__main__":
    main()
