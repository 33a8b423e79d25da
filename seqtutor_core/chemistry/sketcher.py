"""Read what OpenChemLib's structure editor writes: patterns, and prefixes of molecules."""

import re
from pathlib import Path

from rdkit import Chem

from seqtutor_core.chemistry.parsing import parse
from seqtutor_core.errors import InputError

SCRIPT = Path(__file__).parents[2] / "static" / "openchemlib.js"
"""Where the editor is expected; Streamlit serves the folder as app/static/."""
REMEDY = "make editor, which needs npm and the network once"

TRIES = 1_000  # of writing a molecule in random order until its last atom is the wanted one
SEED = 0
_BRACKET = re.compile(r"\[([A-Z][a-z]?(?:,[A-Z][a-z]?)*)(?=;[^\]]*\ba\b)")


def available() -> bool:
    """Return whether the editor is installed; REMEDY says how to get it."""
    return SCRIPT.is_file()


def pattern(text: str) -> str:
    """Return the SMARTS of a drawn pattern: the editor writes aromatic carbon as [C;a], which matches nothing."""
    return _BRACKET.sub(_by_number, text)


def _by_number(found: re.Match[str]) -> str:
    table = Chem.GetPeriodicTable()
    return "[" + ",".join(f"#{table.GetAtomicNumber(symbol)}" for symbol in found[1].split(","))


def prefix(text: str) -> str:
    """Return a SMILES prefix that continues at the wildcard atom of a drawn molecule; without one, its own SMILES.

    InputError for more than one wildcard, and if no way of writing the molecule ends there.
    """
    molecule = parse(text)
    free = [atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 0]
    if not free:
        return text
    if len(free) > 1 or free[0].GetDegree() != 1 or molecule.GetNumAtoms() < 2:
        raise InputError("a molecule grows from one place; draw one ?, bonded to the atom from which it shall go on")
    written = Chem.MolToRandomSmilesVect(molecule, TRIES, randomSeed=SEED)
    ends = {one.removesuffix("*") for one in written if one.endswith("*")}
    if not ends:
        raise InputError("no SMILES of this fragment ends at its ?; draw a smaller one, or put the ? elsewhere")
    return min(ends, key=lambda end: (len(end), end))
