"""Internal diversity of a set of molecules."""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)


def diversity(molecules: Sequence[str]) -> float | None:
    """Return 1 minus the mean Tanimoto similarity of all pairs, Morgan fingerprints of radius 2 and 1,024 bits."""
    if len(molecules) < 2:
        return None
    bits = np.stack([_MORGAN.GetFingerprintAsNumPy(Chem.MolFromSmiles(m)) for m in molecules]).astype(np.float32)
    common = bits @ bits.T
    count = bits.sum(1)
    similarity = common / (count[:, None] + count[None, :] - common)
    n = len(molecules)
    return float(1 - (similarity.sum() - np.trace(similarity)) / (n * (n - 1)))
