"""Priors: networks with the facts of their making, kept as weights (safetensors) beside a card (card.json)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from seqtutor_core.admitted import names_prior
from seqtutor_core.domains.base import TokenSpace
from seqtutor_core.errors import PriorError
from seqtutor_core.features import InputFeatures
from seqtutor_core.files import read_whole, reason, replace_text
from seqtutor_core.network import LARGEST_VOCABULARY, NetworkSettings, RecurrentNetwork, network_of
from seqtutor_core.older import current_network
from seqtutor_core.rules import anything, by_name, made, number, optional, parse_json, record, several, shown, text
from seqtutor_core.training import save_tensors

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "priors"
LARGEST_CARD = 2**20  # bytes
CARD = record(
    {"network": by_name(anything)},
    {
        "domain": text,
        "settings": by_name(anything),
        "vocabulary": several(text, LARGEST_VOCABULARY),
        "licence": text,
        "held_out_nats": number(),
        "samples": by_name(optional(number())),
    },
)


@dataclass(frozen=True)
class Prior:
    """A trained network, frozen, and its card."""

    name: str
    network: RecurrentNetwork
    card: dict[str, Any]


def save(prior: Prior, root: Path = ASSETS) -> Path:
    """Write root/NAME/weights.safetensors and root/NAME/card.json; return the folder."""
    folder = root / prior.name
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(prior.network.state_dict(), folder / "weights.safetensors")
    card = {"name": prior.name, "network": asdict(prior.network.settings), **prior.card}
    replace_text(folder / "card.json", json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    return folder


def load(name: str, root: Path = ASSETS, space: TokenSpace | None = None) -> Prior:
    """Return a prior by name, or one's own by its folder, frozen and in evaluation mode.

    space: the domain it is meant for. PriorError when it is missing, damaged, or made for other tokens or input
    features than that domain's.
    """
    folder = root / name  # an absolute path stays what it is
    with _reading(name, folder):
        card = _card(name, folder)
        weights = folder / "weights.safetensors"
        if weights.exists() and not weights.is_file():  # a pipe would be waited for, and the whole process with it
            raise OSError(f"{weights.name} is not a plain file")
        network = network_of(current_network(card["network"]), load_file(weights))
    if space is not None:
        _check_tokens(folder.name, network.settings.vocabulary, card.get("vocabulary"), space)
        InputFeatures.select(space.features, network.settings.inputs)
    return Prior(folder.name, network, card)


def domain_settings(name: str, chosen: Mapping[str, Any] | None = None, root: Path = ASSETS) -> dict[str, Any]:
    """Return the settings of its domain that a prior was trained for, and the chosen ones over them.

    Priors of one domain may write different tokens: such a setting says which. PriorError as `load` raises it.
    """
    folder = root / name
    with _reading(name, folder):
        return {**_card(name, folder).get("settings", {}), **(chosen or {})}


def network_settings(name: str, root: Path = ASSETS) -> NetworkSettings:
    """Return the shape of a prior's network, by its card alone. PriorError as `load` raises it."""
    folder = root / name
    with _reading(name, folder):
        return made(NetworkSettings, current_network(_card(name, folder)["network"]), "network setting")


def _card(name: str, folder: Path) -> dict[str, Any]:
    """Return the card of a prior, checked."""
    if not names_prior(name):
        raise FileNotFoundError
    card: dict[str, Any] = parse_json(read_whole(folder / "card.json", LARGEST_CARD))
    CARD("the card", card)
    return card


@contextmanager
def _reading(name: str, folder: Path) -> Iterator[None]:
    """Raise PriorError for whatever goes wrong while a prior is read."""
    try:
        yield
    except FileNotFoundError as error:
        raise PriorError(
            f"no prior named {shown(folder.name if names_prior(name) else name)}: {error.filename or 'it'} is missing; "
            f"available: {', '.join(available(folder.parent))}"
        ) from None
    except (SafetensorError, ValueError, OSError) as error:
        raise PriorError(
            f"the prior {shown(folder.name)} in {shown(str(folder))} is damaged ({reason(error)}); "
            "restore the folder or train it again"
        ) from None


def _check_tokens(name: str, size: int, tokens: list[str] | None, space: TokenSpace) -> None:
    expected = space.vocabulary
    if size != len(expected) or (tokens is not None and tuple(tokens) != expected.tokens):
        raise PriorError(
            f"the prior {name!r} writes {size} tokens that are not the {len(expected)} wanted here "
            f"({' '.join(expected.tokens[:6])} ...); choose a prior that was trained for this domain"
        )


def available(root: Path = ASSETS) -> list[str]:
    """Return the names of the priors in a folder."""
    return sorted(p.parent.name for p in root.glob("*/card.json"))
