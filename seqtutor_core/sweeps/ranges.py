"""What a setting may be in a search: the values of a grid, or a range that Optuna draws from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqtutor_core.errors import SettingError
from seqtutor_core.rules import LARGEST, is_number, listed, number, one_of, shown, whole

KINDS = ("uniform", "log", "int", "categorical")
NESTED = ("weights", "settings", "overrides")
"""Settings that hold others by name: weights.key."""
VARIED = (
    *("prior", "learner", "preset", "combination", "kl_coefficient", "kl_budget"),
    *("seconds", "updates", "calls", "seed", "warm_start"),
)
MOST_VALUES = 1000  # of one setting
LARGEST_WHOLE = 2**53


@dataclass(frozen=True)
class Range:
    """Where the values of a setting lie; SettingError for a range that holds none, or more than numbers can."""

    kind: str
    """uniform, log, int or categorical."""
    values: tuple[Any, ...]
    """The lowest and the highest; of a categorical one all there are."""


def read_grid(table: Any) -> dict[str, list[Any]]:
    """Return the values of each setting by its name, as weights.key; SettingError for one that has none."""
    return {name: _values(name, values) for name, values in _flat("the grid", table)}


def read_ranges(table: Any) -> dict[str, Range]:
    """Return the range of each setting by its name; SettingError for one that is no range."""
    return {name: _range(name, range_) for name, range_ in _flat("the ranges", table)}


def _flat(what: str, table: Any) -> list[tuple[str, Any]]:
    """Return the settings of a table with their names in full; SettingError for one that cannot vary."""
    if not isinstance(table, Mapping) or not table:
        raise SettingError(f"{what} must name at least one setting; got {shown(table)}")
    found = []
    for name, value in table.items():
        if name in NESTED:
            if not isinstance(value, Mapping) or not value:
                raise SettingError(f"{what}: {name} needs a name, as in {name}.NAME = ...; got {shown(value)}")
            found += [(f"{name}.{inner}", one) for inner, one in value.items()]
        elif name in VARIED:
            found.append((name, value))
        else:
            there = ", ".join([*VARIED, *(f"{one}.NAME" for one in NESTED)])
            raise SettingError(f"{what}: no setting named {shown(name)} that can vary; there are: {there}")
    return found


def _values(name: str, values: Any) -> list[Any]:
    kept = listed(_plain, MOST_VALUES)(f"the grid of {name}", values)
    if not kept:
        raise SettingError(f"the grid of {name} is empty, so there would be no point; list its values")
    if len({repr(value) for value in kept}) < len(kept):
        raise SettingError(f"the grid of {name} names a value twice: {shown(kept)}; list each once")
    return kept


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, float) and not is_number(value, -LARGEST, LARGEST):
        raise SettingError(f"{name} must be a finite number; got {shown(value)}")
    if not isinstance(value, str | int | float):
        raise SettingError(f"{name} must be a number, a text, true or false; got {shown(value)}")
    return value


def _range(name: str, range_: Any) -> Range:
    if not isinstance(range_, Mapping) or len(range_) != 1:
        raise SettingError(
            f"the range of {name} is one of {', '.join(KINDS)}, as in {{log = [0.5, 8]}}; {_got(range_)}"
        )
    kind, values = next(iter(range_.items()))
    one_of(*KINDS)("kind of range", kind)
    if kind == "categorical":
        return Range(kind, tuple(_values(name, values)))
    rule = whole(-LARGEST_WHOLE, LARGEST_WHOLE) if kind == "int" else number()
    ends = listed(rule, 2)(f"the range of {name}", values)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise SettingError(f"the range of {name} is its lowest and its highest value, in this order; {_got(values)}")
    if kind == "log" and ends[0] <= 0:
        raise SettingError(f"the range of {name} is logarithmic, so it lies above 0; {_got(values)}")
    return Range(kind, tuple(ends))


def _got(value: Any) -> str:
    return f"got {shown(value)}"
