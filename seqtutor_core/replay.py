"""Memory of whole sequences with their reward terms kept apart, so that a moved slider re-weights all of it."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.rollout import Rollout, sequence_mask


@dataclass(frozen=True)
class Batch:
    """What a learner learns from."""

    tokens: Tensor  # (B, T)
    primer: Tensor  # (B, P)
    mask: Tensor  # (B, T), 1.0 inside the sequence
    log_prior: Tensor  # (B, T, V)
    reward: Tensor  # (B, T), weighted sum of terms divided by c

    def split(self, sizes: list[int]) -> "list[Batch]":
        """Return the batch in shards of these sizes."""
        return [
            Batch(*parts) for parts in zip(*(getattr(self, f.name).split(sizes) for f in fields(Batch)), strict=True)
        ]


def with_prior(policy: Policy, tokens: Tensor, lengths: Tensor, primer: Tensor, rewards: Tensor) -> Batch:
    """Return tokens (B, T) with lengths (B,) as learners are given them, with what their prior says of them.

    primer (1, P): before each of them; rewards (B, T): weighted, and divided by c.
    """
    before = primer.expand(len(tokens), -1)
    with torch.no_grad():
        ids = policy.features.sequence_ids(tokens, before)
        log_prior = policy.prior(ids, before.shape[1], lengths).logits.log_softmax(-1)
    return Batch(tokens, before, sequence_mask(lengths, tokens.shape[1]).float(), log_prior, rewards)


class Replay:
    """A ring of the last `capacity` sequences; tensors grow at the first `add`."""

    FIELDS = ("tokens", "lengths", "terms", "log_prior", "primer")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.added = 0
        self.store: dict[str, Tensor] = {}
        self.replaced: tuple[int, Tensor, dict[str, Tensor]] | None = None
        """By the last `add`: how many had been added before, the rows, and what they held."""

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, rollout: Rollout, terms: Tensor) -> None:
        """Store a rollout with its terms (B, T, K); the oldest sequences give way."""
        values = {
            "tokens": rollout.tokens,
            "lengths": rollout.lengths,
            "terms": terms,
            "log_prior": rollout.log_prior,
            "primer": rollout.primer,
        }
        if not self.store:
            self.store = {k: v.new_zeros(self.capacity, *v.shape[1:]) for k, v in values.items()}
        rows = torch.arange(self.added, self.added + len(terms), device=terms.device) % self.capacity
        self.replaced = self.added, rows, {name: value[rows] for name, value in self.store.items()}
        for name, value in values.items():
            self.store[name][rows] = value
        self.added += len(terms)

    def sample(self, size: int, newest: int, objective: Objective, generator: torch.Generator) -> Batch:
        """Return the `newest` latest sequences and size - newest drawn from all, with rewards R/c of an objective.

        generator: of the random numbers; it lives on the replay's device.
        """
        device = self.store["tokens"].device
        latest = torch.arange(self.added - newest, self.added, device=device)
        drawn = torch.randint(len(self), (size - newest,), generator=generator, device=device)
        rows = torch.cat([latest % self.capacity, drawn])
        lengths = self.store["lengths"][rows]
        # a GPU would wait for the host, and records updates of one shape
        longest = int(lengths.max()) if device.type == "cpu" else self.store["tokens"].shape[1]
        tokens, terms, log_prior = (self.store[name][rows, :longest] for name in ("tokens", "terms", "log_prior"))
        primer = self.store["primer"][rows]
        mask = sequence_mask(lengths, longest)
        return Batch(tokens, primer, mask.float(), log_prior, objective.reward(terms) / objective.c * mask)

    def rescore(self, score: Callable[[Tensor, Tensor], Tensor]) -> None:
        """Give every sequence its terms anew: score(tokens (B, T), lengths) -> (B, T, K)."""
        filled = len(self)
        if filled:
            self.store["terms"][:filled] = score(self.store["tokens"][:filled], self.store["lengths"][:filled])

    def state_dict(self, added: int | None = None) -> dict[str, Tensor]:
        """Return tensors for a checkpoint: the filled part only, as of now or as of when `added` sequences were there.

        Only now and before the last `add` are possible, even while another thread is adding.
        """
        added = self.added if added is None else added
        filled = {name: value[: min(added, self.capacity)].clone() for name, value in self.store.items()}
        if self.replaced and self.replaced[0] == added:
            _, rows, values = self.replaced
            there = rows < min(added, self.capacity)
            for name, value in values.items():
                filled[name][rows[there]] = value[there]
        return {**filled, "added": torch.tensor(added)}

    def load_state_dict(self, state: dict[str, Tensor], num_terms: int) -> None:
        """Take over a state. An empty one, as a finished run keeps, leaves nothing to remember.

        num_terms: K. Terms that came after the state was kept stand last and count 0 until somebody asks for them.
        ValueError for fields that do not hold the same sequences.
        """
        self.added = int(state.get("added", 0))
        if self.added:
            shape = len(self), state["tokens"].shape[-1]
            for name in self.FIELDS:
                dimensions = 1 if name in ("lengths", "primer") else 2
                if state[name].shape[:dimensions] != shape[:dimensions]:
                    raise ValueError(f"the memory's {name} are not those of {len(self)} sequences")
            state = {**state, "terms": pad(state["terms"], (0, num_terms - state["terms"].shape[-1]))}
        for name in self.FIELDS if self.added else ():
            value = state[name]
            self.store[name] = value.new_zeros(self.capacity, *value.shape[1:])
            self.store[name][: len(value)] = value
