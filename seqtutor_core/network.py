"""The recurrent network that is prior, policy and values alike. It takes ids of one-hot inputs and knows no domain.

Shapes: B batch, T time, V vocabulary, H hidden units, F one-hot inputs, n of them 1 at a time, E embedding.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from seqtutor_core.rules import by_name, check, made, number, several, whole

# Sequences are sampled a step at a time and learned from as a whole: both must give the same log-probabilities. In
# TF32, which cuDNN would choose, they lie up to 0.005 nats apart.
torch.backends.cudnn.allow_tf32 = False

LARGEST_VOCABULARY, WIDEST, MOST_LAYERS = 4096, 8192, 16
MOST_INPUTS = 64  # of one feature
GROUP = 48  # sequences a CPU reads at once: more run longer than most of them go, fewer take longer each
VALUE_GRADIENT = (
    0.1  # share of the value head's gradient that reaches the LSTM: errors in V are large and would shake pi
)


@dataclass(frozen=True)
class NetworkSettings:
    """The shape of a network; SettingError for a value out of range."""

    vocabulary: int
    """V, the number of tokens."""
    hidden: int = 192
    """H, units of each LSTM layer."""
    layers: int = 1
    embedding: int = 64
    """E, the size of the learnt sum of inputs that enters the first layer."""
    dropout: float = 0.0
    """Share of units dropped before the output layer while training."""
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By the name of each input feature how many values each of its one-hot inputs can have; in this order they are the
    n ids of a step, and their sum is F. Left out: the last token alone."""

    def __post_init__(self) -> None:
        check(self, vocabulary=whole(2, LARGEST_VOCABULARY), hidden=whole(1, WIDEST), embedding=whole(1, WIDEST))
        check(self, layers=whole(1, MOST_LAYERS), dropout=number(0, 0.99))
        check(self, inputs=by_name(several(whole(2, WIDEST), MOST_INPUTS)))
        if not self.inputs:
            object.__setattr__(self, "inputs", {"token": (self.vocabulary + 1,)})  # one more for "before the start"

    @property
    def sizes(self) -> list[int]:
        """How many values each of the n inputs can have; their sum is F."""
        return [size for sizes in self.inputs.values() for size in sizes]


class Output(NamedTuple):
    """What the network says about each step, before a learner gives it meaning."""

    logits: Tensor  # (B, T, V), or (B, V) for one step
    value: Tensor  # (B, T), or (B,) for one step


class RecurrentNetwork(nn.Module):
    """An LSTM over one-hot inputs with a policy head (V outputs) and a value head (1 output, zero at first)."""

    offsets: Tensor  # (n,), where each one-hot input begins among the F

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        offsets = torch.tensor([0, *settings.sizes[:-1]]).cumsum(0)
        self.register_buffer("offsets", offsets, persistent=False)
        self.embedding = nn.EmbeddingBag(sum(settings.sizes), settings.embedding, mode="sum")  # (F, E)
        self.lstm = nn.LSTM(settings.embedding, settings.hidden, settings.layers, batch_first=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.policy = nn.Linear(settings.hidden, settings.vocabulary)
        self.value = nn.Linear(settings.hidden, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    @property
    def device(self) -> torch.device:
        return self.policy.weight.device

    def forward(self, ids: Tensor, start: int = 0, lengths: Tensor | None = None) -> Output:
        """Return outputs (B, T, V) and (B, T) from ids (B, P + T, n), each step's from the tokens before it.

        start: P, the steps of a primer, whose outputs are left out. lengths (B,): the steps of each sequence that
        matter, all of T if None; beyond them the outputs mean nothing.
        """
        steps, few = ids.shape[1] - start, len(ids) <= GROUP
        if lengths is None or few or self.device.type != "cpu" or int(lengths.min()) == steps:
            return self._read(ids, start)
        order, parts = lengths.argsort(), []
        for rows in order.chunk(math.ceil(len(order) / GROUP)):
            longest = int(lengths[rows[-1]])
            logits, value = self._read(ids[rows, : start + longest], start)
            beyond = steps - longest
            parts.append((nn.functional.pad(logits, (0, 0, 0, beyond)), nn.functional.pad(value, (0, beyond))))
        place = order.argsort()
        return Output(*(torch.cat(each)[place] for each in zip(*parts, strict=True)))

    def _read(self, ids: Tensor, start: int) -> Output:
        entering = self._embed((ids + self.offsets).flatten(0, 1)).unflatten(0, ids.shape[:2])  # (B, P + T, E)
        hidden, _ = self.lstm(entering)  # (B, P + T, H)
        hidden = self.dropout(hidden[:, start:])
        seen_by_value = VALUE_GRADIENT * hidden + (1 - VALUE_GRADIENT) * hidden.detach()  # the same number
        with torch.autocast(self.device.type, enabled=False):  # logits keep their digits whatever the LSTM ran in
            return Output(self.policy(hidden.float()), self.value(seen_by_value.float()).squeeze(-1))

    def _embed(self, ids: Tensor) -> Tensor:
        """Return the sum of embeddings (B, E) of ids (B, n)."""
        if self.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
            return cast(Tensor, self.embedding(ids))
        # a product with zeros and ones: adding up gradients by id is two to four times slower, but in float32 on a CPU
        hot = self.embedding.weight.new_zeros(len(ids), len(self.embedding.weight)).scatter_(1, ids, 1.0)
        return hot @ self.embedding.weight


def network_of(values: Any, tensors: Mapping[str, Tensor]) -> RecurrentNetwork:
    """Return the network that a file describes, with the file's weights, frozen and in evaluation mode.

    ValueError, before anything is built, for settings that break a rule or that the weights do not fit.
    """
    settings = made(NetworkSettings, values, "network setting")
    expected, given = _shapes(settings), {name: tuple(t.shape) for name, t in tensors.items()}
    if wrong := sorted(name for name in {**expected, **given} if expected.get(name) != given.get(name)):
        raise ValueError(f"its weights do not fit its settings: {', '.join(wrong[:3])}")
    if broken := [name for name, t in tensors.items() if not t.isfinite().all()]:
        raise ValueError(f"weights of {broken[0]} are not finite")
    network = RecurrentNetwork(settings)
    network.load_state_dict(tensors)
    return network.eval().requires_grad_(False)


def _shapes(s: NetworkSettings) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of a network, by its name."""
    gates = 4 * s.hidden
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (sum(s.sizes), s.embedding)}
    for layer in range(s.layers):
        shapes[f"lstm.weight_ih_l{layer}"] = (gates, s.hidden if layer else s.embedding)
        shapes[f"lstm.weight_hh_l{layer}"] = (gates, s.hidden)
        shapes |= dict.fromkeys((f"lstm.bias_ih_l{layer}", f"lstm.bias_hh_l{layer}"), (gates,))
    shapes |= {"policy.weight": (s.vocabulary, s.hidden), "policy.bias": (s.vocabulary,)}
    return {**shapes, "value.weight": (1, s.hidden), "value.bias": (1,)}
