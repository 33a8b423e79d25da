"""What tuning maximises: reward terms with their weights, and the KL coefficient that holds a policy near its prior.

    R(x) = sum_k w_k r_k(x)        J(pi) = E_pi[R]/c - KL(pi || p)

(KL-control: Todorov 2007; Jaques et al. 2017). Or, of terms between 0 and 1, their weighted geometric mean (Derringer &
Suich 1980), as many points as the weights together, so that one term alone is worth the same either way:

    R(x) = W prod_k r_k(x)^(w_k / W),    W = sum_k w_k

Shapes: K reward terms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from seqtutor_core.domains.base import Domain, RewardTerm, every_weight
from seqtutor_core.errors import SettingError
from seqtutor_core.rules import anything, by_name, is_number, one_of, shown

LARGEST_WEIGHT = 10_000.0
SMALLEST_C, LARGEST_C = 0.01, 1000.0
SUM, GEOMETRIC_MEAN = COMBINATIONS = ("weighted_sum", "geometric_mean")
COMBINATION = one_of(*COMBINATIONS)
ZERO_ADVICE = (
    "A geometric mean with a term at 0 in all sequences is 0 and says nothing of what is better: widen that term's "
    "shape, set its weight to 0, or begin with the weighted sum."
)

Number = TypeVar("Number", float, Tensor)


@dataclass(frozen=True, eq=False)
class Objective:
    """Rewards of a domain, weighted, and a KL coefficient.

    SettingError for an unknown term, a value out of range, and a geometric mean of terms that have none.
    Two are equal, and hash alike, if the domains have the same name and settings, and all else is the same.
    """

    domain: Domain
    weights: Mapping[str, float]
    """Weight by name of every term, in the domain's order; one that is not named when it is made has weight 0."""
    c: float
    """KL coefficient: larger stays nearer the prior."""
    combination: str = SUM
    """weighted_sum, or geometric_mean: 0 in one term then makes R 0."""

    def __post_init__(self) -> None:
        check_weights(self.weights)
        check_kl_coefficient(self.c)
        COMBINATION("combination", self.combination)
        object.__setattr__(self, "weights", every_weight(self.domain.terms, self.weights))
        object.__setattr__(self, "c", float(self.c))
        if self.combination == GEOMETRIC_MEAN:
            check_geometric_mean(self.domain, self.weights)

    def reward(self, terms: Tensor) -> Tensor:
        """Return R (...), before division by c, from unweighted terms (..., K), in their dtype and on their device.

        Terms without weight are left out: how many a domain has does not change how the others' sum is rounded.
        """
        columns, weights = _weighted(tuple(self.weights.values()), terms.dtype, terms.device)
        terms = terms[..., columns]
        if self.combination == SUM:
            return terms @ weights
        total = weights.sum()
        return total * terms.clamp(min=0.0).pow(weights / total).prod(-1)

    def mean_reward(self, sums: Tensor) -> float:
        """Return the mean R of n sequences from their unweighted terms (n, K), each summed over its sequence."""
        if self.combination == SUM:
            return self.reward(sums.mean(0).double()).item()
        return self.reward(sums.double()).mean().item()

    def effects(self, terms: Sequence[float]) -> list[float]:
        """Return what each of K unweighted terms of a sequence does to R: the points that it adds.

        Under a geometric mean it is the factor by which the term lowers R, 1 for none.
        """
        weights = self.weights.values()
        if self.combination == SUM:
            return [weight * term for weight, term in zip(weights, terms, strict=True)]
        total = sum(weights)
        return [term ** (weight / total) if weight else 1.0 for weight, term in zip(weights, terms, strict=True)]

    def j(self, reward: Number, kl: Number | float) -> Number:
        """Return J in nats per sequence, from a reward and a KL divergence in nats: of a policy, or of one sequence."""
        return reward / self.c - kl

    @property
    def highest_reward(self) -> float:
        """A reward that no sequence exceeds; infinite when a weighted term has no bound."""
        if self.combination == GEOMETRIC_MEAN:
            bounds = [term.bounds[1] if self.weights[term.name] else 0.0 for term in self.domain.terms]
            return self.reward(torch.tensor(bounds, dtype=torch.float64)).item()
        pairs = zip(self.weights.values(), self.domain.terms, strict=True)
        return sum(max(weight * bound for bound in term.bounds) for weight, term in pairs if weight)

    def always_zero(self, sums: Tensor) -> list[str]:
        """Return the labels of the terms that make R 0 in all of n sequences, from unweighted terms (n, K).

        Only a geometric mean has such terms: those with a weight whose value is 0 everywhere.
        """
        if self.combination == SUM:
            return []
        zero = (sums <= 0).all(0).tolist()
        return [t.label for t, none in zip(self.domain.terms, zero, strict=True) if none and self.weights[t.name]]

    @property
    def active_terms(self) -> list[str]:
        """Names of the terms whose weight is not 0."""
        return [name for name, weight in self.weights.items() if weight]

    @property
    def key(self) -> tuple[Any, ...]:
        """All that it depends on, as values that can be compared and hashed."""
        return self.domain.name, self.domain.settings, tuple(self.weights.items()), self.c, self.combination

    def replace(self, **changes: Any) -> "Objective":
        """Return the objective with another domain, other weights, another c or another combination."""
        return replace(self, **changes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Objective) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(64)
def _weighted(weights: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the columns of the terms that have a weight, and their weights; sent to a GPU once, which would wait."""
    columns = [i for i, weight in enumerate(weights) if weight]
    values = torch.tensor([weights[i] for i in columns], dtype=torch.float64)
    return torch.tensor(columns, dtype=torch.long, device=device), values.to(device, dtype)


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


def check_geometric_mean(domain: Domain, weights: Mapping[str, float]) -> None:
    """Raise SettingError unless weighted terms can have a geometric mean: values from 0 to 1, paid at the end."""
    if not domain.terminal_reward:
        raise SettingError(
            f"rewards of the domain {domain.name} come step by step, and have no geometric mean; choose {SUM}"
        )
    if negative := [t.label for t in domain.terms if weights.get(t.name, 0.0) < 0]:
        raise SettingError(
            f"a geometric mean has no weights below 0: {', '.join(negative)}; give a shape that falls, or choose {SUM}"
        )
    if unshaped := [t.label for t in unbounded_terms(domain, weights)]:
        raise SettingError(
            f"a geometric mean is of values from 0 to 1, and these have others: {', '.join(unshaped)}; "
            f"give each a shape or the weight 0, or choose {SUM}"
        )


def unbounded_terms(domain: Domain, weights: Mapping[str, float]) -> list[RewardTerm]:
    """Return the terms with a weight whose values do not all lie between 0 and 1."""
    return [t for t in domain.terms if weights.get(t.name) and not 0 <= t.bounds[0] <= t.bounds[1] <= 1]
