"""Properties of a molecule by RDKit: one parse, and nothing computed twice.

seqtutor_core.chemistry.pool measures many molecules at once, without letting one of them do harm.
"""

import importlib.util
import re
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType

from rdkit import Chem, RDConfig
from rdkit.Chem import QED, DataStructs, rdFingerprintGenerator
from rdkit.Chem import rdMolDescriptors as descriptors
from rdkit.Chem.Scaffolds import MurckoScaffold

from seqtutor_core.chemistry import crippen
from seqtutor_core.chemistry.alerts import Patterns, catalogue
from seqtutor_core.chemistry.limits import TooLong
from seqtutor_core.chemistry.parsing import check_text, only_smiles, parse
from seqtutor_core.chemistry.property_query import SCAFFOLD, Facts, Question, check_wanted
from seqtutor_core.chemistry.substructures import substructure
from seqtutor_core.errors import InputError, MissingPartError

_PARSER = only_smiles(sanitize=True)
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
_QED_ALERTS = Patterns(QED.StructuralAlertSmarts)
# QED counts the matches of eleven patterns. Each is one atom and no atom fits two, so they are one pattern.
_QED_ACCEPTOR = Chem.MolFromSmarts("[" + ",".join(s[1:-1].replace(";", "&") for s in QED.AcceptorSmarts) + "]")
_CHAIN_CARBON = Chem.MolFromSmarts("[CX4;!R;!H0;!H1]")


def measure(smiles: str, question: Question, wanted: frozenset[str]) -> Facts:
    """The facts of one molecule; what is no molecule gets facts that say why.

    SettingError for an unknown property; InputError when the question itself holds an invalid SMILES or SMARTS;
    MissingPartError when a part of RDKit is not installed.
    """
    prepare(question, wanted)
    try:
        mol, canonical = read(smiles)
        return answer(Facts(smiles, canonical), mol, question, wanted)
    except InputError as error:
        return Facts(smiles, error=str(error))


def prepare(question: Question, wanted: frozenset[str]) -> None:
    """Load and compile what the answers need, and raise whatever is wrong with question or wanted (see measure)."""
    check_wanted(wanted)
    if "similarity" in wanted:
        _target(question.target)
    for name in wanted & {"required", "forbidden"}:
        for text in question.part(name):
            substructure(text)
    if "alerts" in wanted:
        catalogue(question.catalogues)
    if "sa_score" in wanted:
        _sa_scorer()


def read(smiles: str) -> tuple[Chem.Mol, str]:
    """A molecule and its canonical SMILES; InputError says why a text is none, and where."""
    check_text(smiles, "SMILES")
    mol = None
    with suppress(Exception):
        mol = Chem.MolFromSmiles(smiles, _PARSER)
    if mol is None:
        mol = parse(smiles)  # says why
    return mol, Chem.MolToSmiles(mol)


def answer(facts: Facts, mol: Chem.Mol, question: Question, wanted: frozenset[str]) -> Facts:
    """These facts with all that is wanted of their molecule; InputError when RDKit fails on it."""
    measured = Measured(mol, question)
    values: dict[str, float] = {}
    unknown: dict[str, str] = {}
    try:
        for name in wanted - {SCAFFOLD}:
            try:
                values[name] = float(getattr(measured, name))
            except TooLong as error:
                unknown[name] = str(error)
        scaffold = measured.scaffold if SCAFFOLD in wanted else ""
        return replace(facts, scaffold=scaffold, values=values, unknown=unknown, flat=_flat(mol, facts.canonical))
    except Exception as error:  # whatever it is, it costs this molecule and no other
        raise InputError(
            f"RDKit cannot measure this molecule ({str(error).strip() or type(error).__name__})"
        ) from error


def _flat(mol: Chem.Mol, canonical: str) -> str:
    """Canonical SMILES without stereochemistry and numbers of atoms; empty where there is none."""
    if not re.search(r"[@/\\:]", canonical):
        return ""
    plain = Chem.Mol(mol)
    Chem.RemoveStereochemistry(plain)
    for atom in plain.GetAtoms():
        atom.SetAtomMapNum(0)
    flat: str = Chem.MolToSmiles(plain)
    return flat if flat != canonical else ""


