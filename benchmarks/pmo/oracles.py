"""The scores of PMO's tasks that need nothing but RDKit (Gao, Fu, Sun, Coley 2022, arXiv 2206.12411).

A task is a list of scores from 0 to 1 of a molecule and the mean that joins them. Nearly all come from GuacaMol (Brown,
Fiscato, Segler, Vaucher 2019). tests/test_pmo.py holds values of another implementation.
"""

import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from rdkit import Chem, DataStructs
from rdkit.Chem import QED, GraphDescriptors, rdFingerprintGenerator, rdMolDescriptors
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

from benchmarks.pmo.targets import DECORATION, HOP_SCAFFOLD, SULFONE, TARGETS, VALSARTAN, WARHEAD

Score = Callable[[Chem.Mol], float]
"""From a molecule to a number, for most from 0 to 1."""

_ECFP4 = rdFingerprintGenerator.GetMorganGenerator(radius=2)
_ECFP6 = rdFingerprintGenerator.GetMorganGenerator(radius=3)
_FCFP4 = rdFingerprintGenerator.GetMorganGenerator(
    radius=2, atomInvariantsGenerator=rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
)
FINGERPRINTS: Mapping[str, Callable[[Chem.Mol], Any]] = {
    "ECFP4": _ECFP4.GetSparseCountFingerprint,
    "ECFP6": _ECFP6.GetSparseCountFingerprint,
    "FCFP4": _FCFP4.GetSparseCountFingerprint,
    "AP": partial(rdMolDescriptors.GetAtomPairFingerprint, maxLength=10),
    "PHCO": partial(Generate.Gen2DFingerprint, sigFactory=Gobbi_Pharm2D.factory),
}
"""ECFP and FCFP by sparse counts, atom pairs up to 10 bonds, Gobbi's two-dimensional pharmacophores."""

# ---------------------------------------------------------------- from a number to 0 to 1


def gauss(mean: float, width: float) -> Callable[[float], float]:
    """Return exp(-((x - mean) / width)^2 / 2)."""
    return lambda x: math.exp(-0.5 * ((x - mean) / width) ** 2)


def at_most(mean: float, width: float) -> Callable[[float], float]:
    """Return 1 up to a mean, and its Gaussian above."""
    above = gauss(mean, width)
    return lambda x: above(max(x, mean))


def at_least(mean: float, width: float) -> Callable[[float], float]:
    """Return 1 from a mean on, and its Gaussian below."""
    below = gauss(mean, width)
    return lambda x: below(min(x, mean))


def clip(upper: float) -> Callable[[float], float]:
    """Return x / upper, at most 1."""
    return lambda x: min(x / upper, 1.0)


# ---------------------------------------------------------------- from a molecule to a number


def similarity(fingerprint: str, target: str, then: Callable[[float], float] = float) -> Score:
    """Return the Tanimoto similarity to a target by name, or what follows from it."""
    of = FINGERPRINTS[fingerprint]
    wanted = of(_molecule(TARGETS[target]))
    return lambda molecule: then(DataStructs.TanimotoSimilarity(of(molecule), wanted))


def value(of: Callable[[Chem.Mol], float], then: Callable[[float], float]) -> Score:
    """Return what follows from a number of a molecule."""
    return lambda molecule: then(of(molecule))


def element(symbol: str, molecule: Chem.Mol) -> int:
    """Return how many atoms of an element a molecule has; H too."""
    atoms = molecule.GetAtoms()
    heavy = sum(atom.GetSymbol() == symbol for atom in atoms)
    return heavy + sum(atom.GetTotalNumHs() for atom in atoms) if symbol == "H" else heavy


def all_atoms(molecule: Chem.Mol) -> int:
    """Return how many atoms a molecule has, H included."""
    return sum(1 + atom.GetTotalNumHs() for atom in molecule.GetAtoms())


def atoms_in_text(molecule: Chem.Mol) -> int:
    """Return what the first published oracle took for the number of atoms: a SMILES read as if it were a formula.

    C1 counts 1, C2 counts 2, aromatic atoms nothing, and [nH] one for its H.
    """
    found = re.findall(r"[A-Z][a-z]*(\d*)", Chem.MolToSmiles(molecule))
    return sum(int(digits or 1) for digits in found)


