"""Maximum-likelihood training of the prior p(a|s), and its file: weights as safetensors, facts as card.json."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from seqtutor_core.admitted import names_prior
from seqtutor_core.errors import PriorError, SettingError
from seqtutor_core.files import read_whole, reason, replace_text
from seqtutor_core.network import LARGEST_VOCABULARY, NetworkSettings, RecurrentNetwork, network_of
from seqtutor_core.rules import anything, by_name, number, optional, parse_json, record, several, shown, text
from seqtutor_core.vocabulary import Vocabulary

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "priors"
LARGEST_CARD = 2**20  # bytes
CARD = record(
    {"network": by_name(anything)},
    {
        "domain": text,
        "vocabulary": several(text, LARGEST_VOCABULARY),
        "licence": text,
        "held_out_nats": number(),
        "samples": by_name(optional(number())),
    },
)
PADDING = -100  # ignored by the loss

Sequences = Sequence[tuple[Sequence[int], int]]  # tokens and their period (sixteenths in a bar; 0: none)


@dataclass(frozen=True)
class Prior:
    """A trained network, frozen, and its card."""

    name: str
    network: RecurrentNetwork
    card: dict[str, Any]


@dataclass(frozen=True)
class PriorSettings:
    """How a prior is trained; SettingError for a value out of range."""

    network: NetworkSettings
    epochs: int = 30
    batch: int = 64
    """Pieces in a batch."""
    window: int = 192
    """Tokens in a piece; longer sequences are cut, at a new place each epoch."""
    learning_rate: float = 3e-3
    """At the start; it falls to zero along a half cosine."""
    weight_decay: float = 1e-4
    clip: float = 1.0
    """Largest norm of the gradient."""
    average: float = 0.998
    """Decay of the moving average of the weights, which is what is kept."""
    part: int = 0
    """Sequences that an epoch sees; the next epoch goes on where it stopped. 0: all of them."""
    bfloat16: bool = False
    """Multiply in bfloat16, twice as fast where the processor knows it; weights and sums stay float32."""
    patience: int = 5
    """Epochs without a better held-out loss before training stops."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch, self.window, self.patience) < 1 or self.learning_rate <= 0:
            raise SettingError(f"{self}: epochs, batch, window, patience and learning rate must be positive")


@dataclass(frozen=True)
class Epoch:
    """What one pass over the corpus gave; losses in nats per token."""

    epoch: int
    training_nats: float
    held_out_nats: float
    held_out_accuracy: float
    best: bool
    """Whether the held-out loss is the lowest so far."""


# ---------------------------------------------------------------- training


def train(settings: PriorSettings, training: Sequences, held_out: Sequences, folder: Path) -> Iterator[Epoch]:
    """Train, an epoch at a time, checkpointing in `folder`; called again it resumes. Same seed, same weights.

    `folder/best.safetensors` holds the weights with the lowest held-out loss.
    """
    torch.manual_seed(settings.seed)  # dropout and initial weights have no generator argument
    network = RecurrentNetwork(settings.network)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
    optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    history: list[Epoch] = _restore(folder, settings, network, average, optimiser)

    for epoch in range(len(history), settings.epochs):
        best = min((e.held_out_nats for e in history), default=math.inf)
        if sum(1 for e in history[::-1] if e.held_out_nats > best) >= settings.patience and not history[-1].best:
            return
        torch.manual_seed(settings.seed + epoch)
        generator = torch.Generator().manual_seed(settings.seed + epoch)
        batches = list(_batches(_drawn(training, settings, epoch), settings, generator))
        loss = _pass(network, average, optimiser, batches, settings, epoch)
        nats, accuracy = evaluate(cast(RecurrentNetwork, average.module), held_out)
        history.append(Epoch(epoch, loss, nats, accuracy, nats < best))
        _checkpoint(folder, settings, network, average, optimiser, history)
        yield history[-1]


def _pass(network, average, optimiser, batches, settings, epoch) -> float:  # type: ignore[no-untyped-def]
    """One pass of gradient steps; the mean loss in nats per token."""
    network.train()
    total = count = 0.0
    for i, (tokens, period) in enumerate(batches):
        progress = (epoch + i / len(batches)) / settings.epochs
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=settings.bfloat16):
            logits = network(tokens.clamp(min=0), period).logits  # (B, T, V)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=PADDING)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        optimiser.step()
        average.update_parameters(network)
        known = int((tokens != PADDING).sum())
        total, count = total + loss.item() * known, count + known
    return total / count


