"""Every distinct sequence that a run has paid for, in order: the counter of calls, the best so far, and a memory.

A call is one evaluation of the reward: of a sequence that is new and valid. A repeat is not scored again.
Shapes: N sequences that are kept, T time, K reward terms.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

import torch
from torch import Tensor

from seqtutor_core.objective import Objective

BEST = 10  # sequences, whose mean reward stands for the best so far: one alone may be luck
RANK_OFFSET = 0.01  # share of the memory that is added to each rank, so that the first few are not all that is drawn
FIRST_ROWS = 1024
UNUSED = 2**62  # the call of a row that holds nothing yet


class Drawn(NamedTuple):
    """Sequences to learn from."""

    tokens: list[list[int]]
    reward: Tensor  # (B,), before division by c


class Evaluated:
    """Counts all, and keeps sequences with their terms: all of them, or the best; on the CPU."""

    def __init__(self, kept: int | None = None) -> None:
        """Keep the best so many, and up to twice as many; None: all, which learning from them needs."""
        self.kept = kept
        self.count = 0
        """Calls."""
        self.numbers: dict[int, int] = {}
        """Which call it was, by the key of a sequence; in order."""
        self.store: dict[str, Tensor] = {}
        """By name, a row for each sequence that is kept, in order of their calls."""

    def __len__(self) -> int:
        """Return N."""
        return _rows_before(self.store, self.count)

    def new(self, identities: Sequence[str]) -> list[int]:
        """Return the rows that a call would be spent on: each identity once, none that was seen, none that is empty."""
        return list(self._new(identities).values())

    def sums(self, identities: Sequence[str]) -> Tensor:
        """Return the unweighted terms (B, K) of sequences that were counted; KeyError for another.

        Only where all are kept: the rows of the store are the calls then.
        """
        return self.store["sums"][[self.numbers[_key(identity)] for identity in identities]]

    def add(
        self, identities: Sequence[str], tokens: Tensor, lengths: Tensor, sums: Tensor, crossed: bool = False
    ) -> int:
        """Count what is new of sequences (B, T) with lengths (B,) and unweighted terms (B, K); return how many were.

        identities: what each is counted as; empty for one that cost nothing. crossed: whether they are children of
        others and not the policy's.
        """
        new = self._new(identities)
        keys, rows = list(new), list(new.values())
        values = {
            "tokens": tokens[rows].cpu().to(torch.int16),
            "length": lengths[rows].cpu(),
            "sums": sums[rows].cpu().double(),
            "crossed": torch.full((len(rows),), crossed),
            "call": torch.arange(self.count, self.count + len(rows)),  # last: a row counts from here on
        }
        first = len(self)
        for name, value in values.items():
            self.store[name] = _grown(self.store.get(name), value, first + len(rows), UNUSED if name == "call" else 0)
            self.store[name][first : first + len(rows)] = value
        self.numbers |= {key: self.count + i for i, key in enumerate(keys)}
        self.count += len(rows)
        return len(rows)

    def prune(self, objective: Objective) -> None:
        """Forget all but the best, as the objective weighs them now, once there are twice as many; all stay counted."""
        if self.kept is not None and len(self) > 2 * self.kept:
            best = self._best(objective, self.kept)
            self.store = {name: value[best] for name, value in self.store.items()}

    def rewards(self, objective: Objective) -> Tensor:
        """Return R of all that are kept in order, (N,), float64, as the objective weighs them now."""
        return objective.reward(self.store["sums"][: len(self)]) if self.store else torch.empty(0, dtype=torch.float64)

    def best(self, objective: Objective) -> float | None:
        """Return the mean R of the best ten that are kept; None before the first call."""
        return objective.reward(self.store["sums"][self._best(objective, BEST)]).mean().item() if len(self) else None

    def _best(self, objective: Objective, count: int) -> Tensor:
        """Return the rows of the best so many, or of all if there are fewer, in order."""
        rewards = self.rewards(objective)
        return rewards.topk(min(count, len(rewards))).indices.sort().values

    def crossed_share(self, objective: Objective, best: int) -> float:
        """Return which share of the best so many sequences are children of others."""
        return self.store["crossed"][self._best(objective, best)].float().mean().item()

    def draw(self, size: int, capacity: int, objective: Objective, generator: torch.Generator) -> Drawn:
        """Return up to `size` of the best `capacity` sequences, each once, by weight 1 / (0.01 n + rank).

        Rank 1 is the best of the n there are (Tripp and Hernandez-Lobato 2020, arXiv 2006.09191).
        """
        rewards = self.rewards(objective)
        order, weights = _ranked(rewards, capacity, generator.device)
        rows = order[torch.multinomial(weights, min(size, len(order)), generator=generator).cpu()]
        return Drawn(self._sequences(rows), rewards[rows])

    def draw_pairs(
        self, count: int, capacity: int, objective: Objective, generator: torch.Generator
    ) -> list[tuple[list[int], list[int]]]:
        """Return so many pairs of different sequences among the best `capacity`, likelier by rank as in `draw`."""
        order, weights = _ranked(self.rewards(objective), capacity, generator.device)
        rows = order[torch.multinomial(weights.expand(count, -1), 2, generator=generator).cpu()]
        return [*zip(*(self._sequences(side) for side in rows.T), strict=True)]

    def _new(self, identities: Sequence[str]) -> dict[int, int]:
        """Return the first row, by its key, of each identity that no call was spent on."""
        new: dict[int, int] = {}
        for row, identity in enumerate(identities):
            if identity and (key := _key(identity)) not in self.numbers:
                new.setdefault(key, row)
        return new

    def _sequences(self, rows: Tensor) -> list[list[int]]:
        pairs = zip(self.store["tokens"][rows].tolist(), self.store["length"][rows].tolist(), strict=True)
        return [row[:length] for row, length in pairs]

    def rescore(self, score: Callable[[Tensor, Tensor], Tensor]) -> None:
        """Give every sequence that is kept its terms anew: score(tokens (N, T), lengths) -> (N, T, K)."""
        if n := len(self):
            tokens, lengths = self.store["tokens"][:n].long(), self.store["length"][:n]
            self.store["sums"][:n] = score(tokens, lengths).sum(1).cpu().double()

    # ------------------------------------------------------------ checkpoints

    def state_dict(self, count: int | None = None) -> dict[str, Tensor]:
        """Return tensors for a checkpoint: all calls, or as many as there were once, while another thread may add."""
        count, store = self.count if count is None else count, self.store
        rows, keys = _rows_before(store, count), torch.tensor([*self.numbers][:count], dtype=torch.long)
        kept = {name: value[:rows].clone() for name, value in store.items()}
        return {**kept, "key": keys, "count": torch.tensor(count)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over a state; an empty one has no calls. ValueError for columns that do not hold the same sequences."""
        self.count = int(state.get("count", 0))
        keys = state["key"].tolist() if self.count else []
        self.numbers = {key: i for i, key in enumerate(keys)}
        self.store = {name: state[name].clone() for name in state.keys() - {"key", "count"}}
        if self.store:  # older checkpoints kept all, and the oldest did not say who proposed what
            rows = len(self.store["length"])
            self.store.setdefault("crossed", torch.zeros(rows, dtype=torch.bool))
            self.store.setdefault("call", torch.arange(rows))
        if len(keys) != self.count or len({len(value) for value in self.store.values()}) > 1:
            raise ValueError(f"what was evaluated is not that of {self.count} calls")


