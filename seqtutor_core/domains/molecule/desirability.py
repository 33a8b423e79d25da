"""Desirability functions: a property mapped to a score from 0 (no use) to 1 (just right)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqtutor_core.errors import SettingError
from seqtutor_core.rules import check, made, number, one_of

KINDS = ("raw", "higher", "lower", "range")


@dataclass(frozen=True)
class Desirability:
    """How desirable each value of one term is. SettingError for bounds in the wrong order or an unknown kind."""

    kind: str
    """raw: the term's own value. higher: 0 at low, 1 from high on. lower: 1 up to low, 0 from high on. range: 1
    from low to high, falling to 0 over `soft` on either side."""
    low: float = 0.0
    high: float = 1.0
    soft: float = 0.0

    def __post_init__(self) -> None:
        one_of(*KINDS)("shape", self.kind)
        check(self, low=number(), high=number(), soft=number())
        if self.low > self.high or (self.low == self.high and self.kind != "range"):
            raise SettingError(f"the range from {self.low:g} to {self.high:g} is upside down: put the smaller first")
        if self.soft < 0:
            raise SettingError(f"a soft edge of {self.soft:g} is not possible; choose 0 or more")

    @classmethod
    def of(cls, values: "Desirability | Mapping[str, Any]") -> "Desirability":
        """Return a desirability from a mapping of its fields; SettingError for an unknown name."""
        return values if isinstance(values, Desirability) else made(cls, values, "part of a shape")

    def __call__(self, value: float) -> float:
        """Return the desirability of a value, 0 to 1; the kind `raw` returns the value itself."""
        if self.kind == "raw":
            return value
        if self.kind == "higher":
            return _ramp(value, self.low, self.high)
        if self.kind == "lower":
            return 1 - _ramp(value, self.low, self.high)
        if self.low <= value <= self.high:
            return 1.0
        outside = self.low - value if value < self.low else value - self.high
        return max(0.0, 1 - outside / self.soft) if self.soft else 0.0


def _ramp(value: float, low: float, high: float) -> float:
    """Return 0 up to `low`, 1 from `high` on, linear between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


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
}
