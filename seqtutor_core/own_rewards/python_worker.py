"""The process that runs a user's Python file: python -m seqtutor_core.own_rewards.python_worker DOMAIN FILE SECONDS

It loads the file, writes {} or {"error": why not}, and then answers each line of standard input, a sequence, with
a line of JSON: [values or null, error]. What the user's code prints goes to standard error. It ends with its input.
"""

import json
import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from seqtutor_core.own_rewards.program_main import MOST_DATA, limit_process

FUNCTION = "reward"
LONGEST_ERROR = 300


def main() -> None:
    """Load the file and answer until the input ends."""
    domain, path, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    requests, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # neither is the user's: exit() closes its input
    os.dup2(2, 1)
    limit_process()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.chdir(path.parent)
    sys.path.insert(0, str(path.parent))
    try:
        function = runpy.run_path(str(path)).get(FUNCTION)
        problem = "" if callable(function) else f"it has no function named {FUNCTION}"
    except BaseException as error:  # noqa: BLE001  # whatever a user's file does
        function, problem = None, _words(error, path)
    _write(answers, {"error": problem} if problem else {})
    for line in requests if not problem else ():
        signal.setitimer(signal.ITIMER_REAL, 2 * seconds + 1)  # nobody waits so long
        _write(answers, _answer(function, domain, line.rstrip("\n"), path))  # type: ignore[arg-type]
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(function: Callable[[Any], Any], domain: str, line: str, path: Path) -> tuple[list[float] | None, str]:
    """Return the function's values of a sequence, and no error; or None and what went wrong."""
    me = os.getpid()
    try:
        value = function([int(token) for token in line.split()] if domain == "melody" else line)
        return _numbers(value), ""
    except BaseException as error:  # noqa: BLE001  # whatever a user's function does
        return None, _words(error, path)
    finally:
        if os.getpid() != me:  # a fork came back here, and must not answer a second time
            sys.stderr.write("it forked, and the copy was ended\n")
            os._exit(0)


def _numbers(value: Any) -> list[float]:
    """Return a number, or several, as floats; TypeError in words for anything else."""
    if isinstance(value, str | bytes | dict | None):
        raise TypeError(f"returned {_short(value)}, not a number")
    try:
        return [float(value)]
    except (TypeError, ValueError):
        pass
    try:
        return [float(each) for each in value]
    except (TypeError, ValueError):
        raise TypeError(f"returned {_short(value)}, not a number") from None


def _short(value: Any) -> str:
    text = repr(value[:80] if isinstance(value, str | bytes) else value)
    return text[:80]


def _words(error: BaseException, path: Path) -> str:
    """Return an error in a line, with the line of the user's file that it came from."""
    if isinstance(error, MemoryError):
        return f"needs more memory than {MOST_DATA / 2**30:g} GiB"
    if isinstance(error, SystemExit):
        return "called exit; return a number instead"
    if isinstance(error, TypeError) and str(error).startswith("returned "):
        return str(error)
    lines, trace = [], error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.lineno:
        lines.append(error.lineno)
    place = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}"[:LONGEST_ERROR].replace("\n", " ") + place


def _write(answers: TextIO, answer: Any) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
