"""A conformer of a molecule: distance geometry (ETKDGv3), then a force field.

ETKDG: Riniker and Landrum 2015, doi:10.1021/acs.jcim.5b00654, with the small-ring torsions of its third version.
"""

from functools import lru_cache
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from seqtutor_core.chemistry.parsing import capture_log, parse
from seqtutor_core.errors import InputError

LARGEST = 150  # heavy atoms; a larger conformer takes minutes and says little
SECONDS = 10  # that embedding may take
ATTEMPTS = 30
STEPS = 500  # of the force field


@lru_cache(maxsize=2048)
def conformer(smiles: str, seed: int = 0) -> str:
    """Return the molecule with hydrogens and coordinates in angstroms, as a mol block; the same seed, the same block.

    InputError for an invalid SMILES, for more than 150 heavy atoms, and if no conformer is found.
    """
    molecule = parse(smiles)
    heavy = molecule.GetNumHeavyAtoms()
    if heavy > LARGEST:
        raise InputError(
            f"a molecule of {heavy} heavy atoms is too large for a shape in space, {LARGEST} are the most; "
            "look at its drawing in two dimensions"
        )
    shaped = Chem.AddHs(molecule)
    if not _embed(shaped, seed):
        raise InputError(
            f"no shape in space was found for {smiles[:60]} in {2 * ATTEMPTS} attempts or {SECONDS} seconds: its rings "
            "may be too strained, or its chain too long; its drawing in two dimensions stands"
        )
    _relax(shaped)
    block: str = Chem.MolToMolBlock(shaped)
    return block


def _embed(molecule: Chem.Mol, seed: int) -> bool:
    """Embed the molecule in space and return whether that worked; large rings and cages may need a random start."""
    for random_start in (False, True):
        params: Any = rdDistGeom.ETKDGv3()
        params.randomSeed = seed
        params.maxIterations = ATTEMPTS
        params.timeout = SECONDS // 2
        params.useRandomCoords = random_start
        if rdDistGeom.EmbedMolecule(molecule, params) == 0:
            return True
    return False


def _relax(molecule: Chem.Mol) -> None:
    """Minimise the energy with MMFF94, or UFF if MMFF94 lacks parameters; without either nothing changes."""
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
        rdForceFieldHelpers.MMFFOptimizeMolecule(molecule, maxIters=STEPS)
    elif capture_log(lambda: rdForceFieldHelpers.UFFHasAllMoleculeParams(molecule))[0]:
        rdForceFieldHelpers.UFFOptimizeMolecule(molecule, maxIters=STEPS)
