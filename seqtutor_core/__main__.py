"""Run the command line: python -m seqtutor_core COMMAND, the same as seqtutor COMMAND."""

import sys

from seqtutor_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
