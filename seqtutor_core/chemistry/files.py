"""Write molecules as files: SMILES, CSV, SDF, pictures, and a zip of them all."""

import csv as csv_format
import io
import math
import re
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from rdkit import Chem
from rdkit.Chem import rdDepictor

from seqtutor_core.chemistry.conformer import conformer
from seqtutor_core.chemistry.depict import grid, grid_png
from seqtutor_core.chemistry.parsing import parse
from seqtutor_core.errors import InputError, MissingPartError

MAX_MOLECULES = 1_000
NARROW = 50  # up to so many a grid has five columns, beyond it is about square
SECONDS = 60.0
MIDNIGHT = (1980, 1, 1, 0, 0, 0)  # the oldest date a zip knows: the same molecules give the same bytes


@dataclass(frozen=True)
class Row:
    """A molecule, its name and its values."""

    smiles: str
    name: str
    values: Mapping[str, float] = field(default_factory=dict)
    """Column -> number; numbers that are not finite are left out."""


def smi(rows: Sequence[Row]) -> bytes:
    """Return a line for each molecule: SMILES, a tab, its name. InputError for no row or more than 1,000, as below."""
    _check(rows)
    return "".join(f"{row.smiles}\t{_one_line(row.name)}\n" for row in rows).encode()


def csv(rows: Sequence[Row]) -> bytes:
    """Return a row for each molecule under a header: smiles, name, and every column that any row has."""
    _check(rows)
    columns = _columns(rows)
    text = io.StringIO(newline="")
    out = csv_format.writer(text)
    out.writerow(["smiles", "name", *columns])
    for row in rows:
        values = _values(row)
        out.writerow([row.smiles, _one_line(row.name), *(values.get(column, "") for column in columns)])
    return text.getvalue().encode()


def sdf(rows: Sequence[Row], seconds: float = SECONDS) -> bytes:
    """Return a record for each molecule, with SMILES and values as its properties.

    The property `coordinates` is 3D (with hydrogens, in angstroms), or 2D if no conformer was found or `seconds` were
    used up before it.
    """
    _check(rows)
    deadline = time.monotonic() + seconds
    return "".join(_record(row, deadline) for row in rows).encode()


def svg(rows: Sequence[Row]) -> bytes:
    """Return a grid of drawings with their names, as SVG."""
    _check(rows)
    return grid([row.smiles for row in rows], [row.name for row in rows], _across(rows)).encode()


def png(rows: Sequence[Row]) -> bytes:
    """Return the same grid as PNG."""
    _check(rows)
    return grid_png([row.smiles for row in rows], [row.name for row in rows], _across(rows))


def archive(rows: Sequence[Row], seconds: float = SECONDS) -> bytes:
    """Return a zip of all five, without the pictures where RDKit cannot draw.

    The same rows give the same bytes if all conformers are found within `seconds`.
    """
    _check(rows)
    writers: dict[str, Callable[[], bytes]] = {
        "molecules.smi": lambda: smi(rows),
        "molecules.csv": lambda: csv(rows),
        "molecules.sdf": lambda: sdf(rows, seconds),
        "molecules.svg": lambda: svg(rows),
        "molecules.png": lambda: png(rows),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name, write in writers.items():
            entry = zipfile.ZipInfo(name, MIDNIGHT)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, on whatever machine
            with suppress(MissingPartError):
                out.writestr(entry, write(), zipfile.ZIP_DEFLATED)
    return file.getvalue()


WRITERS: Mapping[str, Callable[[Sequence[Row]], bytes]] = {
    "sdf": sdf,
    "smi": smi,
    "csv": csv,
    "png": png,
    "svg": svg,
    "zip": archive,
}
"""By the file's extension."""


def _check(rows: Sequence[Row]) -> None:
    if not rows:
        raise InputError("0 molecules were chosen, and a file needs one; choose some first")
    if len(rows) > MAX_MOLECULES:
        raise InputError(f"{len(rows):,} molecules are more than {MAX_MOLECULES:,}; choose fewer, or filter them first")


def _columns(rows: Sequence[Row]) -> list[str]:
    """Return all columns in the order in which they first appear."""
    return list(dict.fromkeys(column for row in rows for column in row.values))


def _values(row: Row) -> dict[str, str]:
    return {column: f"{value:.6g}" for column, value in row.values.items() if math.isfinite(value)}


def _across(rows: Sequence[Row]) -> int:
    return 5 if len(rows) <= NARROW else math.ceil(math.sqrt(len(rows)))


def _record(row: Row, deadline: float) -> str:
    """Return one record of an SDF."""
    block, coordinates = _flat(row.smiles), "2D"
    if time.monotonic() < deadline:
        with suppress(InputError):  # the property coordinates says so
            block, coordinates = conformer(row.smiles), "3D"
    properties = {"SMILES": row.smiles, "coordinates": coordinates, **_values(row)}
    fields = "".join(f">  <{re.sub('[<>]', '', _one_line(key))}>\n{value}\n\n" for key, value in properties.items())
    title = _one_line(row.name).replace("$$$$", "$")  # four would end the record
    return title + block[block.index("\n") :] + fields + "$$$$\n"


def _flat(smiles: str) -> str:
    """Return a mol block with coordinates in the plane."""
    molecule = parse(smiles)
    rdDepictor.Compute2DCoords(molecule)
    block: str = Chem.MolToMolBlock(molecule)
    return block


def _one_line(text: str) -> str:
    return " ".join(text.split())
