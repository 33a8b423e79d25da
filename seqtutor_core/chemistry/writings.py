"""The ways to write a molecule: canonical, without stereochemistry, and with its atoms in random order."""

from typing import NamedTuple

from rdkit import Chem

from seqtutor_core.chemistry.parsing import capture_log, smiles_parser
from seqtutor_core.text import hashed


class Writings(NamedTuple):
    """SMILES of one molecule."""

    canonical: str
    graph: str
    """Canonical, without stereochemistry."""
    random: str
    """From a random atom on, in random order; the same each time."""


def writings(smiles: str) -> Writings | None:
    """Return the SMILES of a molecule; None for an invalid one."""
    molecule, _ = capture_log(lambda: Chem.MolFromSmiles(smiles, smiles_parser(sanitize=True)))
    if molecule is None or not molecule.GetNumAtoms():
        return None
    canonical, graph = Chem.MolToSmiles(molecule), Chem.MolToSmiles(molecule, isomericSmiles=False)
    return Writings(canonical, graph, random_writing(molecule, hashed(canonical) >> 1))


def random_writing(molecule: Chem.Mol, seed: int) -> str:
    """Return a SMILES of a molecule from a random atom on, in random order; the same for a seed from 0 to 2^31 - 1."""
    [random] = Chem.MolToRandomSmilesVect(molecule, 1, randomSeed=seed)
    return str(random)
