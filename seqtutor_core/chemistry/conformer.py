"""One likely shape of a molecule in space: distance geometry (ETKDGv3), then a force field.

ETKDG: Riniker and Landrum 2015, doi:10.1021/acs.jcim.5b00654, with the small-ring torsions of its third version.
"""

from functools import lru_cache
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from seqtutor_core.chemistry.parsing import parse, quietly
from seqtutor_core.errors import InputError

LARGEST = 150  # heavy atoms; beyond it a shape takes minutes and says little
SECONDS = 10  # that embedding may take
ATTEMPTS = 30
STEPS = 500  # of the force field


@lru_cache(maxsize=2048)
def conformer(smiles: str, seed: int = 0) -> str:
    """The molecule with hydrogens and coordinates in angstroms, as a mol block; the same for the same seed.

    InputError for what is not SMILES, for more than 150 heavy atoms, and where no shape is found: the drawing in two
    dimensions stands.
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
    """Give the molecule coordinates; large rings and cages may need to start from random ones."""
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
    """Let MMFF94 pull the atoms to where bonds and contacts are at ease, or UFF, or leave them where neither knows."""
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
        rdForceFieldHelpers.MMFFOptimizeMolecule(molecule, maxIters=STEPS)
    elif quietly(lambda: rdForceFieldHelpers.UFFHasAllMoleculeParams(molecule))[0]:
        rdForceFieldHelpers.UFFOptimizeMolecule(molecule, maxIters=STEPS)
