"""What a sweep's file asks for: settings as tune takes them, what varies, and what counts."""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import islice, product
from pathlib import Path
from typing import Any

from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.base import starting_weights
from seqtutor_core.errors import InputError, SettingError
from seqtutor_core.files import read_whole, reason
from seqtutor_core.rules import by_name, flag, made, number, one_of, several, shown, whole
from seqtutor_core.runs import launcher
from seqtutor_core.sweeps.ranges import NESTED, Range, read_grid, read_ranges

MOST_POINTS = 1000
MOST_BYTES = 2**20  # of a file
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,23}")  # a tag has 24 characters
AIMS = {"reward": True, "kl": False, "distinct": True, "gauge": True, "j": True}
"""What a study may aim at: whether more of it is better."""
USUAL_AIMS = ("reward", "kl")

Values = Mapping[str, Any]
"""What is set at a point, by names such as seed and weights.key."""


@dataclass(frozen=True)
class Search:
    """The table [search] of a file; SettingError for a value that breaks its rule."""

    grid: Mapping[str, list[Any]] = field(default_factory=dict)
    """Values by setting: every combination is a point."""
    ranges: Mapping[str, Range] = field(default_factory=dict)
    """Ranges by setting, of a study that draws points from what it has learned so far."""
    points: int | None = None
    """How many a study draws."""
    aims: tuple[str, ...] = USUAL_AIMS
    """What is best, and what a study is after."""
    prune: bool = False
    """Whether points are stopped early whose J lies below the median."""

    def __post_init__(self) -> None:
        if bool(self.grid) == bool(self.ranges):
            raise SettingError("[search] needs either a grid or ranges, as in [search.grid] kl_coefficient = [1, 2, 4]")
        object.__setattr__(self, "grid", read_grid(self.grid) if self.grid else {})
        object.__setattr__(self, "ranges", read_ranges(self.ranges) if self.ranges else {})
        aims = several(one_of(*AIMS), len(AIMS))("aims", self.aims)
        if not aims or len(set(aims)) < len(aims):
            raise SettingError(f"aims are one or more of {', '.join(AIMS)}, each once; got {shown(self.aims)}")
        object.__setattr__(self, "aims", aims)
        flag("prune", self.prune)
        self._check_points()
        if self.prune and any(name.startswith("weights.") or name == "kl_coefficient" for name in self.ranges):
            raise SettingError(
                "J under other weights or another c is another J, so a study over them has no median to prune by; "
                "leave prune out, or vary them in a grid, where points of the same weights and c are compared"
            )

    def _check_points(self) -> None:
        if self.ranges:
            whole(1, MOST_POINTS)("points", self.points)
        elif self.points is not None:
            raise SettingError("points are for ranges: a grid has as many as its values make")
        elif self.size > MOST_POINTS:
            raise SettingError(
                f"the grid has {self.size:,} points and a sweep at most {MOST_POINTS:,}; "
                "list fewer values, or let a study draw from ranges"
            )

    @property
    def size(self) -> int:
        """The number of points."""
        return self.points or math.prod(map(len, self.grid.values()))


@dataclass(frozen=True)
class Plan:
    """A file that was read: its base settings and its search."""

    name: str
    base: Mapping[str, Any]
    """Settings of TuningConfig, but for `rewards`, as the command tune has it."""
    search: Search
    text: str
    """The file as it was written."""

    def grid_point(self, number: int) -> Values:
        """Return what is set at a point of the grid, counted from 0; the last setting named varies fastest."""
        values = next(islice(product(*self.search.grid.values()), number, None))
        return dict(zip(self.search.grid, values, strict=True))

    def config(self, values: Values) -> TuningConfig:
        """Return the run of a point; SettingError for one that is not possible."""
        settings: dict[str, Any] = {name: dict(value) if name in NESTED else value for name, value in self.base.items()}
        for name, value in values.items():
            place, dot, inner = name.partition(".")
            if dot:
                settings.setdefault(place, {})[inner] = value
            else:
                settings[name] = value
        rewards = settings.pop("rewards", None)
        domain = build_domain(settings["domain"], settings.get("settings"))
        usual = starting_weights(domain, rewards, settings.get("preset", "default"))
        settings["weights"] = {**usual, **settings.get("weights", {})}
        return made(TuningConfig, settings, "setting")

    def check(self) -> None:
        """Raise SettingError or PriorError for the first point that could not be tuned."""
        for values in self._examples():
            try:
                launcher.checked(self.config(values))
            except SettingError as error:
                where = ", ".join(f"{name} = {value}" for name, value in values.items())
                raise SettingError(f"at {where}: {error}") from None

    def _examples(self) -> Iterator[Values]:
        """Yield every point of a grid; of ranges each end, with the others at their first."""
        if self.search.grid:
            yield from map(self.grid_point, range(self.search.size))
            return
        first = {name: each.values[0] for name, each in self.search.ranges.items()}
        for name, each in self.search.ranges.items():
            yield from ({**first, name: value} for value in each.values)

    def same_search(self, other: "Plan") -> bool:
        """Return whether two plans differ in nothing but how many points are drawn."""
        one, two = ({**vars(plan.search), "points": None} for plan in (self, other))
        return self.base == other.base and one == two


def read_plan(path: Path) -> Plan:
    """Return the plan of a file, named after it; InputError for a file that is no TOML, SettingError for odd values."""
    try:
        text = read_whole(path, MOST_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the sweep {shown(str(path))} cannot be read: {reason(error)}") from None
    return parse_plan(path.stem, text)


def parse_plan(name: str, text: str) -> Plan:
    """Return the plan of a TOML text; errors as of read_plan."""
    if not NAME.fullmatch(name):
        raise SettingError(
            f"a sweep is called as its file, which tags its runs: at most 24 letters, digits, dots and dashes; "
            f"got {shown(name)}; rename the file"
        )
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"the sweep {name} is no TOML: {error}") from None
    if not isinstance(table.get("search"), dict):
        raise SettingError(f"the sweep {name} has no table [search] that says what varies")
    search = made(Search, table.pop("search"), "setting of [search]")
    return Plan(name, _base(table), search, text)


def _base(table: dict[str, Any]) -> dict[str, Any]:
    """Return the base settings, their names checked and prior and domain filled in."""
    names = [f.name for f in fields(TuningConfig)]
    if unknown := [name for name in table if name not in (*names, "rewards")]:
        there = ", ".join(["rewards", *names])
        raise SettingError(f"no setting named {', '.join(map(shown, unknown))}; there are: {there}, and [search]")
    if not isinstance(table.get("domain"), str):
        raise SettingError(f'domain must be a text, as in domain = "melody"; got {shown(table.get("domain"))}')
    for name in NESTED:
        if name in table:
            by_name(number() if name == "weights" else lambda _, value: value)(name, table[name])
    if "rewards" in table:
        one_of("default", "paper", "none")("rewards", table["rewards"])
    return {"prior": table["domain"], **table}
