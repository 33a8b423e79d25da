"""What users give, worked on by the workbench: for pages, whose one process serves all visitors.

Each function gives what its namesake in inputs, depict, drawn or conformer gives, and raises what that raises; besides,
InputError for what takes too long or too much memory, or ends the process.
"""

import base64
from collections.abc import Sequence
from dataclasses import asdict

from seqtutor_core.chemistry import inputs
from seqtutor_core.chemistry.conformer import SECONDS as SHAPE_SECONDS
from seqtutor_core.chemistry.files import SECONDS as FILE_SECONDS
from seqtutor_core.chemistry.files import Row
from seqtutor_core.chemistry.inputs import Given, Uploaded
from seqtutor_core.chemistry.workbench import SECONDS, run


def drawing(smiles: str, width: int, height: int, marks: Sequence[str] = (), colouring: str = "") -> str:
    """A molecule as an SVG: substructures marked, or atoms coloured by what they add to a property."""
    arguments = {"smiles": smiles, "width": width, "height": height, "marks": list(marks), "colouring": colouring}
    svg: str = run("draw", arguments)
    return svg


def pattern_drawing(smarts: str, width: int, height: int) -> str:
    """A pattern as an SVG."""
    svg: str = run("draw_pattern", {"smarts": smarts, "width": width, "height": height})
    return svg


def beginning_drawing(text: str, width: int, height: int) -> str:
    """A beginning of SMILES as an SVG, the atom it goes on from marked."""
    svg: str = run("draw_beginning", {"text": text, "width": width, "height": height})
    return svg


def conformer(smiles: str) -> str:
    """A likely shape in space, as a mol block."""
    block: str = run("shape", {"smiles": smiles}, 2 * SECONDS + SHAPE_SECONDS)
    return block


def molecule(text: str) -> Given:
    """The molecule that a text stands for."""
    found = run("molecule", {"text": text})
    return Given(found["smiles"], tuple(found["remarks"]), found["name"])


def smarts(text: str) -> tuple[str, ...]:
    """The SMARTS of a text, one a line."""
    return tuple(run("smarts", {"text": text}))


def prefix(text: str) -> list[int]:
    """The tokens of a beginning of SMILES."""
    ids: list[int] = run("prefix", {"text": text})
    return ids


def beginning(text: str) -> str:
    """A drawn molecule as a SMILES that goes on from its atom of any kind."""
    smiles: str = run("beginning", {"text": text})
    return smiles


def upload(data: bytes, filename: str) -> Uploaded:
    """Return the molecules of a file and its broken records; a record that takes too long costs itself alone."""
    return inputs.upload(data, filename, run)


def written(kind: str, rows: Sequence[Row]) -> bytes:
    """Molecules as a file of a kind of files.WRITERS."""
    found = run("write", {"kind": kind, "rows": [asdict(row) for row in rows]}, 2 * FILE_SECONDS)
    return base64.b64decode(found)
