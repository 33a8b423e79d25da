"""Log P of Wildman and Crippen (1999): RDKit's contributions of the heavy atoms, and those of the hydrogens by rule.

RDKit adds every hydrogen and then searches for 110 patterns among twice the atoms. A hydrogen's contribution depends on
little more than the atom that bears it, so it is computed from that atom here. A heavy atom's depends on its
surroundings, so it is kept by them, and RDKit is asked only about molecules that have new ones. The result equals
RDKit's.
"""

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors as descriptors

from seqtutor_core.chemistry.alerts import Surroundings

ON_CARBON = 0.123  # type H1
ON_NITROGEN = 0.2142  # H3
ALCOHOL = -0.2677  # H2, also on all elements but C, N, O
ACID = 0.298  # H4
OTHER = 0.1125  # HS
KEPT = ("_crippenLogP", "_crippenMR", "_crippenLogPContribs", "_crippenMRContribs")  # by RDKit, on a molecule
MOST_KINDS = 50_000  # of atoms, whose contributions are kept: some 15 MB

_NO_CARBON = Chem.MolFromSmarts("[!#6;!H0]")
# A key is what a contribution depends on; the number of an atom with its neighbours comes first. Where that is not
# enough its value is WIDER or BEYOND, and _key says what is.
WIDER, BEYOND = "wider", "beyond"
_kept: dict[object, float | str] = {}


def log_p(mol: Chem.Mol, around: Surroundings) -> float:
    """Return the octanol-water partition of a molecule with these surroundings, equal to rdkit.Chem.Crippen.MolLogP."""
    bearers = [mol.GetAtomWithIdx(match[0]) for match in mol.GetSubstructMatches(_NO_CARBON)]
    # hydrogens that are atoms of the graph (deuterium), and charged bearers, are rare and have more rules
    if mol.GetNumHeavyAtoms() < mol.GetNumAtoms() or any(atom.GetFormalCharge() for atom in bearers):
        total: float = descriptors.CalcCrippenDescriptors(mol, includeHs=True, force=True)[0]
        _clear(mol)
        return total
    on_carbon = mol.GetNumAtoms(onlyExplicit=False) - mol.GetNumAtoms()
    total = 0.0
    for contribution in _heavy_atoms(mol, around):
        total += contribution  # in this order, as RDKit adds them
    for atom in bearers:
        count = atom.GetTotalNumHs()
        on_carbon -= count
        total += count * _contribution(atom)
    return total + on_carbon * ON_CARBON


def _heavy_atoms(mol: Chem.Mol, around: Surroundings) -> list[float]:
    """Return the contribution of each heavy atom, as it is kept, or of all by RDKit."""
    contributions = []
    for i, numbers in enumerate(around):
        value = _kept.get(numbers[:2])
        if isinstance(value, str):
            value = _kept.get(_key(value, mol, i, around))
        if not isinstance(value, float):
            return _learn(mol, around)
        contributions.append(value)
    return contributions


def _key(reach: str, mol: Chem.Mol, i: int, around: Surroundings) -> object:
    """Return what the contribution of an atom depends on that its neighbours do not tell.

    WIDER: on which of its neighbours are aromatic. BEYOND: the same for the only neighbour of a terminal atom.
    """
    if reach == WIDER:
        return around[i]
    [neighbour] = mol.GetAtomWithIdx(i).GetNeighbors()
    return around[i][1], around[neighbour.GetIdx()]


def _learn(mol: Chem.Mol, around: Surroundings) -> list[float]:
    """Return RDKit's contribution of each heavy atom, and keep them."""
    contributions = [log_p for log_p, _ in descriptors._CalcCrippenContribs(mol, force=True)]
    _clear(mol)
    if len(_kept) > MOST_KINDS:
        _kept.clear()
    for i, (numbers, contribution) in enumerate(zip(around, contributions, strict=True)):
        value = _kept.get(numbers[:2])
        if value is None:
            value = _kept[numbers[:2]] = _reach(mol.GetAtomWithIdx(i)) or contribution
        if isinstance(value, str):
            _kept[_key(value, mol, i, around)] = contribution
    return contributions


def _reach(atom: Chem.Atom) -> str:
    """Return how far a contribution depends on others: empty if the numbers of atom and neighbours tell it.

    They tell which atoms are in rings, and of the atom's own bonds which are aromatic. Only what RDKit says of =O and
    -O reaches over a neighbour.
    """
    if atom.GetAtomicNum() == 8 and atom.GetDegree() == 1:
        return BEYOND
    told = (bond.GetIsAromatic() or not bond.GetOtherAtom(atom).IsInRing() for bond in atom.GetBonds())
    return "" if all(told) else WIDER


def _clear(mol: Chem.Mol) -> None:
    """Drop what RDKit keeps on the molecule, whether with or without hydrogens."""
    for kept in KEPT:
        mol.ClearProp(kept)


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
