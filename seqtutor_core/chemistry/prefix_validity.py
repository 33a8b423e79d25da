"""Decide whether a prefix of a SMILES can still become a molecule."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rdkit import Chem

from seqtutor_core.chemistry.parsing import capture_log, smiles_parser
from seqtutor_core.chemistry.tokens import PATTERN


@dataclass
class _State:
    """The state of a SMILES parser after some tokens. Atoms are counted from 0."""

    atoms: int = 0
    current: int | None = None
    """The atom that the next one is bonded to."""
    branches: list[int] = field(default_factory=list)
    """The atoms at which branches are open."""
    rings: dict[str, int] = field(default_factory=dict)
    """Open ring numbers and their atoms."""
    unfinished: bool = False
    """The last token needs an atom behind it: a bond, or a branch that has just been opened."""


def is_valid_prefix(tokens: Sequence[str]) -> bool:
    """Return whether tokens may begin a valid SMILES, as far as branches, rings, valence and aromaticity tell.

    Never False for a prefix of a valid SMILES, oxides of halogens aside. Wildcard atoms (*) stand in for the missing
    ones behind every open bond and ring; an aromatic system is checked only once nothing more can bond to it.
    """
    state = _walk(tokens)
    if state is None:
        return False
    text = _completed(tokens, state)
    raw, _ = capture_log(lambda: Chem.MolFromSmiles(text, smiles_parser(sanitize=False)))
    if raw is None:
        return False
    Chem.Cleanup(raw)  # N(=O)=O is read as a nitro group, and so on
    growing = {atom for atom in (*state.branches, *state.rings.values(), state.current) if atom is not None}
    if any(atom not in growing or not _may_be_oxide(raw, atom) for atom in _overfull(raw)):
        return False
    found, _ = capture_log(lambda: Chem.DetectChemistryProblems(_with_wildcards(raw, growing)))
    return not found


def with_placeholders(tokens: Sequence[str]) -> tuple[str, int | None]:
    """Return the SMILES of a valid prefix with * for the atoms to come, and the index of the atom it continues from.

    The index is None before the first atom.
    """
    state = _walk(tokens) or _State()
    return _completed(tokens, state), state.current


def _completed(tokens: Sequence[str], state: _State) -> str:
    """Return the tokens with * for the next atom, if one must follow, and for the atoms that close open rings."""
    text = "".join(tokens) + "*" * state.unfinished + ")" * len(state.branches)
    return text + "".join(f".*{ring}" for ring in state.rings)


def _walk(tokens: Sequence[str]) -> _State | None:
    """Return the state after the tokens; None if a branch is closed that was never opened."""
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
    """Return the atoms with more bonds than their valence allows."""
    found, _ = capture_log(lambda: Chem.DetectChemistryProblems(molecule))
    return [problem.GetAtomIdx() for problem in found if problem.GetType() == "AtomValenceException"]


def _may_be_oxide(molecule: Chem.Mol, atom: int) -> bool:
    """Return whether an atom may become a nitro group or an N-oxide, which may be written with five bonds."""
    centre = molecule.GetAtomWithIdx(atom)
    double = (bond.GetOtherAtom(centre) for bond in centre.GetBonds() if bond.GetBondType() == Chem.BondType.DOUBLE)
    return centre.GetSymbol() == "N" and any(other.GetSymbol() == "O" for other in double)


def _with_wildcards(molecule: Chem.Mol, growing: set[int]) -> Chem.Mol:
    """Return the molecule with wildcards for all atoms that can still change, joined: they may end in one ring."""
    open_ended = Chem.RWMol(molecule)
    hub = open_ended.AddAtom(Chem.Atom(0))
    for index in _aromatic_systems(molecule, growing):
        for bond in open_ended.GetAtomWithIdx(index).GetBonds():
            if bond.GetBondType() == Chem.BondType.AROMATIC:
                bond.SetIsAromatic(False)
                bond.SetBondType(Chem.BondType.SINGLE)
        open_ended.ReplaceAtom(index, Chem.Atom(0))
        open_ended.AddBond(index, hub, Chem.BondType.SINGLE)
    return open_ended.GetMol()


def _aromatic_systems(molecule: Chem.Mol, atoms: set[int]) -> set[int]:
    """Return the atoms and every atom that aromatic bonds connect them with."""
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
