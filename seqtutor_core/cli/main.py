"""All commands in one parser, and what an error looks like: seqtutor COMMAND, or python -m seqtutor_core COMMAND."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from seqtutor_core.cli import priors, reading, rewards, runs, sampling, sweeps, tuning
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.files import reason
from seqtutor_core.rules import shown

INTERRUPTED = 130  # as shells say it: 128 + SIGINT


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands with their options."""
    as_module = Path(sys.argv[0]).name == "__main__.py"
    parser = argparse.ArgumentParser(
        prog="python -m seqtutor_core" if as_module else "seqtutor",
        description="Fine-tune sequence models by KL-control: preview, tune, measure. Every command takes --json.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for group in (tuning, sweeps, sampling, reading, rewards, priors, runs):
        group.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 when it went well, 1 with a message when not."""
    options = build_parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except SeqTutorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader had enough: `... | head`
        sys.stderr.close()
        return 0
    except OSError as error:  # a disk that is full, a home that is a file, a folder that is not ours
        print(
            f"error: {shown(str(error.filename or 'a file'))}: {reason(error)}; check the disk, or SEQTUTOR_HOME",
            file=sys.stderr,
        )
        return 1