def isomer(formula: str, total: Callable[[Chem.Mol], int] = all_atoms) -> Score:
    """Return how near a molecule's formula is to another: a mean over elements, and over the number of all atoms."""
    counts = {symbol: int(digits or 1) for symbol, digits in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}
    parts = [value(partial(element, symbol), gauss(count, 1)) for symbol, count in counts.items()]
    return geometric([*parts, value(total, gauss(sum(counts.values()), 2))])


def has(smarts: str) -> Score:
    """Return 1 for a molecule with a substructure, else 0."""
    pattern = Chem.MolFromSmarts(smarts)
    return lambda molecule: float(molecule.HasSubstructMatch(pattern))


def lacks(smarts: str) -> Score:
    """Return 1 for a molecule without a substructure, else 0."""
    there = has(smarts)
    return lambda molecule: 1.0 - there(molecule)


# ---------------------------------------------------------------- means


def geometric(scores: Sequence[Score]) -> Score:
    """Return the geometric mean of scores, 0 where one is 0."""

    def mean(molecule: Chem.Mol) -> float:
        values = [score(molecule) for score in scores]
        return math.exp(statistics.fmean(map(math.log, values))) if all(values) else 0.0

    return mean


def arithmetic(scores: Sequence[Score]) -> Score:
    """Return the mean of scores."""
    return lambda molecule: statistics.fmean(score(molecule) for score in scores)


# ---------------------------------------------------------------- tasks

TPSA = rdMolDescriptors.CalcTPSA


def log_p_of(molecule: Chem.Mol) -> float:
    """Return Crippen's log P."""
    return rdMolDescriptors.CalcCrippenDescriptors(molecule)[0]


def _similar_and_polar(
    target: str, upper: float, tpsa: Callable[[float], float], log_p: Callable[[float], float]
) -> list[Score]:
    return [similarity("AP", target, clip(upper)), value(TPSA, tpsa), value(log_p_of, log_p)]


def _sitagliptin(total: Callable[[Chem.Mol], int] = all_atoms) -> Score:
    drug = _molecule(TARGETS["sitagliptin"])
    unlike = similarity("ECFP4", "sitagliptin", gauss(0, 0.1))
    properties = [value(log_p_of, gauss(log_p_of(drug), 0.2)), value(TPSA, gauss(TPSA(drug), 5))]
    return geometric([unlike, *properties, isomer("C16H15F6N5O", total)])


def _valsartan() -> Score:
    drug = _molecule(TARGETS["sitagliptin"])
    widths: list[tuple[Score, float]] = [(log_p_of, 0.2), (TPSA, 5), (GraphDescriptors.BertzCT, 30)]
    return geometric([has(VALSARTAN), *(value(of, gauss(of(drug), width)) for of, width in widths)])


def _osimertinib() -> Score:
    like = [similarity("FCFP4", "osimertinib", clip(0.8)), similarity("ECFP6", "osimertinib", at_most(0.85, 0.1))]
    return geometric([*like, value(TPSA, at_least(100, 10)), value(log_p_of, at_most(1, 1))])


@dataclass(frozen=True)
class Task:
    """One task of the benchmark."""

    build: Callable[[], Score]
    """Returns its score."""
    reinvent: float
    """The published AUC top-10 of REINVENT, mean of five seeds."""
    graph_ga: float
    """The same of a genetic algorithm on molecular graphs."""
    screening: float
    """The same of drawing from ZINC."""
    comparable: bool = True
    """Whether these were measured by this definition."""


def _rings(count: int, of: Callable[[Chem.Mol], float], target: str) -> Score:
    return geometric([similarity("ECFP4", target), value(of, gauss(count, 0.5))])


def _zaleplon(total: Callable[[Chem.Mol], int] = all_atoms) -> Score:
    return geometric([similarity("ECFP4", "zaleplon"), isomer("C19H17N3O2", total)])


def _median(fingerprint: str, one: str, other: str) -> Score:
    return geometric([similarity(fingerprint, one), similarity(fingerprint, other)])


def _fexofenadine() -> Score:
    return geometric(_similar_and_polar("fexofenadine", 0.8, at_least(90, 10), at_most(4, 1)))