def _drawn(sequences: Sequences, settings: PriorSettings, epoch: int) -> Sequences:
    """The sequences of an epoch: all, or the next part of a shuffled pass over them."""
    if not settings.part or settings.part >= len(sequences):
        return sequences
    parts = len(sequences) // settings.part
    generator = torch.Generator().manual_seed(settings.seed + epoch // parts)
    order = torch.randperm(len(sequences), generator=generator).chunk(parts)[epoch % parts]
    return [sequences[i] for i in order.tolist()]


def _batches(sequences: Sequences, settings: PriorSettings, generator: torch.Generator) -> Iterator[tuple[Tensor, int]]:
    """Shuffled (tokens (B, T), period) pairs; each piece begins at a bar line, pieces of like length together."""
    pieces: dict[int, list[Sequence[int]]] = {}
    for tokens, period in sequences:
        bars = max(1, min(len(tokens), settings.window) // max(period, 1))
        cut = int(torch.randint(bars, (), generator=generator)) * period
        starts = [0, *range(cut, len(tokens), settings.window)] if cut else range(0, len(tokens), settings.window)
        ends = [*starts[1:], len(tokens)]
        pieces.setdefault(period, []).extend(tokens[a:b] for a, b in zip(starts, ends, strict=True) if b - a > 1)
    batches = []
    for period, group in pieces.items():
        shuffled = [group[i] for i in torch.randperm(len(group), generator=generator)]
        band = max(1, settings.window // 12)
        shuffled.sort(key=lambda p: -(len(p) // band))
        batches += [(period, shuffled[i : i + settings.batch]) for i in range(0, len(shuffled), settings.batch)]
    for i in torch.randperm(len(batches), generator=generator):
        period, batch = batches[i]
        yield _padded(batch), period


def _padded(batch: Sequence[Sequence[int]]) -> Tensor:
    tensors = [torch.tensor(list(piece)) for piece in batch]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=PADDING)


@torch.no_grad()
def evaluate(network: RecurrentNetwork, sequences: Sequences) -> tuple[float, float]:
    """Nats per token and accuracy over whole sequences, each from its own start."""
    network.eval()
    nats = right = count = 0.0
    by_shape = sorted(sequences, key=lambda s: (s[1], len(s[0])))
    for period in sorted({p for _, p in by_shape}):
        group = [tokens for tokens, p in by_shape if p == period]
        for i in range(0, len(group), 64):
            tokens = _padded(group[i : i + 64])
            logits = network(tokens.clamp(min=0), period).logits
            known = tokens != PADDING
            nats += nn.functional.cross_entropy(logits[known], tokens[known], reduction="sum").item()
            right += (logits.argmax(-1) == tokens)[known].sum().item()
            count += known.sum().item()
    return nats / count, right / count


# ---------------------------------------------------------------- checkpoints


def _checkpoint(folder, settings, network, average, optimiser, history) -> None:  # type: ignore[no-untyped-def]
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.module.state_dict().items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{k}": v for k, v in state.items()}
    tensors["averaged"] = average.n_averaged
    if history[-1].best:
        _save_tensors(average.module.state_dict(), folder / "best.safetensors")
    _save_tensors(tensors, folder / f"epoch-{history[-1].epoch}.safetensors")
    facts = {"settings": asdict(settings), "history": [asdict(e) for e in history]}
    replace_text(folder / "training.json", json.dumps(facts, indent=2))
    for old in folder.glob("epoch-*.safetensors"):
        if old.stem != f"epoch-{history[-1].epoch}":
            old.unlink()


def _restore(folder, settings, network, average, optimiser) -> list[Epoch]:  # type: ignore[no-untyped-def]
    facts_file = folder / "training.json"
    if not facts_file.exists():
        return []
    facts = json.loads(facts_file.read_text())
    if facts["settings"] != json.loads(json.dumps(asdict(settings))):
        raise PriorError(f"{folder} holds a training with other settings; delete it or name another folder")
    history = [Epoch(**e) for e in facts["history"]]
    tensors = load_file(folder / f"epoch-{history[-1].epoch}.safetensors")

    def part(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    network.load_state_dict(part("network."))
    average.module.load_state_dict(part("average."))
    average.n_averaged = tensors["averaged"]
    optimiser_state = optimiser.state_dict()
    optimiser_state["state"] = {
        i: part(f"optimiser.{i}.") for i in range(len(list(network.parameters()))) if part(f"optimiser.{i}.")
    }
    optimiser.load_state_dict(optimiser_state)
    return history


def _save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    save_file({k: v.contiguous().clone() for k, v in tensors.items()}, temporary)
    temporary.replace(path)


# ---------------------------------------------------------------- files


def save(prior: Prior, root: Path = ASSETS) -> Path:
    """Write root/NAME/weights.safetensors and root/NAME/card.json; return the folder."""
    folder = root / prior.name
    folder.mkdir(parents=True, exist_ok=True)
    _save_tensors(prior.network.state_dict(), folder / "weights.safetensors")
    card = {"name": prior.name, "network": asdict(prior.network.settings), **prior.card}
    replace_text(folder / "card.json", json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    return folder


def load(name: str, root: Path = ASSETS, vocabulary: Vocabulary | None = None) -> Prior:
    """A prior by name, or one's own by its folder, frozen and in evaluation mode.

    PriorError when it is missing, damaged, or writes other tokens than the vocabulary it is meant for.
    """
    folder = root / name  # an absolute path stays what it is
    try:
        if not names_prior(name):
            raise FileNotFoundError
        card = parse_json(read_whole(folder / "card.json", LARGEST_CARD))
        CARD("the card", card)
        weights = folder / "weights.safetensors"
        if weights.exists() and not weights.is_file():  # a pipe would be waited for, and the whole process with it
            raise OSError(f"{weights.name} is not a plain file")
        network = network_of(card["network"], load_file(weights))
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
    if vocabulary is not None:
        _check_tokens(folder.name, network.settings.vocabulary, card.get("vocabulary"), vocabulary)
    return Prior(folder.name, network, card)


def _check_tokens(name: str, size: int, tokens: list[str] | None, vocabulary: Vocabulary) -> None:
    if size != len(vocabulary) or (tokens is not None and tuple(tokens) != vocabulary.tokens):
        raise PriorError(
            f"the prior {name!r} writes {size} tokens that are not the {len(vocabulary)} wanted here "
            f"({' '.join(vocabulary.tokens[:6])} ...); choose a prior that was trained for this domain"
        )


def available(root: Path = ASSETS) -> list[str]:
    """Names of the priors in a folder."""
    return sorted(p.parent.name for p in root.glob("*/card.json"))
