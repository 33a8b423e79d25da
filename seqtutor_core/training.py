"""Maximum-likelihood training of a prior p(a|s): truncated pieces, AdamW, a cosine schedule, averaged weights.

Shapes: B batch, T time, V vocabulary.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from seqtutor_core.errors import PriorError, SettingError
from seqtutor_core.features import InputFeature, InputFeatures
from seqtutor_core.files import replace_text
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.older import current_network

PADDING = -100  # ignored by the loss

Sequences = Sequence[tuple[Sequence[int], int]]
"""Tokens and the period of their clock: steps in a bar, 0 for none."""
Offered = Callable[[int], Mapping[str, InputFeature]]
"""From a period to the input features that a domain offers."""


@dataclass(frozen=True)
class TrainingSettings:
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


class Trainer:
    """A network in training, with all that a checkpoint keeps of it."""

    def __init__(self, settings: TrainingSettings, offered: Offered) -> None:
        torch.manual_seed(settings.seed)  # dropout and initial weights have no generator argument
        self.settings, self.offered = settings, offered
        self.network = RecurrentNetwork(settings.network)
        self.averaged = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.history: list[Epoch] = []

    def train_epoch(self, training: Sequences, held_out: Sequences) -> Epoch:
        """Make one pass; return what it gave."""
        epoch, settings = len(self.history), self.settings
        best = min((e.held_out_nats for e in self.history), default=math.inf)
        torch.manual_seed(settings.seed + epoch)
        generator = torch.Generator().manual_seed(settings.seed + epoch)
        batches = list(_batches(_epoch_sequences(training, settings, epoch), settings, generator))
        loss = self._descend(batches, epoch)
        nats, accuracy = evaluate(cast(RecurrentNetwork, self.averaged.module), self.offered, held_out)
        self.history.append(Epoch(epoch, loss, nats, accuracy, nats < best))
        return self.history[-1]

    @property
    def done(self) -> bool:
        """Whether all epochs were made, or the held-out loss has not fallen for too many of them."""
        if len(self.history) >= self.settings.epochs:
            return True
        best = min((e.held_out_nats for e in self.history), default=math.inf)
        worse = sum(1 for e in self.history if e.held_out_nats > best)
        return worse >= self.settings.patience and not self.history[-1].best

    def _descend(self, batches: list[tuple[Tensor, int]], epoch: int) -> float:
        """Make a gradient step for each batch; return the mean loss in nats per token."""
        self.network.train()
        total = count = 0.0
        features = _features(self.network, self.offered)
        for i, (tokens, period) in enumerate(batches):
            fraction_done = (epoch + i / len(batches)) / self.settings.epochs
            for group in self.optimizer.param_groups:
                group["lr"] = self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * fraction_done))
            ids = features(period).sequence_ids(tokens.clamp(min=0))  # (B, T, n)
            with torch.autocast(tokens.device.type, torch.bfloat16, enabled=self.settings.bfloat16):
                logits = self.network(ids).logits  # (B, T, V)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=PADDING)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
            self.optimizer.step()
            self.averaged.update_parameters(self.network)
            tokens_seen = int((tokens != PADDING).sum())
            total, count = total + loss.item() * tokens_seen, count + tokens_seen
        return total / count

    # ------------------------------------------------------------ checkpoints

    def begin_with(self, weights: Path) -> None:
        """Begin with the best weights of another training."""
        tensors = load_file(weights)
        self.network.load_state_dict(tensors)
        self.averaged.module.load_state_dict(tensors)

    def save(self, folder: Path) -> None:
        """Write folder/epoch-N.safetensors, training.json and, after the best epoch, best.safetensors."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.averaged.module.state_dict().items()}
        for i, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{k}": v for k, v in state.items()}
        tensors["averaged"] = self.averaged.n_averaged
        last = self.history[-1]
        if last.best:
            save_tensors(self.averaged.module.state_dict(), folder / "best.safetensors")
        save_tensors(tensors, folder / f"epoch-{last.epoch}.safetensors")
        facts = {"settings": asdict(self.settings), "history": [asdict(e) for e in self.history]}
        replace_text(folder / "training.json", json.dumps(facts, indent=2))
        for old in folder.glob("epoch-*.safetensors"):
            if old.stem != f"epoch-{last.epoch}":
                old.unlink()

    def restore(self, folder: Path) -> None:
        """Go on from what `save` wrote, if anything; PriorError when it was trained with other settings."""
        if not (folder / "training.json").exists():
            return
        facts = json.loads((folder / "training.json").read_text())
        trained = {**facts["settings"], "network": current_network(facts["settings"]["network"])}
        if trained != json.loads(json.dumps(asdict(self.settings))):
            raise PriorError(f"{folder} holds a training with other settings; delete it or name another folder")
        self.history = [Epoch(**e) for e in facts["history"]]
        tensors = load_file(folder / f"epoch-{self.history[-1].epoch}.safetensors")

        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        self.network.load_state_dict(part("network."))
        self.averaged.module.load_state_dict(part("average."))
        self.averaged.n_averaged = tensors["averaged"]
        state: dict[str, Any] = self.optimizer.state_dict()
        each = {i: part(f"optimiser.{i}.") for i in range(len(list(self.network.parameters())))}
        self.optimizer.load_state_dict({**state, "state": {i: moments for i, moments in each.items() if moments}})


