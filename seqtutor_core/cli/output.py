"""Printing, for people and for machines."""

import json
from collections.abc import Mapping
from typing import Any


def show(value: Any, as_json: bool, text: str | None = None) -> None:
    """Print a value as one line of JSON, or a text for people."""
    print(json.dumps(value) if as_json or text is None else text, flush=True)


def two_columns(values: Mapping[str, Any]) -> str:
    """Return names and values, a pair a line."""

    def plain(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)

    width = max(map(len, values), default=0)
    return "\n".join(f"{name:<{width}}  {plain(value)}" for name, value in values.items())
