"""The API reference, from docstrings and types: the public names first, then every module of the core.

python -m benchmarks.reference [FOLDER]; make docs writes it into docs/api. It needs no network, nor do its pages.
"""

import sys
from pathlib import Path

import pdoc

import seqtutor_core

OUTSIDE = ("!seqtutor_core.__main__", "!seqtutor_core.cli")  # commands have --help


def write(folder: Path, *modules: str) -> Path:
    """Write the reference into a folder; return its first page. modules: as pdoc takes them; none: the whole core."""
    # public names are imported when they are first used, and pdoc shows what a module has
    vars(seqtutor_core).update({name: getattr(seqtutor_core, name) for name in seqtutor_core.__all__})
    pdoc.render.configure(show_source=False)
    pdoc.pdoc(*(modules or ("seqtutor_core", *OUTSIDE)), output_directory=folder)
    return folder / "seqtutor_core.html"


if __name__ == "__main__":
    print(write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/api")))
