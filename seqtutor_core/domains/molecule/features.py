"""What a network may see of a SMILES so far: the stack of its branches, its open rings; see seqtutor_core.features.

Branches and Rings are what the priors of MOSES were trained with; structure.py says more, and of charged atoms too. A
policy may write anything, more closing than opening brackets too, so depths may be negative.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqtutor_core.chemistry.tokens import MOSES, ZINC, SmilesTokens
from seqtutor_core.domains.molecule.structure import Structure
from seqtutor_core.features import InputFeature, LastToken, State, delayed

VOCABULARY, ATOMS, RINGS = MOSES.vocabulary, MOSES.atoms, MOSES.rings
OPEN, CLOSE = VOCABULARY.id("("), VOCABULARY.id(")")
_n, _c, _double = ((VOCABULARY.id(token),) for token in ("n", "c", "="))
_more = (*(set(ATOMS) - {VOCABULARY.id("[H]")}), VOCABULARY.id("-"), OPEN)
DOUBLE_BONDS = (
    (_c,),
    (_n,),
    # an atom doubly bound to something outside the ring takes no part in it
    (_double, _c),
    (_c, _double),
    (_c, (OPEN,), _double),
    (_c, RINGS, _double),
    # nor does a nitrogen with three neighbours
    (_n, (OPEN,)),
    (_n, RINGS, RINGS),
    (_n, RINGS, _more),
)
"""Where the number of aromatic atoms that need a double bond turns from even to odd or back: it must come out even."""

SIZE = len(VOCABULARY)
NONE = SIZE  # stands for no token yet
DEEP = 10_000  # more than any depth
DEEPEST = 7  # branches within branches; deeper looks the same


class Grammar(NamedTuple):
    """What each token does."""

    deeper: Tensor  # (V,), 1 for the token that opens a branch, -1 for the one that closes it
    stem: Tensor  # (V,), whether branches grow from it: an atom
    rings: Tensor  # (R,), the tokens that open a ring and close it when they come again
    turning: Tensor  # (V + 1, V + 1, V + 1), 1 where the last three tokens complete an odd number of DOUBLE_BONDS


@lru_cache(8)
def grammar(device: torch.device) -> Grammar:
    """Return the tables of all tokens on a device."""
    deeper, stem = torch.zeros(SIZE, dtype=torch.long), torch.zeros(SIZE, dtype=torch.bool)
    deeper[OPEN], deeper[CLOSE] = 1, -1
    stem[list(ATOMS)] = True
    turning = torch.zeros(SIZE + 1, SIZE + 1, SIZE + 1, dtype=torch.long)
    anything = tuple(range(SIZE + 1))
    for turn in DOUBLE_BONDS:
        before, between, last = (anything,) * (3 - len(turn)) + turn
        turning[torch.meshgrid(*map(torch.tensor, (before, between, last)), indexing="ij")] ^= 1
    return Grammar(*(table.to(device) for table in (deeper, stem, torch.tensor(RINGS), turning)))


class Branches:
    """The atom that the next token attaches to, and how deep the branch is that it lies in."""

    sizes: tuple[int, ...] = (SIZE + 1, DEEPEST + 1)

    def sequence_ids(self, tokens: Tensor, start: int) -> Tensor:
        """Return the ids (B, T, 2); the atom is the most recent one that no shallower step has closed off."""
        table, steps = grammar(tokens.device), torch.arange(tokens.shape[1], device=tokens.device)
        depth = table.deeper[tokens].cumsum(1)  # (B, T), after each token
        past = steps < steps.unsqueeze(1)  # (T, T): for each step the tokens before it
        shallowest = depth.unsqueeze(1).masked_fill(~past, DEEP).flip(2).cummin(2).values.flip(2)  # (B, T, T), since
        in_reach = table.stem[tokens].unsqueeze(1) & past & (shallowest >= depth.unsqueeze(1))
        latest = (in_reach * (steps + 1)).amax(2)  # (B, T), counted from 1; 0: none yet
        padded = torch.cat([tokens.new_full((len(tokens), 1), NONE), tokens], 1)
        return torch.stack([padded.gather(1, latest), delayed(depth, 1, 0).clamp(0, DEEPEST)], 2)

    def initial_state(self, batch: int, steps: int, device: torch.device) -> State:
        """Return atom and depth (B, 1), and the latest atom at each depth from -steps to steps, (B, 2 steps + 1)."""
        atom, depth = (torch.full((batch, 1), value, device=device) for value in (NONE, steps))
        return atom, depth, torch.full((batch, 2 * steps + 1), NONE, device=device)

    def step_ids(self, state: State, step: int) -> Tensor:
        atom, depth, atoms = state
        return torch.cat([atom, (depth - atoms.shape[1] // 2).clamp_(0, DEEPEST)], 1)

    def next_state(self, state: State, tokens: Tensor, step: int) -> State:
        """Begin a branch with the atom before it; once it is closed that atom is still there, one place below."""
        atom, depth, atoms = state
        table, tokens = grammar(tokens.device), tokens.unsqueeze(1)
        atom = torch.where(table.stem.take(tokens), tokens, atom)
        atoms.scatter_(1, depth, atom)
        deeper = table.deeper.take(tokens)
        depth = depth + deeper
        return torch.where(deeper < 0, atoms.gather(1, depth), atom), depth, atoms


class Rings:
    """For each ring number: 0 while no ring is open, 1 while one is, 2 while one is with an odd number of turns.

    Turns are counted from the atom that opened the ring, itself included: see DOUBLE_BONDS.
    """

    sizes: tuple[int, ...] = (3,) * len(RINGS)

    def sequence_ids(self, tokens: Tensor, start: int) -> Tensor:
        table = grammar(tokens.device)
        here = tokens.unsqueeze(2) == table.rings  # (B, T, R)
        is_open = here.cumsum(1) % 2
        padded = nn.functional.pad(tokens, (2, 0), value=NONE)
        turning = table.turning[padded[:, :-2], padded[:, 1:-1], tokens]
        turns = turning.cumsum(1)  # (B, T); they never fall
        before_atom = ((turns - turning) * table.stem[tokens]).cummax(1).values
        at_opening = (here * before_atom.unsqueeze(2)).cummax(1).values
        return delayed(is_open * (1 + (turns.unsqueeze(2) - at_opening) % 2), 1, 0)

    def initial_state(self, batch: int, steps: int, device: torch.device) -> State:
        """Return the last two tokens as one number (B, 1); the parities of turns since before the last atom (B, 1) and
        since before the atom that opened each ring (B, R); whether each is open (B, R).
        """
        past = torch.full((batch, 1), NONE * (SIZE + 1) + NONE, device=device)
        is_open = torch.zeros(batch, len(RINGS), dtype=torch.bool, device=device)
        return past, torch.zeros_like(past), is_open.long(), is_open

    def step_ids(self, state: State, step: int) -> Tensor:
        _, _, odd, is_open = state
        return is_open * (1 + odd)

    def next_state(self, state: State, tokens: Tensor, step: int) -> State:
        past, since_atom, odd, is_open = state
        table, tokens = grammar(tokens.device), tokens.unsqueeze(1)
        three = torch.add(tokens, past, alpha=SIZE + 1)
        turning = table.turning.take(three)
        since_atom = torch.where(table.stem.take(tokens), turning, since_atom ^ turning)
        here = tokens == table.rings  # (B, R)
        odd = torch.where(here, since_atom, odd ^ turning)
        return three % (SIZE + 1) ** 2, since_atom, odd, is_open ^ here


FEATURES: Mapping[SmilesTokens, Mapping[str, InputFeature]] = {
    MOSES: {"token": LastToken(SIZE), "branches": Branches(), "rings": Rings()},
    ZINC: {"token": LastToken(len(ZINC.vocabulary)), "structure": Structure(ZINC)},
}
"""Every input feature by name, for the tokens of each corpus."""
