"""Desirability functions: a property mapped to a score from 0 (no use) to 1 (just right)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtutor_core.domains.own import OWN
from seqtutor_core.errors import SettingError
from seqtutor_core.rules import check, made, number, one_of

KINDS = ("raw", "higher", "lower", "range", "gaussian", "gaussian_higher", "gaussian_lower")
GAUSSIAN = KINDS[4:]


@dataclass(frozen=True)
class Desirability:
    """How desirable each value of one term is. SettingError for bounds in the wrong order or an unknown kind."""

    kind: str
    """raw: the term's own value. higher: 0 at low, 1 from high on. lower: 1 up to low, 0 from high on. range: 1
    from low to high, falling to 0 over `soft` on either side. gaussian: the same with flanks of a Gaussian, `soft` its
    standard deviation. gaussian_higher: 1 from high on, such a flank below; gaussian_lower: 1 up to low, one above."""
    low: float = 0.0
    high: float = 1.0
    soft: float = 0.0

    def __post_init__(self) -> None:
        one_of(*KINDS)("shape", self.kind)
        check(self, low=number(), high=number(), soft=number())
        ordered = self.low < self.high or (self.low == self.high and self.kind in ("range", "gaussian"))
        if not ordered and self.kind not in ("gaussian_higher", "gaussian_lower"):  # which have one bound
            raise SettingError(f"the range from {self.low:g} to {self.high:g} is upside down: put the smaller first")
        if self.soft < 0:
            raise SettingError(f"a soft edge of {self.soft:g} is not possible; choose 0 or more")

    @classmethod
    def of(cls, values: "Desirability | Mapping[str, Any]") -> "Desirability":
        """Return a desirability from a mapping of its fields; SettingError for an unknown name."""
        return values if isinstance(values, Desirability) else made(cls, values, "part of a shape")

    def __call__(self, value: np.ndarray) -> np.ndarray:
        """Return the desirability of each value, 0 to 1, NaN of NaN; the kind `raw` returns the values themselves."""
        if self.kind == "raw":
            return value
        if self.kind == "higher":
            return _ramp(value, self.low, self.high)
        if self.kind == "lower":
            return 1 - _ramp(value, self.low, self.high)
        low = -math.inf if self.kind == "gaussian_lower" else self.high if self.kind == "gaussian_higher" else self.low
        high = math.inf if self.kind == "gaussian_higher" else self.low if self.kind == "gaussian_lower" else self.high
        outside = np.maximum(np.maximum(low - value, value - high), 0.0)
        distance = outside / self.soft if self.soft else np.where(outside > 0, math.inf, outside)
        if self.kind not in GAUSSIAN:
            return np.maximum(0.0, 1 - distance)
        with np.errstate(over="ignore"):  # of what an own reward says, however far out
            return np.exp(-(distance**2) / 2)


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 up to `low`, 1 from `high` on, linear between."""
    return np.clip((value - low) / (high - low), 0.0, 1.0)


# raw where the paper rewards the value itself; elsewhere about the range in which drugs taken by mouth lie
DEFAULT_DESIRABILITIES: Mapping[str, Desirability] = {
    "log_p": Desirability("raw", 1.0, 3.5, 1.0),
    "qed": Desirability("raw", 0.5, 0.9, 0.1),
    "synthetic_accessibility": Desirability("raw", -3.0, -2.0, 0.5),
    "molecular_weight": Desirability("range", 250.0, 400.0, 100.0),
    "tpsa": Desirability("range", 40.0, 90.0, 40.0),
    "h_bond_donors": Desirability("lower", 1.0, 4.0, 1.0),
    "h_bond_acceptors": Desirability("range", 2.0, 7.0, 2.0),
    "rotatable_bonds": Desirability("lower", 4.0, 10.0, 2.0),
    "fraction_sp3": Desirability("range", 0.3, 0.7, 0.2),
    "heavy_atoms": Desirability("range", 18.0, 28.0, 8.0),
    "similarity": Desirability("raw", 0.0, 0.8, 0.1),
    "similarity_2": Desirability("raw", 0.0, 0.8, 0.1),
    "rings": Desirability("range", 2.0, 4.0, 1.0),
    "aromatic_rings": Desirability("range", 1.0, 3.0, 1.0),
    "bertz": Desirability("range", 400.0, 900.0, 300.0),
    "element_count": Desirability("range", 1.0, 3.0, 1.0),
    **dict.fromkeys(OWN, Desirability("raw", 0.0, 1.0, 0.1)),
    **dict.fromkeys(  # what costs: none at all is just right
        ("ring_penalty", "forbidden", "alerts", "scaffold_diversity", "carbon_chain", "too_short"),
        Desirability("raw", -1.0, 0.0, 0.1),
    ),
}

# what a geometric mean can begin with where the value itself is no share: never quite 0, so that there is a way out
NONE_AT_ALL = Desirability("gaussian_higher", -1.0, 0.0, 1.0)
MEAN_DESIRABILITIES: Mapping[str, Desirability] = {
    **DEFAULT_DESIRABILITIES,
    "log_p": Desirability("gaussian", 1.0, 3.5, 1.0),
    "synthetic_accessibility": Desirability("gaussian_higher", -3.0, -2.5, 1.0),
    **dict.fromkeys(OWN, Desirability("higher", 0.0, 1.0, 0.1)),
    **dict.fromkeys(("ring_penalty", "forbidden", "alerts"), NONE_AT_ALL),
    **dict.fromkeys(
        ("scaffold_diversity", "carbon_chain", "too_short"), Desirability("gaussian_higher", -1.0, 0.0, 0.5)
    ),
}
