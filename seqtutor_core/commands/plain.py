"""What the commands share: printing for people and machines, NAME=VALUE options."""

import json
from argparse import Namespace
from collections.abc import Iterable, Mapping
from typing import Any

from seqtutor_core.config import default_kl_coefficient
from seqtutor_core.domains import Domain
from seqtutor_core.errors import SettingError
from seqtutor_core.rules import number, parse_json, shown


def show(value: Any, as_json: bool, text: str | None = None) -> None:
    """Print a value as one line of JSON, or a text for people."""
    print(json.dumps(value) if as_json or text is None else text, flush=True)


def listing(values: Mapping[str, Any]) -> str:
    """Names and values in two columns."""

    def plain(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)

    width = max(map(len, values), default=0)
    return "\n".join(f"{name:<{width}}  {plain(value)}" for name, value in values.items())


def pairs(items: Iterable[str]) -> dict[str, Any]:
    """NAME=VALUE as a mapping, values read as JSON where they are."""
    found = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            raise SettingError(f"{item!r} is not NAME=VALUE")
        try:
            found[name] = parse_json(value)
        except ValueError:
            found[name] = value
    return found


def numbers(items: Iterable[str]) -> dict[str, float]:
    """NAME=VALUE with numbers."""
    found = pairs(items)
    for name, value in found.items():
        number()(f"the weight {shown(name)}", value)
    return found


def kl_of(known: Domain, options: Namespace) -> float:
    """Return the c that was asked for, or the domain's default."""
    return default_kl_coefficient(known.name) if options.kl is None else options.kl


def weights_of(known: Domain, options: Namespace) -> dict[str, float]:
    """The defaults, or the paper's with its preset or by name; those named one by one hold over both."""
    published = options.rewards == "paper" or (options.rewards is None and options.preset == "paper")
    usual = known.paper_weights if published else {t.name: t.default for t in known.terms}
    return {**({} if options.rewards == "none" else usual), **numbers(options.weight)}
