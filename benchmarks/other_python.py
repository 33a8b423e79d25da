"""Compares with a package that our environment shall not have: a script of this folder runs by another interpreter."""

import argparse
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqtutor_core.cpu_count import cpu_count

RESULTS = Path(__file__).with_name("results")
REMEDY = "It has to be the interpreter of an environment with that package; --help says how to make one."


def compare(
    description: str | None,
    package: str,
    results: str,
    seconds: float,
    measure: Callable[[str, float, int], dict[str, Any]],
    table: Callable[[dict[str, Any]], list[str]],
) -> None:
    """Measure as the command line says, keep what was found in a file of the results, and print its table.

    seconds: usual ones of each figure. measure: from the other interpreter, seconds and rounds, to what was found, with
    the versions of both sides. table: lines of Markdown.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help=f"of an environment in which {package} can be imported")
    parser.add_argument("--seconds", type=float, default=seconds, help="of each figure in each round, after warm-up")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    facts = {"cores": cpu_count(), "seconds": options.seconds, "rounds": options.rounds}
    found = facts | measure(options.python, options.seconds, options.rounds)
    (RESULTS / results).write_text(json.dumps(found, indent=1) + "\n")
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    print(f"{found['cores']} cores; {versions}; medians of {found['rounds']} rounds of {found['seconds']:g} s each\n")
    print("\n".join(table(found)))


def said_by(python: str, script: str, *arguments: str) -> dict[str, Any]:
    """Return the JSON of the last line that a script of this folder prints; SystemExit says why there is none.

    By -I, so that nothing of this environment is seen there.
    """
    command = [python, "-I", str(Path(__file__).with_name(script)), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SystemExit(f"--python {python} cannot be started: {error.strerror}. {REMEDY}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it was killed"])[-1]
        raise SystemExit(f"--python {python} cannot run the public implementation: {last}. {REMEDY}")
    return dict(json.loads(done.stdout.splitlines()[-1]))
