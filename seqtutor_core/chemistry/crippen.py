"""Log P of Wildman and Crippen (1999): RDKit's contributions of the heavy atoms, and those of the hydrogens by rule.

RDKit adds every hydrogen and then searches for 110 patterns among twice the atoms. A hydrogen's contribution depends on
little more than the atom that bears it, so it is computed from that atom here; the result equals RDKit's.
"""

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors as descriptors

ON_CARBON = 0.123  # type H1
ON_NITROGEN = 0.2142  # H3
ALCOHOL = -0.2677  # H2, also on all elements but C, N, O
ACID = 0.298  # H4
OTHER = 0.1125  # HS
KEPT = ("_crippenLogP", "_crippenMR")  # by RDKit, on a molecule

_NO_CARBON = Chem.MolFromSmarts("[!#6;!H0]")


def log_p(mol: Chem.Mol) -> float:
    """Return the octanol-water partition, equal to rdkit.Chem.Crippen.MolLogP."""
    bearers = [mol.GetAtomWithIdx(match[0]) for match in mol.GetSubstructMatches(_NO_CARBON)]
    # hydrogens that are atoms of the graph (deuterium), and charged bearers, are rare and have more rules
    if mol.GetNumHeavyAtoms() < mol.GetNumAtoms() or any(atom.GetFormalCharge() for atom in bearers):
        return _crippen(mol, with_hydrogens=True)
    on_carbon = mol.GetNumAtoms(onlyExplicit=False) - mol.GetNumAtoms()
    total = _crippen(mol, with_hydrogens=False)
    for atom in bearers:
        count = atom.GetTotalNumHs()
        on_carbon -= count
        total += count * _contribution(atom)
    return total + on_carbon * ON_CARBON


def _crippen(mol: Chem.Mol, with_hydrogens: bool) -> float:
    """Return RDKit's sum, and drop the copy it caches on the molecule regardless of `with_hydrogens`."""
    total: float = descriptors.CalcCrippenDescriptors(mol, includeHs=with_hydrogens, force=True)[0]
    for kept in KEPT:
        mol.ClearProp(kept)
    return total


def _contribution(atom: Chem.Atom) -> float:
    """Return the contribution of each hydrogen on an atom other than carbon."""
    if atom.GetAtomicNum() == 7:
        return ON_NITROGEN
    if atom.GetAtomicNum() != 8 or atom.GetTotalNumHs() > 1:
        return ALCOHOL
    neighbours = atom.GetNeighbors()
    numbers = {n.GetAtomicNum() for n in neighbours}
    if numbers - {6, 7, 8, 16} or any(n.GetAtomicNum() != 7 and _like_alcohol(n) for n in neighbours):
        return ALCOHOL
    if 7 in numbers:
        return ON_NITROGEN
    return ACID if numbers & {8, 16} or any(map(_doubly_bound, neighbours)) else OTHER


def _like_alcohol(atom: Chem.Atom) -> bool:
    """Return whether a hydroxyl on this atom is an alcohol or phenol: aromatic, or carbon with four neighbours."""
    return atom.GetIsAromatic() or (atom.GetAtomicNum() == 6 and atom.GetTotalDegree() == 4)


def _doubly_bound(carbon: Chem.Atom) -> bool:
    """Return whether the atom has a double bond to carbon, nitrogen, oxygen or sulphur."""
    double = [b.GetOtherAtom(carbon) for b in carbon.GetBonds() if b.GetBondType() == Chem.BondType.DOUBLE]
    return any(other.GetAtomicNum() in (6, 7, 8, 16) for other in double)
