"""The median rule: a point is stopped early when its best J so far lies below the median of the others' J by then.

After Golovin et al. 2017 (Google Vizier), with a third of the budget as a start and three others to compare with. J
under other weights or another c is another J, so only points of one objective are compared. Optuna's own pruners know
single aims alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from seqtutor_core.config import TuningConfig

START = 1 / 3  # of the budget
FEWEST = 3  # others

Curve = list[tuple[float, float]]
"""Share of the budget, and J."""


def curve(config: TuningConfig, lines: Iterable[Mapping[str, Any]]) -> Curve:
    """Return J along the budget from lines of metrics."""
    return [(_share(config, line), line["j"]) for line in lines if line["j"] == line["j"]]


def _share(config: TuningConfig, line: Mapping[str, Any]) -> float:
    if config.calls:
        return line.get("calls", 0) / config.calls
    return line["update"] / config.updates if config.updates else line["seconds"] / config.seconds


def objective_key(config: TuningConfig) -> tuple[Any, ...]:
    """Return what two runs share whose J can be compared."""
    weights = tuple(sorted((name, weight) for name, weight in config.weights.items() if weight))
    return config.domain, config.prior, weights, config.kl_coefficient, config.combination, repr(config.settings)


def is_behind(one: Curve, others: Sequence[Curve]) -> bool:
    """Return whether the best J of a curve lies below the median of what the others had at the same share."""
    if not one or one[-1][0] < START:
        return False
    by_then = [[j for share, j in other if share <= one[-1][0]] for other in others]
    latest = [js[-1] for js in by_then if js]
    return len(latest) >= FEWEST and max(j for _, j in one) < median(latest)
