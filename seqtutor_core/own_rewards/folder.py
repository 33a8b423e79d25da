"""The user's rewards: a folder for each domain below the run home, and an example or two that come with the program.

A run, a link or a page names one by its file name alone, never by a path, and nothing writes into the folder: so code
runs only if the owner of this machine has put it there.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from seqtutor_core.errors import SettingError
from seqtutor_core.files import home, reason
from seqtutor_core.rules import is_number, shown

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "rewards"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
HEADER = re.compile(r"^[^\w\n]*(label|range|seconds|keep): *(.*?)[^\w)]*$", re.MULTILINE)
READ = 4000  # characters in which a header is looked for
LONGEST_LABEL = 40
SECONDS = 1.0  # for each sequence, unless its header says otherwise
MOST_SECONDS = 600.0


@dataclass(frozen=True)
class OwnReward:
    """A file that says what sequences are worth: Python with a function `reward`, or a program."""

    domain: str
    path: Path
    label: str
    """What its slider is called."""
    bounds: tuple[float, float]
    """Between which its values lie; infinite unless its header says so."""
    seconds: float
    """Time limit for each sequence."""
    version: str
    """Changes with the file."""
    keep: bool = True
    """Whether what it says of a sequence holds for good."""
    problem: str = ""
    """Why it cannot be used; empty if it can be tried."""

    @property
    def name(self) -> str:
        """Its file name, by which settings choose it."""
        return self.path.name

    @property
    def is_python(self) -> bool:
        """Whether it is a Python file and not a program."""
        return self.path.suffix == ".py"

    @property
    def is_example(self) -> bool:
        """Whether it came with the program."""
        return self.path.is_relative_to(EXAMPLES)

    @property
    def facts(self) -> str:
        """Its range and its time limit in words."""
        low, high = self.bounds
        known = "no range given" if low == -high == -float("inf") else f"from {low:g} to {high:g}"
        return f"{known}, at most {self.seconds:g} s each"


def folder(domain: str) -> Path:
    """Return where a domain's own rewards lie; it may not exist yet."""
    return home().absolute() / "rewards" / domain


def listed(domain: str) -> list[OwnReward]:
    """Return the rewards that can be chosen: the user's, then examples; a file of the user's hides one of its name."""
    found: dict[str, OwnReward] = {}
    for place in _places(domain):
        with suppress(OSError):  # it is not there
            for path in sorted(path for path in place.iterdir() if _is_reward(path)):
                found.setdefault(path.name, _read(domain, path))
    return [*found.values()]


def find(domain: str, name: str) -> OwnReward:
    """Return the reward of that file name; SettingError when it is missing or cannot be used."""
    paths = (place / check_name("own", name) for place in _places(domain))
    one = next((_read(domain, path) for path in paths if _is_reward(path)), None)
    if one is None:
        raise SettingError(
            f"no own reward named {shown(name)} in {folder(domain)}; put the file back, or choose another or none"
        )
    if one.problem:
        raise SettingError(f"the own reward {name} cannot be used: {one.problem}")
    return one


def check_name(name: str, value: str) -> str:
    """Return the file name of an own reward, or an empty one, as a rule does; SettingError for a path."""
    if value and not (isinstance(value, str) and NAME.fullmatch(value)):
        raise SettingError(f"{name} is the file name of an own reward, without folders; got {shown(value)}")
    return value


def _places(domain: str) -> tuple[Path, Path]:
    return folder(domain), EXAMPLES / domain


def _is_reward(path: Path) -> bool:
    """Return whether a file is a reward, Python or a program; data beside them and editors' leftovers are not."""
    plain = NAME.fullmatch(path.name) and path.is_file()
    return bool(plain) and (path.suffix == ".py" or os.access(path, os.X_OK))


def _read(domain: str, path: Path) -> OwnReward:
    """Return what a file says of itself in its first lines."""
    low, high, seconds, keep = -float("inf"), float("inf"), SECONDS, True
    problem = version = ""
    label = path.stem.replace("_", " ").capitalize()
    try:
        facts = path.stat()
        version = f"{facts.st_mtime_ns}-{facts.st_size}"
        with open(path, encoding="utf-8", errors="replace") as file:
            header = dict(HEADER.findall(file.read(READ)))
        label = header.get("label", label)[:LONGEST_LABEL]
        low, high = _range(header.get("range"))
        seconds = _seconds(header.get("seconds"))
        keep = _keep(header.get("keep"))
    except (OSError, SettingError) as error:
        problem = str(error) if isinstance(error, SettingError) else f"it cannot be read: {reason(error)}"
    return OwnReward(domain, path, label, (low, high), seconds, version, keep, problem)


def _range(text: str | None) -> tuple[float, float]:
    if text is None:
        return -float("inf"), float("inf")
    try:
        low, high = (float(each) for each in text.split(" to "))
    except ValueError:
        raise SettingError(f"its range is {shown(text)}; write two numbers, as in 0 to 1") from None
    if not low < high:
        raise SettingError(f"its range is {shown(text)}; put the smaller number first")
    return low, high


def _seconds(text: str | None) -> float:
    try:
        seconds = SECONDS if text is None else float(text)
    except ValueError:
        seconds = 0.0
    if not is_number(seconds, 0, MOST_SECONDS) or not seconds:
        raise SettingError(f"its seconds are {shown(text)}; write a number above 0, up to {MOST_SECONDS:g}")
    return seconds


def _keep(text: str | None) -> bool:
    if text not in (None, "yes", "no"):
        raise SettingError(f"its keep is {shown(text)}; write yes, or no for values that change by themselves")
    return text != "no"
