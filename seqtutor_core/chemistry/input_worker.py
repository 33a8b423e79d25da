"""The worker that runs operations on users' texts for the workbench; worker_main.py runs it.

A request is {"operation": a name of OPERATIONS, "arguments": its arguments by name, "seconds": its deadline}. The
answer is {"value": the result}, or {"error": the name of an error class, "message": its text}, with "spent" if it ran
out of memory.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from seqtutor_core.chemistry import conformer, depict, files, inputs, sketcher
from seqtutor_core.chemistry.worker_main import MAX_MEMORY
from seqtutor_core.errors import SeqTutorError


def _draw(smiles: str, width: int, height: int, marks: list[str], colouring: str) -> str:
    """Return a drawing whose atoms are coloured by a property, or where patterns are marked."""
    colours = depict.contributions(smiles, colouring) if colouring else None
    return depict.drawing(smiles, width, height, () if colours else marks, colours)


def _write(kind: str, rows: list[dict[str, Any]]) -> str:
    """Return a file to take away, in base64."""
    return base64.b64encode(files.WRITERS[kind]([files.Row(**row) for row in rows])).decode()


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "draw": _draw,
    "draw_pattern": depict.pattern_drawing,
    "draw_prefix": depict.prefix_drawing,
    "conformer": conformer.conformer,
    "molecule": lambda **arguments: asdict(inputs.molecule(**arguments)),
    "smarts": inputs.smarts,
    "prefix": inputs.prefix,
    "drawn_prefix": sketcher.prefix,
    "write": _write,
    **inputs.FILE_OPERATIONS,
}
"""Functions from JSON values to JSON values."""


def serve(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Run the operation of a request."""
    yield {}
    try:
        yield {"value": OPERATIONS[request["operation"]](**request["arguments"])}
    except SeqTutorError as error:
        yield {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        message = f"it needs more memory than {MAX_MEMORY / 2**30:g} GiB; give something smaller"
        yield {"error": "InputError", "message": message, "spent": True}
    except Exception as error:  # noqa: BLE001  whatever a text makes RDKit raise, the text is at fault
        message = f"RDKit cannot work with it ({type(error).__name__}: {str(error).strip()[:200]}); give another"
        yield {"error": "InputError", "message": message}
