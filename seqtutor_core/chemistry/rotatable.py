"""Rotatable bonds as by RDKit's strict count, in half the time: what an end must be is searched for once, not twice."""

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors as descriptors

_SINGLE = Chem.MolFromSmarts("[!D1]-,:;!@[!D1]")
# ends that cannot turn, or whose turning changes nothing: triple bonds, and three times the same
_IDLE = Chem.MolFromSmarts("[$(*#*),$([CH3]),$(C([CH3])([CH3])[CH3]),$(C(F)(F)F),$(C(Cl)(Cl)Cl),$(C(Br)(Br)Br)]")
# carbon, what it is doubly bound to, and its neighbour: an amide and its like, which is stiff between the two
_STIFF = tuple(map(Chem.MolFromSmarts, ("[CD3](=[N,O,S])-!@[#7,O,S!D1]", "[CD3](=[N+])-!@[#7!D1]")))
_MANY = 200  # bonds, beyond which RDKit's own search ends before it has seen all


def rotatable_bonds(mol: Chem.Mol) -> int:
    """Return the number of rotatable bonds: no amide bonds, no symmetrical ends."""
    bonds = mol.GetSubstructMatches(_SINGLE)
    if len(bonds) > _MANY:
        return int(descriptors.CalcNumRotatableBonds(mol, descriptors.NumRotatableBondsOptions.Strict))
    if not bonds:
        return 0
    idle = {atom for (atom,) in mol.GetSubstructMatches(_IDLE)}
    stiff = {
        atom for amide in _STIFF for match in mol.GetSubstructMatches(amide, uniquify=False) for atom in match[::2]
    }
    return sum(not (a in idle or b in idle or (a in stiff and b in stiff)) for a, b in bonds)
