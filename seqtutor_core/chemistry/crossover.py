"""New molecules out of two known ones, by crossover and mutation of their graphs: a search beside the policy.

After the genetic algorithm of Jensen (2019, doi.org/10.1039/C8SC05372C): two parents are cut at a bond, or at two of a
ring, and a piece of each is joined; then perhaps one atom or bond is changed. Here by edits of the graph alone.
"""

from collections.abc import Callable, Sequence
from random import Random

from rdkit import Chem
from rdkit.Chem import BondType

from seqtutor_core.chemistry.parsing import capture_log
from seqtutor_core.chemistry.writings import random_writing

ATTEMPTS = 5  # at a child of two parents
RING_SHARE = 0.3  # of crossovers that cut two bonds of a ring
MUTATED = 0.5  # share of children that are mutated too
DOUBLE_SHARE = 0.25  # of new carbons, nitrogens and oxygens that are bound twice, where there is room
ATOMS = (*(6,) * 5, *(7,) * 3, *(8,) * 3, 9, 16, 17, 35)  # atomic numbers that mutations put in, by how often
INSERTED = (6, 6, 6, 7, 8, 16)
RING_SPANS = (2, 3, 4, 5)  # bonds between two atoms that a new bond makes a ring of

Edited = Chem.RWMol | None
"""A molecule that may not be possible; None where the edit has no place."""


def child(mother: str, father: str, random: Random) -> str:
    """Return the canonical SMILES of a molecule with parts of both, perhaps mutated; empty where none came about."""
    one, other = Chem.MolFromSmiles(mother), Chem.MolFromSmiles(father)
    for _ in range(ATTEMPTS):
        cross = _cross_ring if random.random() < RING_SHARE else _cross
        born = _finished(cross(one, other, random))
        if born and random.random() < MUTATED:
            born = mutant(born, random) or born
        if born:
            return born
    return mutant(mother, random)


def mutant(smiles: str, random: Random) -> str:
    """Return the canonical SMILES of a molecule with one edit; empty where it is not possible."""
    return _finished(random.choice(EDITS)(Chem.MolFromSmiles(smiles), random))


def other_writing(smiles: str, random: Random) -> str:
    """Return another SMILES of a molecule, from a random atom on, in random order; the same one if it is none."""
    molecule = Chem.MolFromSmiles(smiles)
    return smiles if molecule is None else random_writing(molecule, random.getrandbits(31))


def _finished(edited: Edited) -> str:
    """Return the canonical SMILES of an edited molecule; empty if it is none, or falls apart."""
    if edited is None:
        return ""
    failed, _ = capture_log(lambda: Chem.SanitizeMol(edited, catchErrors=True))
    if failed != Chem.SanitizeFlags.SANITIZE_NONE:
        return ""
    smiles = Chem.MolToSmiles(edited)
    read, _ = capture_log(lambda: Chem.MolFromSmiles(smiles))
    return "" if read is None or "." in smiles else smiles


# ---------------------------------------------------------------- crossover


def _cross(mother: Chem.Mol, father: Chem.Mol, random: Random) -> Edited:
    """Return a piece of each, joined where a single bond outside of rings was cut."""
    cuts = [[b.GetIdx() for b in each.GetBonds() if _single(b) and not b.IsInRing()] for each in (mother, father)]
    if not all(cuts):
        return None
    return _joined(
        [_piece(each, [random.choice(cut)], random) for each, cut in zip((mother, father), cuts, strict=True)], random
    )


def _cross_ring(mother: Chem.Mol, father: Chem.Mol, random: Random) -> Edited:
    """Return a piece of each, joined to one ring where two single bonds of a ring were cut."""
    pieces = []
    for each in (mother, father):
        rings = [[b for b in ring if _single(each.GetBondWithIdx(b))] for ring in each.GetRingInfo().BondRings()]
        rings = [ring for ring in rings if len(ring) > 1]
        if not rings:
            return None
        pieces.append(_piece(each, random.sample(random.choice(rings), 2), random))
    return _joined(pieces, random)


def _piece(molecule: Chem.Mol, cuts: list[int], random: Random) -> Chem.Mol:
    """Return one of the pieces after these bonds are cut, with an atom of number 0 at each cut."""
    cut = Chem.FragmentOnBonds(molecule, cuts, addDummies=True, dummyLabels=[(1, 1)] * len(cuts))
    return random.choice(Chem.GetMolFrags(cut, asMols=True, sanitizeFrags=False))


