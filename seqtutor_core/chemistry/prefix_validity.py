"""Whether a piece of SMILES can still become a molecule."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rdkit import Chem

from seqtutor_core.chemistry.parsing import only_smiles, quietly
from seqtutor_core.chemistry.tokens import PATTERN


@dataclass
class _State:
    """Where a SMILES stands after some of its tokens. Atoms are counted from 0."""

    atoms: int = 0
    current: int | None = None
    """The atom that the next one is bonded to."""
    branches: list[int] = field(default_factory=list)
    """The atoms at which branches are open."""
    rings: dict[str, int] = field(default_factory=dict)
    """Open ring numbers and their atoms."""
    unfinished: bool = False
    """The last token asks for an atom: a bond, or a branch that has just been opened."""


def can_begin(tokens: Sequence[str]) -> bool:
    """Whether tokens may begin a valid SMILES, as far as branches, rings, valence and aromaticity tell.

    Never false for the beginning of a valid one, oxides of halogens aside. What is to come is stood in for by atoms
    of any kind (*), behind every open bond and ring; an aromatic system is judged only when nothing more can be
    bonded to it.
    """
    state = _walk(tokens)
    if state is None:
        return False
    text = _ended(tokens, state)
    raw, _ = quietly(lambda: Chem.MolFromSmiles(text, only_smiles(sanitize=False)))
    if raw is None:
        return False
    Chem.Cleanup(raw)  # N(=O)=O is read as a nitro group, and so on
    growing = {atom for atom in (*state.branches, *state.rings.values(), state.current) if atom is not None}
    if any(atom not in growing or not _oxide(raw, atom) for atom in _overfull(raw)):
        return False
    found, _ = quietly(lambda: Chem.DetectChemistryProblems(_blurred(raw, growing)))
    return not found


def as_it_stands(tokens: Sequence[str]) -> tuple[str, int | None]:
    """Return a SMILES of what tokens have written so far, with * for what is to come, and the atom it goes on from.

    The tokens are such that can_begin is true.
    """
    state = _walk(tokens) or _State()
    return _ended(tokens, state), state.current


def _ended(tokens: Sequence[str], state: _State) -> str:
    """The tokens with * for the atom that is asked for, and for those to come that close the open rings."""
    text = "".join(tokens) + "*" * state.unfinished + ")" * len(state.branches)
    return text + "".join(f".*{ring}" for ring in state.rings)


def _walk(tokens: Sequence[str]) -> _State | None:
    """The state after the tokens; None where a branch is closed that was never opened."""
    state = _State()
    for token in tokens:
        match = PATTERN.fullmatch(token)
        kind = match.lastgroup if match else None
        state.unfinished = kind == "bond" or token == "("
        if kind == "atom":
            state.current = state.atoms
            state.atoms += 1
        elif kind == "ring" and state.current is not None and state.rings.pop(token, None) is None:
            state.rings[token] = state.current
        elif token == "(" and state.current is not None:
            state.branches.append(state.current)
        elif token == ")":
            if not state.branches:
                return None
            state.current = state.branches.pop()
    return state


def _overfull(molecule: Chem.Mol) -> list[int]:
    """Atoms with more bonds than their valence allows."""
    found, _ = quietly(lambda: Chem.DetectChemistryProblems(molecule))
    return [problem.GetAtomIdx() for problem in found if problem.GetType() == "AtomValenceException"]


def _oxide(molecule: Chem.Mol, atom: int) -> bool:
    """Whether an atom may become a nitro group or an N-oxide, which may be written with five bonds to the nitrogen."""
    centre = molecule.GetAtomWithIdx(atom)
    double = (bond.GetOtherAtom(centre) for bond in centre.GetBonds() if bond.GetBondType() == Chem.BondType.DOUBLE)
    return centre.GetSymbol() == "N" and any(other.GetSymbol() == "O" for other in double)


def _blurred(molecule: Chem.Mol, growing: set[int]) -> Chem.Mol:
    """The molecule with atoms of any kind for all that can still change, joined, for they may end in one ring."""
    blurred = Chem.RWMol(molecule)
    hub = blurred.AddAtom(Chem.Atom(0))
    for index in _aromatic_systems(molecule, growing):
        for bond in blurred.GetAtomWithIdx(index).GetBonds():
            if bond.GetBondType() == Chem.BondType.AROMATIC:
                bond.SetIsAromatic(False)
                bond.SetBondType(Chem.BondType.SINGLE)
        blurred.ReplaceAtom(index, Chem.Atom(0))
        blurred.AddBond(index, hub, Chem.BondType.SINGLE)
    return blurred.GetMol()


def _aromatic_systems(molecule: Chem.Mol, atoms: set[int]) -> set[int]:
    """The atoms, and every atom that aromatic bonds lead to from them."""
    reached, frontier = set(), list(atoms)
    while frontier:
        index = frontier.pop()
        if index in reached:
            continue
        reached.add(index)
        for bond in molecule.GetAtomWithIdx(index).GetBonds():
            if bond.GetBondType() == Chem.BondType.AROMATIC:
                frontier.append(bond.GetOtherAtomIdx(index))
    return reached
