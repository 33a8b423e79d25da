"""What a run with few calls does with molecules besides sampling them: other SMILES of one, and children of two.

RDKit is imported when it is asked for, since settings and pages do without it.
"""

from collections.abc import Sequence
from random import Random

from seqtutor_core.chemistry.tokens import SmilesTokens


def rewritten(space: SmilesTokens, longest: int, tokens: Sequence[int], random: Random) -> list[int]:
    """Return a molecule's tokens from a random atom on, in random order; as they are where the prior lacks a token."""
    from seqtutor_core.chemistry.crossover import other_writing

    smiles = other_writing(space.decode(tokens), random)
    return _encoded(space, longest, smiles) or list(tokens)


def crossed(
    space: SmilesTokens, longest: int, parents: tuple[Sequence[int], Sequence[int]], random: Random
) -> list[int]:
    """Return the tokens of a molecule with parts of two; empty where none came about that the prior can write."""
    from seqtutor_core.chemistry.crossover import child

    mother, father = (space.decode(each) for each in parents)
    return _encoded(space, longest, child(mother, father, random))


def _encoded(space: SmilesTokens, longest: int, smiles: str) -> list[int]:
    """Return a SMILES's tokens with the end; empty if there is none, it is too long, or the prior lacks a token."""
    if not smiles or space.missing(smiles):
        return []
    tokens = [*space.encode(smiles), space.end]
    return tokens if len(tokens) <= longest else []
