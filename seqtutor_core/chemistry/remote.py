"""Functions of inputs, depict, sketcher, conformer and files as remote calls to the workbench.

Pages use them, since one process serves all visitors. Each returns and raises what its original does, and InputError
for a text that takes too long or too much memory, or ends the process.
"""

import base64
from collections.abc import Sequence
from dataclasses import asdict

from seqtutor_core.chemistry import inputs
from seqtutor_core.chemistry.conformer import SECONDS as CONFORMER_SECONDS
from seqtutor_core.chemistry.files import SECONDS as FILE_SECONDS
from seqtutor_core.chemistry.files import Row
from seqtutor_core.chemistry.inputs import InputMolecule, UploadedMolecules
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.chemistry.workbench import SECONDS, run


def drawing(smiles: str, width: int, height: int, marks: Sequence[str] = (), colouring: str = "") -> str:
    """Return a molecule as an SVG of width x height pixels.

    smiles: the molecule. marks: SMARTS to highlight. colouring: the property whose contributions colour the atoms;
    empty: none.
    """
    arguments = {"smiles": smiles, "width": width, "height": height, "marks": list(marks), "colouring": colouring}
    svg: str = run("draw", arguments)
    return svg


def pattern_drawing(smarts: str, width: int, height: int) -> str:
    """Return a pattern as an SVG."""
    svg: str = run("draw_pattern", {"smarts": smarts, "width": width, "height": height})
    return svg


def prefix_drawing(text: str, width: int, height: int, corpus: str = MOSES.corpus) -> str:
    """Return a SMILES prefix as an SVG of width x height pixels, the atom it continues from marked.

    text: the prefix. corpus: what the prior learned from.
    """
    svg: str = run("draw_prefix", {"text": text, "width": width, "height": height, "corpus": corpus})
    return svg


def conformer(smiles: str) -> str:
    """Return a conformer as a mol block."""
    block: str = run("conformer", {"smiles": smiles}, 2 * SECONDS + CONFORMER_SECONDS)
    return block


def molecule(text: str, corpus: str = MOSES.corpus) -> InputMolecule:
    """Return the molecule of a text, with remarks for a prior of a corpus."""
    answer = run("molecule", {"text": text, "corpus": corpus})
    return InputMolecule(answer["smiles"], tuple(answer["remarks"]), answer["name"])


def smarts(text: str) -> tuple[str, ...]:
    """Return the SMARTS of a text, one a line."""
    return tuple(run("smarts", {"text": text}))


def prefix(text: str, corpus: str = MOSES.corpus) -> list[int]:
    """Return the ids of a SMILES prefix in a corpus' vocabulary."""
    ids: list[int] = run("prefix", {"text": text, "corpus": corpus})
    return ids


def drawn_prefix(text: str) -> str:
    """Return the SMILES prefix of a drawn molecule, which continues at its wildcard atom."""
    smiles: str = run("drawn_prefix", {"text": text})
    return smiles


def upload(data: bytes, filename: str, corpus: str = MOSES.corpus) -> UploadedMolecules:
    """Return the molecules of a file and its broken records; a record that takes too long costs itself alone."""
    return inputs.upload(data, filename, corpus, run)


def write_file(kind: str, rows: Sequence[Row]) -> bytes:
    """Return molecules as a file of a kind of files.WRITERS."""
    encoded = run("write", {"kind": kind, "rows": [asdict(row) for row in rows]}, 2 * FILE_SECONDS)
    return base64.b64decode(encoded)