def train(
    settings: TrainingSettings,
    offered: Offered,
    training: Sequences,
    held_out: Sequences,
    folder: Path,
    begin: Path | None = None,
) -> Iterator[Epoch]:
    """Train, an epoch at a time, checkpointing in `folder`; called again it resumes. Same seed, same weights.

    offered: the input features that the network's settings name, for each period. training, held_out: token sequences
    with their period. `folder/best.safetensors` holds the weights with the lowest held-out loss. begin: weights to
    begin with; None: random ones.
    """
    trainer = Trainer(settings, offered)
    if begin:
        trainer.begin_with(begin)
    trainer.restore(folder)
    while not trainer.done:
        trainer.train_epoch(training, held_out)
        trainer.save(folder)
        yield trainer.history[-1]


@torch.no_grad()
def evaluate(network: RecurrentNetwork, offered: Offered, sequences: Sequences) -> tuple[float, float]:
    """Return nats per token and accuracy over whole sequences, each from its own start."""
    network.eval()
    nats = right = count = 0.0
    features = _features(network, offered)
    by_shape = sorted(sequences, key=lambda s: (s[1], len(s[0])))
    for period in sorted({p for _, p in by_shape}):
        group = [tokens for tokens, p in by_shape if p == period]
        for i in range(0, len(group), 64):
            tokens = _padded(group[i : i + 64])
            logits = network(features(period).sequence_ids(tokens.clamp(min=0))).logits
            real = tokens != PADDING
            nats += nn.functional.cross_entropy(logits[real], tokens[real], reduction="sum").item()
            right += (logits.argmax(-1) == tokens)[real].sum().item()
            count += real.sum().item()
    return nats / count, right / count


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors as safetensors, replacing the file whole."""
    temporary = path.with_suffix(".tmp")
    save_file({k: v.contiguous().clone() for k, v in tensors.items()}, temporary)
    temporary.replace(path)


# ---------------------------------------------------------------- batches


def _features(network: RecurrentNetwork, offered: Offered) -> Callable[[int], InputFeatures]:
    """Return the input features of a network for each period of a corpus."""
    return cache(lambda period: InputFeatures.select(offered(period), network.settings.inputs))


def _epoch_sequences(sequences: Sequences, settings: TrainingSettings, epoch: int) -> Sequences:
    """Return the sequences of an epoch: all, or the next part of a shuffled pass over them."""
    if not settings.part or settings.part >= len(sequences):
        return sequences
    parts = len(sequences) // settings.part
    generator = torch.Generator().manual_seed(settings.seed + epoch // parts)
    order = torch.randperm(len(sequences), generator=generator).chunk(parts)[epoch % parts]
    return [sequences[i] for i in order.tolist()]


def _batches(
    sequences: Sequences, settings: TrainingSettings, generator: torch.Generator
) -> Iterator[tuple[Tensor, int]]:
    """Yield shuffled (tokens (B, T), period) pairs; each piece begins at a bar line, pieces of like length together."""
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
    """Return sequences as (B, T), the shorter ones filled up with PADDING."""
    tensors = [torch.tensor(list(piece)) for piece in batch]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=PADDING)