class Measured:
    """The properties of one molecule, each computed when first asked for; others that need it share the result."""

    def __init__(self, mol: Chem.Mol, question: Question) -> None:
        self.mol, self.question = mol, question

    @cached_property
    def log_p(self) -> float:
        """Octanol-water partition, Crippen's contributions of atoms (Wildman and Crippen 1999)."""
        return crippen.log_p(self.mol)

    @cached_property
    def qed(self) -> float:
        """Drug-likeness from 0 to 1 (Bickerton et al. 2012), equal to rdkit.Chem.QED.qed."""
        properties = QED.QEDproperties(
            MW=self.molecular_weight,
            ALOGP=self.log_p,
            HBA=len(self.mol.GetSubstructMatches(_QED_ACCEPTOR)),
            HBD=self.h_bond_donors,
            PSA=self.tpsa,
            ROTB=self.rotatable_bonds,
            AROM=_qed_aromatic_rings(self.mol),
            ALERTS=_QED_ALERTS.count(self.mol),
        )
        return QED.qed(self.mol, qedProperties=properties)

    @cached_property
    def sa_score(self) -> float:
        """Synthetic accessibility from 1, easy, to 10, hard (Ertl and Schuffenhauer 2009)."""
        return _sa_scorer().calculateScore(self.mol)

    @cached_property
    def largest_ring(self) -> int:
        """Atoms of the largest ring of the smallest set of rings, 0 without rings."""
        return max(map(len, self.mol.GetRingInfo().AtomRings()), default=0)

    @cached_property
    def molecular_weight(self) -> float:
        """Average mass in dalton, hydrogens included."""
        return descriptors._CalcMolWt(self.mol)

    @cached_property
    def tpsa(self) -> float:
        """Topological polar surface in square angstrom (Ertl et al. 2000), of nitrogen and oxygen."""
        return descriptors.CalcTPSA(self.mol)

    @cached_property
    def h_bond_donors(self) -> int:
        """RDKit's count, as in QED."""
        return descriptors.CalcNumHBD(self.mol)

    @cached_property
    def h_bond_acceptors(self) -> int:
        """RDKit's count; QED counts others."""
        return descriptors.CalcNumHBA(self.mol)

    @cached_property
    def rotatable_bonds(self) -> int:
        """RDKit's strict count: no amide bonds, no symmetrical ends."""
        return descriptors.CalcNumRotatableBonds(self.mol, descriptors.NumRotatableBondsOptions.Strict)

    @cached_property
    def fraction_sp3(self) -> float:
        """The share of carbons that are sp3."""
        return descriptors.CalcFractionCSP3(self.mol)

    @cached_property
    def heavy_atoms(self) -> int:
        """All atoms but hydrogen."""
        return self.mol.GetNumHeavyAtoms()

    @cached_property
    def carbon_chain(self) -> int:
        """Carbons in the longest simple path of sp3 carbons outside rings that bear two hydrogens or more each."""
        left = {match[0] for match in self.mol.GetSubstructMatches(_CHAIN_CARBON)}
        longest = 0
        while left:  # with two neighbours at most and no ring, a connected piece is a path
            piece, length = [left.pop()], 0
            while piece:
                length += 1
                near = {n.GetIdx() for n in self.mol.GetAtomWithIdx(piece.pop()).GetNeighbors()} & left
                left -= near
                piece += near
            longest = max(longest, length)
        return longest

    @cached_property
    def similarity(self) -> float:
        """Tanimoto similarity to the target, Morgan fingerprints of radius 2 in 2,048 bits."""
        return DataStructs.TanimotoSimilarity(_MORGAN.GetFingerprint(self.mol), _target(self.question.target))

    @cached_property
    def required(self) -> float:
        """The share of the required SMARTS that match; 1 when nothing is required."""
        patterns = self.question.required
        return sum(substructure(text).found_in(self.mol) for text in patterns) / len(patterns) if patterns else 1.0

    @cached_property
    def forbidden(self) -> int:
        """The number of forbidden SMARTS that match."""
        return sum(substructure(text).found_in(self.mol) for text in self.question.forbidden)

    @cached_property
    def alerts(self) -> int:
        """The number of alerts of the question's catalogues that match."""
        return len(catalogue(self.question.catalogues).GetMatches(self.mol)) if self.question.catalogues else 0

    @cached_property
    def scaffold(self) -> str:
        """SMILES of the rings and what links them (Bemis and Murcko 1996), without stereochemistry."""
        return MurckoScaffold.MurckoScaffoldSmiles(mol=self.mol) if self.largest_ring else ""


def _qed_aromatic_rings(mol: Chem.Mol) -> int:
    """Rings that are left without the aliphatic ring atoms that touch anything aliphatic: QED's count.

    Rings that are left = bonds - atoms + pieces of the graph of ring bonds.
    """
    gone = {match[0] for match in mol.GetSubstructMatches(QED.AliphaticRings)}
    bonds = set()
    for ring in mol.GetRingInfo().AtomRings():
        for a, b in zip(ring, (*ring[1:], ring[0]), strict=True):
            if a not in gone and b not in gone:
                bonds.add((a, b) if a < b else (b, a))
    root: dict[int, int] = {}
    rings = 0
    for a, b in bonds:
        while (up := root.get(a, a)) != a:
            a = up
        while (up := root.get(b, b)) != b:
            b = up
        rings += a == b  # this bond closes a ring
        root[a] = b
    return rings


@lru_cache(maxsize=64)
def _target(smiles: str) -> DataStructs.ExplicitBitVect:
    if not smiles:
        raise InputError("similarity is wanted and there is no target; give one as SMILES")
    try:
        return _MORGAN.GetFingerprint(read(smiles)[0])
    except InputError as error:
        raise InputError(f"the target {smiles!r} cannot be used: {error}") from None


@lru_cache(maxsize=1)
def _sa_scorer() -> ModuleType:
    """Ertl's score as it comes with RDKit, its table of fragments loaded."""
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = importlib.util.spec_from_file_location("sascorer", path)
    if not path.exists() or spec is None or spec.loader is None:
        raise MissingPartError(f"the synthetic accessibility score is missing in {path.parent}; reinstall rdkit")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.readFragmentScores()
    return module
