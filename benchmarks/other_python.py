"""Runs a script of this folder by the interpreter of another environment, for a package that ours shall not have."""

import json
import subprocess
from pathlib import Path
from typing import Any

REMEDY = "It has to be the interpreter of an environment with that package; --help says how to make one."


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