def top_curve(rewards: Sequence[float], every: int = 100) -> list[tuple[int, float]]:
    """Return (calls, mean of the best ten so far) after each `every` calls and after the last.

    rewards: of all calls, in order.
    """
    best: list[float] = []
    curve = []
    for calls, reward in enumerate(rewards, start=1):
        best = sorted([*best, reward], reverse=True)[:BEST]
        if calls % every == 0 or calls == len(rewards):
            curve.append((calls, sum(best) / len(best)))
    return curve


def auc(curve: Sequence[tuple[int, float]], budget: int) -> float:
    """Return the area under a curve of (calls, value) by trapezoids, from 0, divided by the budget.

    A run that ended early is filled up with its last value.
    """
    area, before, last = 0.0, 0, 0.0
    for calls, value in curve:
        area += (calls - before) * (last + value) / 2
        before, last = calls, value
    return (area + max(budget - before, 0) * last) / budget


def _ranked(rewards: Tensor, capacity: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the rows (n,) of the best, the best first, and on a device the weights (n,) that they are drawn by."""
    order = rewards.argsort(descending=True, stable=True)[:capacity]
    n = len(order)
    return order, 1 / (RANK_OFFSET * n + torch.arange(1, n + 1, device=device))


def _key(identity: str) -> int:
    """Return 63 bits of a hash: among a million sequences the chance of any two alike is below 1e-6."""
    return int.from_bytes(blake2b(identity.encode(), digest_size=8).digest(), "big") >> 1


def _rows_before(store: Mapping[str, Tensor], count: int) -> int:
    """Return how many rows of a store hold one of the first so many calls."""
    return int(torch.searchsorted(store["call"], count)) if "call" in store else 0


def _grown(stored: Tensor | None, value: Tensor, rows: int, empty: int) -> Tensor:
    """Return a tensor with room for so many rows: the stored one, or a copy twice as long, with `empty` in new rows."""
    if stored is not None and len(stored) >= rows:
        return stored
    held = value.new_zeros(0, *value.shape[1:]) if stored is None else stored
    room = max(FIRST_ROWS, 2 * len(held), rows)
    return torch.cat([held, value.new_full((room - len(held), *value.shape[1:]), empty)])
