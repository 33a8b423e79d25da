"""Fingerprints of molecules by RDKit, and how similar two are by them.

Binary ones of circular and pair kinds have 2,048 bits; counts are not folded. Circular: Rogers & Hahn 2010. Atom pairs,
up to ten bonds apart: Carhart et al. 1985. Pharmacophores of two and three points: Gobbi & Poppinger 1998.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from rdkit import Chem
from rdkit.Chem import DataStructs
from rdkit.Chem import rdFingerprintGenerator as generators

from seqtutor_core.chemistry.parsing import parse
from seqtutor_core.chemistry.property_query import COUNTS, MEAN
from seqtutor_core.errors import InputError

BITS = 2048
BONDS = 10  # between the atoms of a pair


def similarity(mol: Chem.Mol, kind: str, over_targets: str, targets: tuple[str, ...]) -> float:
    """Return the Tanimoto similarity (0 to 1) of a molecule to its targets.

    kind: one of property_query.FINGERPRINTS. over_targets: the largest, or the mean, of the similarities to several.
    targets: SMILES. InputError without a target, or for one that is not a molecule.
    """
    own = _function(kind)(mol)
    each = [DataStructs.TanimotoSimilarity(own, target) for target in target_fingerprints(kind, targets)]
    return sum(each) / len(each) if over_targets == MEAN else max(each)


@lru_cache(maxsize=64)
def target_fingerprints(kind: str, targets: tuple[str, ...]) -> list[Any]:
    """Return the fingerprint of each target SMILES; the errors are those of `similarity`."""
    if not targets:
        raise InputError("similarity is requested and there is no target; give one as SMILES")
    return [_of_target(kind, smiles) for smiles in targets]


def _of_target(kind: str, smiles: str) -> Any:
    try:
        return _function(kind)(parse(smiles))
    except InputError as error:
        raise InputError(f"the target {smiles!r} cannot be used: {error}") from None


@cache
def _function(kind: str) -> Callable[[Chem.Mol], Any]:
    """Return the function from a molecule to its fingerprint of a kind."""
    name = kind.removesuffix(COUNTS)
    if name == "pharmacophores":
        return _pharmacophores(counts=name != kind)
    features = generators.GetMorganFeatureAtomInvGen
    generator = {
        "ECFP4": lambda: generators.GetMorganGenerator(radius=2, fpSize=BITS),
        "ECFP6": lambda: generators.GetMorganGenerator(radius=3, fpSize=BITS),
        "FCFP4": lambda: generators.GetMorganGenerator(radius=2, fpSize=BITS, atomInvariantsGenerator=features()),
        "atom pairs": lambda: generators.GetAtomPairGenerator(maxDistance=BONDS, fpSize=BITS, countSimulation=False),
    }[name]()
    return generator.GetFingerprint if name == kind else generator.GetSparseCountFingerprint


def _pharmacophores(counts: bool) -> Callable[[Chem.Mol], Any]:
    from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D  # a second to load
    from rdkit.Chem.Pharm2D.SigFactory import SigFactory

    factory: Any = Gobbi_Pharm2D.factory
    if counts:
        factory = SigFactory(factory.featFactory, minPointCount=2, maxPointCount=3, useCounts=True)
        factory.SetBins(Gobbi_Pharm2D.defaultBins)
        factory.Init()
    return lambda mol: Generate.Gen2DFingerprint(mol, factory)
