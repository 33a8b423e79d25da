"""Settings of networks that older versions wrote, in today's words: the one place that knows the earlier words."""

from collections.abc import Mapping
from typing import Any

from seqtutor_core.features import LONGEST_PERIOD
from seqtutor_core.network import LARGEST_VOCABULARY
from seqtutor_core.rules import anything, flag, optional, several, whole

_token = whole(0, LARGEST_VOCABULARY)
BEFORE_NAMES = {  # what was said of a network's inputs by tokens before input features had names, with its rules
    "clock": flag,
    "hold": optional(_token),
    "branches": several(_token, 2),
    "stems": several(_token, LARGEST_VOCABULARY),
    "pairs": several(_token, LARGEST_VOCABULARY),
    "turns": anything,
}


def current_network(values: Any) -> Any:
    """Return the settings of a network as today's NetworkSettings takes them; any other value unchanged.

    SettingError for a value that those versions would not have written.
    """
    if not isinstance(values, Mapping) or not set(BEFORE_NAMES) & set(values):
        return values
    settings = {name: value for name, value in values.items() if name not in BEFORE_NAMES}
    old = {name: rule(name, values[name]) for name, rule in BEFORE_NAMES.items() if name in values}
    tokens = whole(2, LARGEST_VOCABULARY)("vocabulary", settings.get("vocabulary")) + 1
    inputs = {"token": [tokens]}
    if old.get("hold") is not None:
        inputs["sounding"] = [tokens]
    if old.get("clock"):
        inputs["clock"] = [tokens, tokens, LONGEST_PERIOD + 1, LONGEST_PERIOD + 1]
    if old.get("branches"):
        inputs["branches"] = [tokens, 8]
    if old.get("pairs"):
        inputs["rings"] = [3 if old.get("turns") else 2] * len(old["pairs"])
    return {**settings, "inputs": inputs}
