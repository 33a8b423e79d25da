"""Properties of a molecule by RDKit: one parse, and nothing computed twice.

seqtutor_core.chemistry.pool measures many molecules at once, without letting one of them do harm.
"""

import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import cached_property

from rdkit import Chem
from rdkit.Chem import QED, GraphDescriptors
from rdkit.Chem import rdMolDescriptors as descriptors
from rdkit.Chem.Scaffolds import MurckoScaffold

from seqtutor_core.chemistry import accessibility, crippen
from seqtutor_core.chemistry.alerts import Rings, Surroundings, alerts, count_alerts, surroundings
from seqtutor_core.chemistry.fingerprints import similarity, target_fingerprints
from seqtutor_core.chemistry.formula import isomer_score, parse_formula
from seqtutor_core.chemistry.limits import SearchTimeout
from seqtutor_core.chemistry.parsing import check_text, parse, smiles_parser
from seqtutor_core.chemistry.property_query import SCAFFOLD, Measurement, PropertyQuery, check_properties
from seqtutor_core.chemistry.rotatable import rotatable_bonds
from seqtutor_core.chemistry.substructures import substructure
from seqtutor_core.errors import InputError

_PARSER = smiles_parser(sanitize=True)
# QED counts the matches of eleven patterns. Each is one atom and no atom fits two, so they are one pattern.
_QED_ACCEPTOR = Chem.MolFromSmarts("[" + ",".join(s[1:-1].replace(";", "&") for s in QED.AcceptorSmarts) + "]")
_CHAIN_CARBON = Chem.MolFromSmarts("[CX4;!R;!H0;!H1]")


def measure(smiles: str, query: PropertyQuery, requested: frozenset[str]) -> Measurement:
    """Return the measurement of one molecule, with the reason in `error` if the SMILES is invalid.

    SettingError for an unknown property; InputError if the query holds an invalid SMILES or SMARTS;
    MissingPartError if a part of RDKit is not installed.
    """
    prepare(query, requested)
    try:
        mol, canonical = read(smiles)
        return calculate(Measurement(smiles, canonical), mol, query, requested)
    except InputError as error:
        return Measurement(smiles, error=str(error))


def prepare(query: PropertyQuery, requested: frozenset[str]) -> None:
    """Load and compile what the properties need; raises the errors of `measure`."""
    check_properties(requested)
    for name, kind, targets in (
        ("similarity", query.fingerprint, query.target),
        ("similarity_2", query.fingerprint_2, query.target_2),
    ):
        if name in requested:
            target_fingerprints(kind, targets)
    for name in requested & {"required", "forbidden"}:
        for text in query.part(name):
            substructure(text)
    if requested & {"alerts", "qed"}:
        alerts(_catalogues(query, requested))
    if "sa_score" in requested:
        accessibility.fragments()


def read(smiles: str) -> tuple[Chem.Mol, str]:
    """Return a molecule and its canonical SMILES; InputError says why a SMILES is invalid, and where."""
    check_text(smiles, "SMILES")
    mol = None
    with suppress(Exception):
        mol = Chem.MolFromSmiles(smiles, _PARSER)
    if mol is None:
        mol = parse(smiles)  # raises with the reason
    return mol, Chem.MolToSmiles(mol)


def calculate(measurement: Measurement, mol: Chem.Mol, query: PropertyQuery, requested: frozenset[str]) -> Measurement:
    """Return the measurement with the requested properties of its molecule; InputError if RDKit fails on it.

    mol: the molecule, parsed. query: what properties such as similarity are relative to. requested: names of
    properties.
    """
    calculator = PropertyCalculator(mol, query, _catalogues(query, requested))
    values: dict[str, float] = {}
    unknown: dict[str, str] = {}
    try:
        for name in requested - {SCAFFOLD}:
            try:
                values[name] = float(getattr(calculator, name))
            except SearchTimeout as error:
                unknown[name] = str(error)
        scaffold = calculator.scaffold if SCAFFOLD in requested else ""
        return replace(
            measurement, scaffold=scaffold, values=values, unknown=unknown, flat=_flat(mol, measurement.canonical)
        )
    except Exception as error:  # whatever it is, it costs this molecule and no other
        raise InputError(
            f"RDKit cannot measure this molecule ({str(error).strip() or type(error).__name__})"
        ) from error


def _catalogues(query: PropertyQuery, requested: frozenset[str]) -> tuple[str, ...]:
    """Return the catalogues whose alerts are requested."""
    return query.catalogues if "alerts" in requested else ()


