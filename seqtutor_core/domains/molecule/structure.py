"""What a network may see of a SMILES so far: where the next token attaches, what valence and aromaticity leave open.

One input feature of six kinds of inputs, computed from the tokens alone; see seqtutor_core.features. A policy may write
anything, more closing than opening brackets too, so depths may be negative.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqtutor_core.chemistry.tokens import SmilesTokens
from seqtutor_core.features import State, delayed

DEEP = 10_000  # more than any depth
DEEPEST = 7  # branches within branches; deeper looks the same
MOST_BONDS = 6  # that are told apart; more looks the same
CROWDED = 3  # neighbours with which a neutral aromatic nitrogen needs no double bond
UNSATURATED = re.compile(r"[cn]|\[[a-z]+H?\+\]")
"""Aromatic atoms that need a double bond in their ring: c, n, and charged ones such as [nH+]."""


class Effects(NamedTuple):
    """What each token does."""

    deeper: Tensor  # (V,), 1 for the token that opens a branch, -1 for the one that closes it
    stem: Tensor  # (V,), whether bonds begin at it: an atom
    joins: Tensor  # (V,), whether it makes a bond to the atom in reach: an atom, a ring number
    order: Tensor  # (V + 1,), of the bond that comes after it: 2 after =, 3 after #, else 1
    needs: Tensor  # (V,), 1 for an aromatic atom that needs a double bond in its ring, as far as it alone tells
    carbon: Tensor  # (V + 1,), whether it is an aromatic carbon: a double bond out of the ring is the one that it needs
    nitrogen: Tensor  # (V + 1,), whether it is an aromatic nitrogen, which needs none with three neighbours
    rings: Tensor  # (R,), the tokens that open a ring and close it when they come again


@lru_cache(8)
def effects(tokens: SmilesTokens, device: torch.device) -> Effects:
    """Return the tables of all tokens on a device."""
    names = tokens.vocabulary.tokens
    atoms, rings = set(tokens.atoms), set(tokens.rings)

    def table(values: list[int] | list[bool]) -> Tensor:
        return torch.tensor(values, device=device)

    return Effects(
        table([(name == "(") - (name == ")") for name in names]),
        table([i in atoms for i in range(len(names))]),
        table([i in atoms or i in rings for i in range(len(names))]),
        table([{"=": 2, "#": 3}.get(name, 1) for name in (*names, "")]),
        table([int(bool(UNSATURATED.fullmatch(name))) for name in names]),
        table([name == "c" for name in (*names, "")]),
        table([name == "n" for name in (*names, "")]),
        table(list(tokens.rings)),
    )


class Structure:
    """The atom that the next token attaches to and the bonds that it has; the depth of its branch; whether an odd
    number of aromatic atoms still lack their double bond; and for each ring number 0 while no ring is open, 1 while one
    is, 2 while one is with an odd number of such atoms since the one that opened it, itself included.

    Aromatic atoms that need a double bond in their ring get them in pairs, so their number must come out even. None is
    needed by o, s, [nH] and [n-], by c doubly bound to something outside the ring, and by n with three neighbours. A
    double bond written at a ring number counts at the atom where it is written and not at the other end.
    """

    def __init__(self, tokens: SmilesTokens) -> None:
        self.tokens, self.none = tokens, len(tokens.vocabulary)
        self.sizes: tuple[int, ...] = (self.none + 1, MOST_BONDS + 1, DEEPEST + 1, 2, *(3,) * len(tokens.rings))

    def sequence_ids(self, tokens: Tensor, start: int) -> Tensor:
        table = effects(self.tokens, tokens.device)
        stem, order = table.stem[tokens], table.order[delayed(tokens, 1, self.none)]
        latest, depth = _in_reach(stem, table.deeper[tokens])  # (B, T), before each token; counted from 1, 0: none yet
        joins = table.joins[tokens] & (latest > 0)
        bonds, neighbours = _bonds(latest, stem, joins, order)  # (B, T), of the atom in reach
        atom = nn.functional.pad(tokens, (1, 0), value=self.none).gather(1, latest)
        own, before = _turns(table, tokens, atom, joins, order, neighbours)
        turns = (own + before).cumsum(1)  # (B, T), after each token; they never fall
        here = tokens.unsqueeze(2) == table.rings  # (B, T, R)
        at_atom = ((turns - own) * stem).cummax(1).values
        at_opening = (here * at_atom.unsqueeze(2)).cummax(1).values
        rings = here.cumsum(1) % 2 * (1 + (turns.unsqueeze(2) - at_opening) % 2)
        seen = [atom, bonds.clamp(max=MOST_BONDS), depth.clamp(0, DEEPEST), delayed(turns % 2, 1, 0)]
        return torch.cat([torch.stack(seen, 2), delayed(rings, 1, 0)], 2)

    def initial_state(self, batch: int, steps: int, device: torch.device) -> State:
        """Return the last token, the depth, tokens so far, and the parity of turns, (4, B); the parities at the last
        atom and at each ring's opening and whether each is open, (B, 1 + 2 R); the place of the atom at each depth
        from -steps to steps, (B, 2 steps + 1); and by place, 0 for none, the token of each atom, its bonds and its
        neighbours, (B, 3, steps + 1).
        """
        zero = torch.zeros(batch, dtype=torch.long, device=device)
        rings = zero.unsqueeze(1).expand(-1, len(self.tokens.rings))
        places = torch.zeros(batch, 2 * steps + 1, dtype=torch.long, device=device)
        atoms = torch.zeros(batch, 3, steps + 1, dtype=torch.long, device=device)
        atoms[:, 0] = self.none
        return torch.full_like(zero, self.none), zero, zero, zero, zero, rings, rings, places, atoms

    def step_ids(self, state: State, step: int) -> Tensor:
        _, depth, _, turns, _, at_opening, is_open, places, atoms = state
        atom, bonds, _ = self._here(depth, places, atoms)[1].unbind(1)
        seen = [atom, bonds.clamp(max=MOST_BONDS), depth.clamp(0, DEEPEST), turns]
        return torch.cat([torch.stack(seen, 1), is_open * (1 + (turns.unsqueeze(1) ^ at_opening))], 1)

    def next_state(self, state: State, tokens: Tensor, step: int) -> State:
        last, depth, count, turns, at_atom, at_opening, is_open, places, atoms = state
        table = effects(self.tokens, tokens.device)
        stem, order = table.stem[tokens], table.order[last]
        place, here = self._here(depth, places, atoms)
        joins = table.joins[tokens] & (place > 0)
        own, before = _turns(table, tokens, here[:, 0], joins, order, here[:, 2])
        at_atom = torch.where(stem, turns ^ before, at_atom)
        turns = turns ^ before ^ own
        ring = tokens.unsqueeze(1) == table.rings  # (B, R)
        at_opening = torch.where(ring, at_atom.unsqueeze(1), at_opening)
        made = torch.stack([torch.zeros_like(order), order, torch.ones_like(order)], 1) * joins.unsqueeze(1)  # (B, 3)
        atoms.scatter_add_(2, place.view(-1, 1, 1).expand(-1, 3, 1), made.unsqueeze(2))
        count = count + 1
        new = torch.where(stem.unsqueeze(1), torch.stack([tokens, made[:, 1], made[:, 2]], 1), atoms[:, :, 0])
        atoms.scatter_(2, (count * stem).view(-1, 1, 1).expand(-1, 3, 1), new.unsqueeze(2))
        depth, places = self._moved(table.deeper[tokens], depth, places, torch.where(stem, count, place))
        return tokens, depth, count, turns, at_atom, at_opening, is_open ^ ring.long(), places, atoms

    def _here(self, depth: Tensor, places: Tensor, atoms: Tensor) -> tuple[Tensor, Tensor]:
        """Return the place of the atom in reach (B,); its token, bonds and neighbours (B, 3)."""
        place = places.gather(1, depth.unsqueeze(1) + places.shape[1] // 2)  # (B, 1)
        return place.squeeze(1), atoms.gather(2, place.unsqueeze(1).expand(-1, 3, -1)).squeeze(2)

    def _moved(self, deeper: Tensor, depth: Tensor, places: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Return the depth after a token, and the places with that of the atom in reach.

        A branch begins with the atom it grows from; once it is closed that atom is still there, one place below.
        """
        depth = depth + deeper
        at = depth.unsqueeze(1) + places.shape[1] // 2
        place = torch.where(deeper < 0, places.gather(1, at).squeeze(1), place)
        return depth, places.scatter_(1, at, place.unsqueeze(1))