def _ranolazine() -> Score:
    parts = _similar_and_polar("ranolazine", 0.7, at_least(95, 20), at_least(7, 1))
    return geometric([*parts, value(partial(element, "F"), gauss(1, 1))])


def _deco_hop() -> Score:
    like = similarity("PHCO", "hop", clip(0.85))
    return arithmetic([like, lacks(SULFONE), lacks(WARHEAD), has(HOP_SCAFFOLD)])


def _scaffold_hop() -> Score:
    return arithmetic([similarity("PHCO", "hop", clip(0.75)), has(DECORATION), lacks(HOP_SCAFFOLD)])


AROMATIC_RINGS, RINGS = rdMolDescriptors.CalcNumAromaticRings, rdMolDescriptors.CalcNumRings
C7, C9 = "C7H8N2O2", "C9H10N2O2PF2Cl"

TASKS: Mapping[str, Task] = {
    "albuterol_similarity": Task(partial(similarity, "FCFP4", "albuterol", clip(0.75)), 0.882, 0.838, 0.483),
    "amlodipine_mpo": Task(partial(_rings, 3, RINGS, "amlodipine"), 0.635, 0.661, 0.535),
    "celecoxib_rediscovery": Task(partial(similarity, "ECFP4", "celecoxib"), 0.713, 0.630, 0.351),
    "deco_hop": Task(_deco_hop, 0.666, 0.619, 0.590),
    "fexofenadine_mpo": Task(_fexofenadine, 0.784, 0.760, 0.666),
    "median1": Task(partial(_median, "ECFP4", "camphor", "menthol"), 0.356, 0.294, 0.205),
    "median2": Task(partial(_median, "ECFP6", "tadalafil", "sildenafil"), 0.276, 0.273, 0.200),
    "mestranol_similarity": Task(partial(similarity, "AP", "mestranol", clip(0.75)), 0.618, 0.579, 0.409),
    "osimertinib_mpo": Task(_osimertinib, 0.837, 0.831, 0.764),
    "perindopril_mpo": Task(partial(_rings, 2, AROMATIC_RINGS, "perindopril"), 0.537, 0.538, 0.445),
    "qed": Task(lambda: QED.qed, 0.941, 0.940, 0.938),
    "ranolazine_mpo": Task(_ranolazine, 0.760, 0.728, 0.411),
    "scaffold_hop": Task(_scaffold_hop, 0.560, 0.517, 0.471),
    "thiothixene_rediscovery": Task(partial(similarity, "ECFP4", "thiothixene"), 0.534, 0.479, 0.317),
    "troglitazone_rediscovery": Task(partial(similarity, "ECFP4", "troglitazone"), 0.441, 0.390, 0.249),
    "valsartan_smarts": Task(_valsartan, 0.178, 0.0, 0.0),
    # published with an oracle that counted atoms in the text, so the column is for the definitions below
    "isomers_c7h8n2o2": Task(partial(isomer, C7), 0.852, 0.862, 0.168, False),
    "isomers_c9h10n2o2pf2cl": Task(partial(isomer, C9), 0.642, 0.719, 0.106, False),
    "sitagliptin_mpo": Task(_sitagliptin, 0.021, 0.433, 0.022, False),
    "zaleplon_mpo": Task(_zaleplon, 0.358, 0.346, 0.072, False),
    "isomers_c7h8n2o2_text": Task(partial(isomer, C7, atoms_in_text), 0.852, 0.862, 0.168, False),
    "isomers_c9h10n2o2pf2cl_text": Task(partial(isomer, C9, atoms_in_text), 0.642, 0.719, 0.106, False),
    "sitagliptin_mpo_text": Task(partial(_sitagliptin, atoms_in_text), 0.021, 0.433, 0.022, False),
    "zaleplon_mpo_text": Task(partial(_zaleplon, atoms_in_text), 0.358, 0.346, 0.072, False),
}
"""By name; the last four, with _text, as the four before them were first published."""
COMPARABLE = tuple(name for name, task in TASKS.items() if task.comparable)


@cache
def oracle(task: str) -> Score:
    """Return the score of a task, from 0 to 1."""
    return TASKS[task].build()


def _molecule(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles)
