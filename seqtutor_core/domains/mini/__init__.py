"""The smallest domain, to copy for another: words of 8 letters a to d. docs/extending.md walks through it.

It is small enough to solve exactly: exact_task.py has its prior and its tables.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from seqtutor_core.domains.base import BaseDomain, RewardTerm
from seqtutor_core.errors import TokenError
from seqtutor_core.features import Clock, InputFeature, LastToken
from seqtutor_core.vocabulary import Vocabulary

LENGTH = 8
VOCABULARY = Vocabulary("abcd")

RISES, STUTTERS, CLOSES = (0.0, LENGTH - 2.0), (2.0 - 2.0 * LENGTH, 0.0), (0.0, 3.0)  # 4 letters: a fall in 7 moves
TERMS: tuple[RewardTerm, ...] = (
    RewardTerm("rise", "Rise", "Mini", "+1 for a letter that rises in the alphabet.", 1.0, 5.0, "points", RISES),
    RewardTerm("stutter", "Stutter", "Mini", "-2 for the same letter again.", 1.0, 5.0, "points", STUTTERS),
    RewardTerm("close", "Close", "Mini", "+3 for ending on a.", 1.0, 5.0, "points", CLOSES),
)
DEFAULT_WEIGHTS: Mapping[str, float] = {term.name: term.default for term in TERMS}
FEATURES: Mapping[str, InputFeature] = {"token": LastToken(len(VOCABULARY)), "clock": Clock(len(VOCABULARY), LENGTH)}


class Mini(BaseDomain):
    """Words that should rise, not stutter, and end on a (protocol: seqtutor_core.domains.base.Domain)."""

    name = "mini"
    vocabulary = VOCABULARY
    length = LENGTH
    features = FEATURES
    terms: tuple[RewardTerm, ...] = TERMS
    paper_weights: Mapping[str, float] = DEFAULT_WEIGHTS

    def score(self, tokens: Tensor, lengths: Tensor | None = None, only: Collection[str] | None = None) -> Tensor:
        """Return the unweighted terms (B, T, K) of tokens (B, T), float64."""
        points = torch.zeros(*tokens.shape, len(TERMS), dtype=torch.float64, device=tokens.device)
        move = torch.diff(tokens, dim=1)  # (B, T - 1); the first letter has none before it
        points[:, 1:, 0] = (move > 0).double()
        points[:, 1:, 1] -= 2.0 * (move == 0)
        points[:, LENGTH - 1 :, 2] = 3.0 * (tokens[:, LENGTH - 1 :] == 0)
        return points

    def metrics(self, tokens: Tensor, lengths: Tensor | None = None) -> dict[str, float | None]:
        return {"ends_on_a": (tokens[:, -1] == 0).double().mean().item()}

    def to_json(self, tokens: Sequence[int]) -> dict[str, Any]:
        return {"text": text(tokens)}

    def parse(self, line: str) -> list[int]:
        word = line.strip()
        if len(word) != LENGTH:
            raise TokenError(f"{word!r} has {len(word)} letters; a sequence has {LENGTH}")
        return [VOCABULARY.id(letter) for letter in word]


def text(tokens: Iterable[int]) -> str:
    """Return a sequence as a word."""
    return "".join(VOCABULARY.tokens[token] for token in tokens)