def _in_reach(stem: Tensor, deeper: Tensor) -> tuple[Tensor, Tensor]:
    """Return the atom that each token attaches to, counted from 1, 0 for none, and the depth there, (B, T) each.

    The atom is the most recent one that no shallower step has closed off.
    """
    steps = torch.arange(stem.shape[1], device=stem.device)
    depth = deeper.cumsum(1)  # (B, T), after each token
    past = steps < steps.unsqueeze(1)  # (T, T): for each step the tokens before it
    shallowest = depth.unsqueeze(1).masked_fill(~past, DEEP).flip(2).cummin(2).values.flip(2)  # (B, T, T), since
    reached = stem.unsqueeze(1) & past & (shallowest >= depth.unsqueeze(1))
    return (reached * (steps + 1)).amax(2), delayed(depth, 1, 0)


def _bonds(latest: Tensor, stem: Tensor, joins: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    """Return the bonds (double ones count 2) and neighbours of the atom in reach before each token, (B, T) each."""
    steps = torch.arange(latest.shape[1], device=latest.device)
    same = (latest.unsqueeze(2) == latest.unsqueeze(1)) & (steps < steps.unsqueeze(1))  # (B, T, T)
    found = []
    for made in (order * joins, joins.long()):
        at_birth = nn.functional.pad(made * stem, (1, 0)).gather(1, latest)
        found.append(at_birth + (same * made.unsqueeze(1)).sum(2))
    return found[0], found[1]


def _turns(
    table: Effects, tokens: Tensor, atom: Tensor, joins: Tensor, order: Tensor, neighbours: Tensor
) -> tuple[Tensor, Tensor]:
    """Return by how much a token changes the number of aromatic atoms that need a double bond, mod 2: by itself, if it
    is an atom, and by its bond to the atom in reach, which has `neighbours`. All have the shape of the tokens.
    """
    double = joins & (order > 1)
    own = table.needs[tokens] * ~(double & table.carbon[tokens])
    third = table.nitrogen[atom] & joins & (neighbours == CROWDED - 1)
    return own, (table.carbon[atom] & double | third).long()
