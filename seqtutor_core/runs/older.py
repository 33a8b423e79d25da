"""Runs that older versions wrote: their settings in today's words, the one place that knows the earlier words."""

from collections.abc import Mapping
from typing import Any

RENAMED = {"trace": "lambda_", "raw": "values_from_logits"}
WITHOUT_EFFECT = {  # what each learner took and had no use for
    "q": {"published_start"},
    "psi": {"published_start"},
    "rloo": {"updates", "replay_steps"},
}


def current_config(values: Any) -> Any:
    """Return the values of a config.json as today's TuningConfig takes them; any other value unchanged."""
    if not isinstance(values, Mapping) or not isinstance(values.get("overrides"), Mapping):
        return values
    left_out = WITHOUT_EFFECT.get(str(values.get("learner")), set())
    kept = {name: value for name, value in values["overrides"].items() if name not in left_out}
    return {**values, "overrides": {RENAMED.get(name, name): value for name, value in kept.items()}}
