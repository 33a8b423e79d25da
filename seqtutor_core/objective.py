"""What tuning maximises: reward terms with their weights, and the KL coefficient that holds a policy near its prior.

    R(x) = sum_k w_k r_k(x)        J(pi) = E_pi[R]/c - KL(pi || p)

(KL-control: Todorov 2007; Jaques et al. 2017). Shapes: K reward terms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from seqtutor_core.domains.base import Domain, every_weight
from seqtutor_core.errors import SettingError
from seqtutor_core.rules import anything, by_name, is_number, shown

LARGEST_WEIGHT = 10_000.0
SMALLEST_C, LARGEST_C = 0.01, 1000.0

Number = TypeVar("Number", float, Tensor)


@dataclass(frozen=True, eq=False)
class Objective:
    """Rewards of a domain, weighted, and a KL coefficient; SettingError for an unknown term or a value out of range.

    Two are equal, and hash alike, if the domains have the same name and settings, and weights and c are the same.
    """

    domain: Domain
    weights: Mapping[str, float]
    """Weight by name of every term, in the domain's order; one that is not named when it is made has weight 0."""
    c: float
    """KL coefficient: larger stays nearer the prior."""

    def __post_init__(self) -> None:
        check_weights(self.weights)
        check_kl_coefficient(self.c)
        object.__setattr__(self, "weights", every_weight(self.domain.terms, self.weights))
        object.__setattr__(self, "c", float(self.c))

    def reward(self, terms: Tensor) -> Tensor:
        """Return R (...), before division by c, from unweighted terms (..., K), in their dtype and on their device."""
        weights = torch.tensor([*self.weights.values()], dtype=terms.dtype, device=terms.device)  # (K,)
        return terms @ weights

    def reward_by_name(self, terms: Mapping[str, float]) -> float:
        """Return R from unweighted terms by name; one that is not named counts 0."""
        return self.reward(torch.tensor([terms.get(name, 0.0) for name in self.weights], dtype=torch.float64)).item()

    def j(self, reward: Number, kl: Number | float) -> Number:
        """Return J in nats per sequence, from a reward and a KL divergence in nats: of a policy, or of one sequence."""
        return reward / self.c - kl

    @property
    def highest_reward(self) -> float:
        """A reward that no sequence exceeds; infinite when a weighted term has no bound."""
        pairs = zip(self.weights.values(), self.domain.terms, strict=True)
        return sum(max(weight * bound for bound in term.bounds) for weight, term in pairs if weight)

    @property
    def active_terms(self) -> list[str]:
        """Names of the terms whose weight is not 0."""
        return [name for name, weight in self.weights.items() if weight]

    @property
    def key(self) -> tuple[Any, ...]:
        """All that it depends on, as values that can be compared and hashed."""
        return self.domain.name, self.domain.settings, tuple(self.weights.items()), self.c

    def replace(self, **changes: Any) -> "Objective":
        """Return the objective with another domain, other weights or another c."""
        return replace(self, **changes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Objective) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def check_kl_coefficient(c: float) -> None:
    """Raise SettingError unless c is a number from 0.01 to 1,000."""
    if not is_number(c, SMALLEST_C, LARGEST_C):
        raise SettingError(
            f"a KL coefficient of {shown(c)} is not possible; "
            f"choose a number from {SMALLEST_C} to {LARGEST_C:g} (4 is usual)"
        )


def check_weights(weights: Mapping[str, float]) -> None:
    """Raise SettingError unless every weight is a finite number of at most 10,000 either way."""
    by_name(anything)("weights", weights)
    for name, weight in weights.items():
        if not is_number(weight, -LARGEST_WEIGHT, LARGEST_WEIGHT):
            raise SettingError(
                f"a weight of {shown(weight)} for {name} is not possible; choose a number up to {LARGEST_WEIGHT:g}"
            )