def _joined(pieces: list[Chem.Mol], random: Random) -> Edited:
    """Return two pieces as one, bound where each was cut; None unless both have as many cuts."""
    joined = Chem.RWMol(Chem.CombineMols(*pieces))
    ends = [atom for atom in joined.GetAtoms() if atom.GetAtomicNum() == 0]
    first = pieces[0].GetNumAtoms()
    sides = [[a.GetNeighbors()[0].GetIdx() for a in ends if (a.GetIdx() < first) == here] for here in (True, False)]
    if len(sides[0]) != len(sides[1]):
        return None
    random.shuffle(sides[1])
    for one, other in zip(*sides, strict=True):
        if joined.GetBondBetweenAtoms(one, other):
            return None
        joined.AddBond(one, other, BondType.SINGLE)
    for number in sorted((atom.GetIdx() for atom in ends), reverse=True):
        joined.RemoveAtom(number)
    return joined


def _single(bond: Chem.Bond) -> bool:
    return bool(bond.GetBondType() == BondType.SINGLE)


# ---------------------------------------------------------------- mutation


def _append_atom(molecule: Chem.Mol, random: Random) -> Edited:
    free = [atom for atom in molecule.GetAtoms() if atom.GetTotalNumHs()]
    if not free:
        return None
    edited, where, number = Chem.RWMol(molecule), random.choice(free), random.choice(ATOMS)
    twice = number in INSERTED[:5] and where.GetTotalNumHs() > 1 and random.random() < DOUBLE_SHARE
    edited.AddBond(where.GetIdx(), edited.AddAtom(Chem.Atom(number)), BondType.DOUBLE if twice else BondType.SINGLE)
    return edited


def _insert_atom(molecule: Chem.Mol, random: Random) -> Edited:
    bonds = [bond for bond in molecule.GetBonds() if _single(bond)]
    if not bonds:
        return None
    edited, bond = Chem.RWMol(molecule), random.choice(bonds)
    between = edited.AddAtom(Chem.Atom(random.choice(INSERTED)))
    edited.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    for end in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()):
        edited.AddBond(end, between, BondType.SINGLE)
    return edited


def _delete_atom(molecule: Chem.Mol, random: Random) -> Edited:
    atom = random.choice([*molecule.GetAtoms()])
    ends = [neighbour.GetIdx() for neighbour in atom.GetNeighbors()]
    if len(ends) > 2 or atom.GetIsAromatic():
        return None
    edited = Chem.RWMol(molecule)
    if len(ends) == 2:
        if molecule.GetBondBetweenAtoms(ends[0], ends[1]):
            return None
        edited.AddBond(ends[0], ends[1], BondType.SINGLE)
    edited.RemoveAtom(atom.GetIdx())
    return edited


def _change_atom(molecule: Chem.Mol, random: Random) -> Edited:
    atom = random.choice([*molecule.GetAtoms()])
    new = Chem.Atom(random.choice((6, 7) if atom.GetIsAromatic() else ATOMS))
    new.SetIsAromatic(atom.GetIsAromatic())
    edited = Chem.RWMol(molecule)
    edited.ReplaceAtom(atom.GetIdx(), new)
    return edited


def _change_bond(molecule: Chem.Mol, random: Random) -> Edited:
    bonds = [bond for bond in molecule.GetBonds() if not bond.GetIsAromatic()]
    if not bonds:
        return None
    bond, edited = random.choice(bonds), Chem.RWMol(molecule)
    kinds = [kind for kind in (BondType.SINGLE, BondType.DOUBLE, BondType.TRIPLE) if kind != bond.GetBondType()]
    edited.GetBondWithIdx(bond.GetIdx()).SetBondType(random.choice(kinds))
    return edited


def _close_ring(molecule: Chem.Mol, random: Random) -> Edited:
    free = [atom.GetIdx() for atom in molecule.GetAtoms() if atom.GetTotalNumHs()]
    apart = Chem.GetDistanceMatrix(molecule)
    pairs = [(a, b) for a in free for b in free if a < b and apart[a][b] in RING_SPANS]
    if not pairs:
        return None
    edited = Chem.RWMol(molecule)
    one, other = random.choice(pairs)
    edited.AddBond(one, other, BondType.SINGLE)
    return edited


def _open_ring(molecule: Chem.Mol, random: Random) -> Edited:
    bonds = [bond for bond in molecule.GetBonds() if bond.IsInRing() and not bond.GetIsAromatic()]
    if not bonds:
        return None
    edited, bond = Chem.RWMol(molecule), random.choice(bonds)
    edited.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    return edited


EDITS: Sequence[Callable[[Chem.Mol, Random], Edited]] = (
    _append_atom,
    _append_atom,
    _insert_atom,
    _delete_atom,
    _delete_atom,
    _change_atom,
    _change_atom,
    _change_bond,
    _close_ring,
    _open_ring,
)
"""What may happen to a molecule, by how often."""
