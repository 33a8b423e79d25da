"""Stages: objectives that a run goes through in order before its own, each until a reward or a number of calls.

A curriculum (Guo et al. 2022, doi.org/10.1038/s42256-022-00494-4): what is rare under the prior is first asked for in
part. As text, in commands and on pages: names and values, `qed=40, validity=20, until=45, calls=2000, kl=1`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seqtutor_core.errors import SettingError
from seqtutor_core.objective import check_kl_coefficient, check_weights
from seqtutor_core.rules import check, made, number, optional, parse_pairs, whole

MOST_STAGES = 20
MOST_CALLS = 10_000_000
WORDS = ("until", "calls", "kl")
"""What of a stage's text is no reward term."""


@dataclass(frozen=True)
class Stage:
    """One objective and when it ends; SettingError for one that never would."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each reward term by name; a term not named has weight 0."""
    until: float | None = None
    """Mean reward of a rollout, at these weights, that ends it."""
    calls: int | None = None
    """Calls that end it, whatever was reached."""
    kl_coefficient: float | None = None
    """c; None: the run's own."""

    def __post_init__(self) -> None:
        check_weights(self.weights)
        check(self, until=optional(number()), calls=optional(whole(1, MOST_CALLS)))
        if self.kl_coefficient is not None:
            check_kl_coefficient(self.kl_coefficient)
        if self.until is None and self.calls is None:
            raise SettingError("a stage ends at a reward or after a number of calls; add until=45, or calls=2000")
        if not any(self.weights.values()):
            raise SettingError("every weight of a stage is 0, so there is nothing to learn; name a reward term")

    @classmethod
    def of(cls, value: Any) -> "Stage":
        """Return a stage from one, from its values by name, or from its text."""
        return (
            value if isinstance(value, Stage) else parse(value) if isinstance(value, str) else made(cls, value, "stage")
        )

    def __str__(self) -> str:
        """Return the stage as text that `parse` reads."""
        ends = {"until": self.until, "calls": self.calls, "kl": self.kl_coefficient}
        values = {**{name: weight for name, weight in self.weights.items() if weight}, **ends}
        return ", ".join(f"{name}={value:.12g}" for name, value in values.items() if value is not None)


def parse(text: str) -> Stage:
    """Return the stage that a text of names and values describes; SettingError shows what is wrong."""
    values = parse_pairs(text.replace(",", " ").split())
    until, calls, kl = (values.pop(word, None) for word in WORDS)
    return Stage(values, until, calls, kl)
