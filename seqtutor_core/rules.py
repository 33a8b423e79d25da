"""What a value must be, said once: rules for settings, and for what is read from files.

A rule takes a name and a value, returns the value as it is kept, and raises SettingError in words: "length must be a
whole number from 16 to 256; got 'abc'". Values are checked where they enter; behind that they can be trusted.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from seqtutor_core.errors import SettingError

Rule = Callable[[str, Any], Any]
"""From the name of a value and the value to what is kept of it; SettingError when it breaks the rule."""

LONGEST_QUOTE = 80  # characters of a value that a message repeats
LARGEST = 1e300  # of a number without limits of its own, either way

Settings = TypeVar("Settings")


def check(settings: Any, /, **rules: Rule) -> None:
    """Put each named field of a dataclass, frozen or not, through its rule."""
    for name, rule in rules.items():
        object.__setattr__(settings, name, rule(name, getattr(settings, name)))


def made(kind: type[Settings], values: Any, what: str) -> Settings:
    """Return a dataclass of values by name, each called a `what`; SettingError for an unknown or a missing name."""
    if not isinstance(values, Mapping):
        raise SettingError(f"{what}s are values by name; got {shown(values)}")
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]  # mypy knows no "any dataclass"
    if unknown := sorted(str(name) for name in values if name not in names):
        raise SettingError(f"no {what} named {', '.join(unknown)}; there are: {', '.join(names)}")
    try:
        return kind(**values)
    except TypeError as error:
        raise SettingError(f"the {what}s are incomplete ({error})") from None


def parse_json(data: str | bytes) -> Any:
    """Return the value of a JSON text; ValueError, with a short reason, for any other text."""
    text = data if isinstance(data, str) else data.decode()
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair could never be written or shown
    return value


def shown(value: Any) -> str:
    """Return a value as a message quotes it: short, whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits; lists in lists in lists
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."


def parse_pairs(items: Iterable[str]) -> dict[str, Any]:
    """Return NAME=VALUE items as a dict, values read as JSON where they are JSON; SettingError without a "="."""
    values = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            raise SettingError(f"{shown(item)} is not NAME=VALUE")
        try:
            values[name] = parse_json(value)
        except ValueError:
            values[name] = value
    return values


# ---------------------------------------------------------------- single values


def whole(low: int, high: int) -> Rule:
    """Return the rule: a whole number within limits."""

    def rule(name: str, value: Any) -> int:
        if not isinstance(value, int) or not is_number(value, low, high):
            raise SettingError(f"{name} must be a whole number from {low} to {high}; got {shown(value)}")
        return value

    return rule


def number(low: float = -LARGEST, high: float = LARGEST, unit: str = "") -> Rule:
    """Return the rule: a finite number within limits."""
    limits = "a finite number" if high == LARGEST else f"a number from {low:g} to {high:g}{unit}"

    def rule(name: str, value: Any) -> float:
        if not is_number(value, low, high):
            raise SettingError(f"{name} must be {limits}; got {shown(value)}")
        return value

    return rule


def is_number(value: Any, low: float, high: float) -> bool:
    """Return whether a value is a number within limits: no truth value, no numeral, neither NaN nor infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def flag(name: str, value: Any) -> bool:
    """Accept true or false."""
    if not isinstance(value, bool):
        raise SettingError(f"{name} must be true or false; got {shown(value)}")
    return value


def text_of(most: int) -> Rule:
    """Return the rule: a text of at most so many characters that can be written and shown."""

    def rule(name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > most:
            raise SettingError(f"{name} must be a text of at most {most} characters; got {shown(value)}")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise SettingError(f"{name} must be a text that UTF-8 can write; got {shown(value)}") from None
        return value

    return rule


text = text_of(10_000)


def anything(name: str, value: Any) -> Any:
    """Accept any value; whoever uses it knows its rule."""
    return value


def one_of(*choices: Any) -> Rule:
    """Return the rule: one of a few values."""

    def rule(name: str, value: Any) -> Any:
        for choice in choices:
            if type(value) is type(choice) and value == choice:  # True is not 1, nor is 1.0
                return value
        raise SettingError(f"no {name} named {shown(value)}; choose one of {', '.join(map(str, choices))}")

    return rule


# ---------------------------------------------------------------- values made of others


def optional(rule: Rule) -> Rule:
    """Return the rule: what another allows, or nothing."""
    return lambda name, value: None if value is None else rule(name, value)


def several(rule: Rule, most: int) -> Rule:
    """Return the rule: a tuple of values; a single text is a tuple of one, or of none when it is empty."""

    each = listed(rule, most)
    return lambda name, value: tuple(each(name, [value][: len(value)] if isinstance(value, str) else value))


def listed(rule: Rule, most: int) -> Rule:
    """Return the rule: a list of values."""

    def each(name: str, value: Any) -> list[Any]:
        if not isinstance(value, list | tuple) or len(value) > most:
            raise SettingError(f"{name} must be a list of at most {most}; got {shown(value)}")
        return [rule(f"each of {name}", one) for one in value]

    return each


def by_name(rule: Rule) -> Rule:
    """Return the rule: a mapping from names to values."""

    def each(name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise SettingError(f"{name} must be values by name; got {shown(value)}")
        return {key: rule(f"{name}: {shown(key)}", one) for key, one in value.items()}

    return each


def record(needed: Mapping[str, Rule], more: Mapping[str, Rule] | None = None) -> Rule:
    """Return the rule: a mapping with required and optional names; other names are kept unchecked."""

    def each(name: str, value: Any) -> dict[str, Any]:
        given = by_name(lambda _, one: one)(name, value)
        if missing := [key for key in needed if key not in given]:
            raise SettingError(f"{name} must have {', '.join(missing)}; got {shown(value)}")
        rules = {**needed, **{key: rule for key, rule in (more or {}).items() if key in given}}
        return {**given, **{key: rule(f"{name}: {key}", given[key]) for key, rule in rules.items()}}

    return each