def _flat(mol: Chem.Mol, canonical: str) -> str:
    """Return the canonical SMILES without stereochemistry and atom numbers; empty if it has neither."""
    if not re.search(r"[@/\\:]", canonical):
        return ""
    plain = Chem.Mol(mol)
    Chem.RemoveStereochemistry(plain)
    for atom in plain.GetAtoms():
        atom.SetAtomMapNum(0)
    flat: str = Chem.MolToSmiles(plain)
    return flat if flat != canonical else ""


class PropertyCalculator:
    """The properties of one molecule, each computed at first use; properties that build on it share the result."""

    def __init__(self, mol: Chem.Mol, query: PropertyQuery, catalogues: tuple[str, ...]) -> None:
        self.mol, self.query, self.catalogues = mol, query, catalogues

    @cached_property
    def _surroundings(self) -> Surroundings:
        return surroundings(self.mol)

    @cached_property
    def _alerts(self) -> tuple[int, int]:
        """QED's alerts, and those of the catalogues."""
        return count_alerts(self.mol, self._surroundings, self._rings, self.catalogues)

    @cached_property
    def _rings(self) -> Rings:
        return self.mol.GetRingInfo().AtomRings()

    @cached_property
    def log_p(self) -> float:
        """Octanol-water partition, Crippen's contributions of atoms (Wildman and Crippen 1999)."""
        return crippen.log_p(self.mol, self._surroundings)

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
            AROM=_qed_aromatic_rings(self.mol, self._rings),
            ALERTS=self._alerts[0],
        )
        return QED.qed(self.mol, qedProperties=properties)

    @cached_property
    def sa_score(self) -> float:
        """Synthetic accessibility from 1, easy, to 10, hard (Ertl and Schuffenhauer 2009)."""
        return accessibility.sa_score(self.mol, self.largest_ring)

    @cached_property
    def largest_ring(self) -> int:
        """Atoms of the largest ring of the smallest set of rings, 0 without rings."""
        return max(map(len, self._rings), default=0)

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
        return rotatable_bonds(self.mol)

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
        """Tanimoto similarity to the targets, by the query's fingerprint."""
        return similarity(self.mol, self.query.fingerprint, self.query.over_targets, self.query.target)

    @cached_property
    def similarity_2(self) -> float:
        """The same for the second targets."""
        return similarity(self.mol, self.query.fingerprint_2, self.query.over_targets_2, self.query.target_2)

    @cached_property
    def _elements(self) -> Counter[str]:
        """Atoms by element, hydrogens included."""
        counts = Counter(atom.GetSymbol() for atom in self.mol.GetAtoms())
        counts["H"] += sum(atom.GetTotalNumHs() for atom in self.mol.GetAtoms())
        return counts

    @cached_property
    def isomer(self) -> float:
        """How near the atoms come to the query's formula, 0 to 1."""
        return isomer_score(self._elements, parse_formula(self.query.formula))

    @cached_property
    def element_count(self) -> int:
        """Atoms of the query's element, hydrogens included."""
        return self._elements[self.query.element]

    @cached_property
    def rings(self) -> int:
        """Rings of the smallest set of rings."""
        return descriptors.CalcNumRings(self.mol)

    @cached_property
    def aromatic_rings(self) -> int:
        """Those of them that are aromatic."""
        return descriptors.CalcNumAromaticRings(self.mol)

    @cached_property
    def bertz(self) -> float:
        """Complexity by bonds and by kinds of atoms (Bertz 1981), equal to rdkit.Chem.GraphDescriptors.BertzCT."""
        return GraphDescriptors.BertzCT(self.mol)

    @cached_property
    def required(self) -> float:
        """The share of the required SMARTS that match; 1 when nothing is required."""
        patterns = self.query.required
        return sum(substructure(text).found_in(self.mol) for text in patterns) / len(patterns) if patterns else 1.0

    @cached_property
    def forbidden(self) -> int:
        """The number of forbidden SMARTS that match."""
        return sum(substructure(text).found_in(self.mol) for text in self.query.forbidden)

    @cached_property
    def alerts(self) -> int:
        """The number of alerts of the query's catalogues that match."""
        return self._alerts[1]

    @cached_property
    def scaffold(self) -> str:
        """SMILES of the rings and what links them (Bemis and Murcko 1996), without stereochemistry."""
        return MurckoScaffold.MurckoScaffoldSmiles(mol=self.mol) if self.largest_ring else ""


def _qed_aromatic_rings(mol: Chem.Mol, rings_of_mol: Rings) -> int:
    """Return QED's count of aromatic rings: those that remain without the ring atoms that touch anything aliphatic.

    Remaining rings = bonds - atoms + pieces of the graph of ring bonds.
    """
    gone = {match[0] for match in mol.GetSubstructMatches(QED.AliphaticRings)}
    bonds = set()
    for ring in rings_of_mol:
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
