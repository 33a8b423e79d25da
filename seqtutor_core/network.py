"""The recurrent network that is prior, policy and values alike. It takes ids of one-hot inputs and knows no domain.

Shapes: B batch, T time, V vocabulary, H hidden units, F one-hot inputs, n of them 1 at a time, E embedding.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
        entering = self.embedding((ids + self.offsets).flatten(0, 1)).unflatten(0, ids.shape[:2])  # (B, P + T, E)
        hidden, _ = self.lstm(entering)  # (B, P + T, H)
        hidden = self.dropout(hidden[:, start:])
        seen_by_value = VALUE_GRADIENT * hidden + (1 - VALUE_GRADIENT) * hidden.detach()  # the same number
        with torch.autocast(self.device.type, enabled=False):  # logits keep their digits whatever the LSTM ran in
            return Output(self.policy(hidden.float()), self.value(seen_by_value.float()).squeeze(-1))


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


class Stepper:
    """N networks of one shape, prior and policy, a token at a time for a batch: keeps their states. No gradient, no
    dropout. What each of them computes of each of its units is done at once.
    """

    @torch.no_grad()
    def __init__(self, networks: Sequence[RecurrentNetwork], batch: int) -> None:
        def each(name: str, layer: int) -> list[Tensor]:
            return [_doubled(getattr(network.lstm, f"{name}_l{layer}")) for network in networks]

        self.offsets, settings = networks[0].offsets, networks[0].settings
        layers = range(settings.layers)
        # of each layer, N times; what enters the first comes from the table
        self.entering = {layer: [_adder(w) for w in each("weight_ih", layer)] for layer in layers[1:]}
        self.hidden = [[_adder(w) for w in each("weight_hh", layer)] for layer in layers]
        self.bias = [torch.stack(each("bias_ih", i)) + torch.stack(each("bias_hh", i)) for i in layers]  # (N, 4 H)
        tables = [n.embedding.weight @ w.t() for n, w in zip(networks, each("weight_ih", 0), strict=True)]
        self.table = torch.cat(tables, 1)  # (F, N 4 H): both products at once
        self.heads = [
            (torch.cat([n.policy.bias, n.value.bias]), torch.cat([n.policy.weight, n.value.weight]).t())
            for n in networks
        ]
        zero = torch.zeros(batch, len(networks), settings.hidden, device=networks[0].device)
        self.state = [(zero, zero) for _ in layers]  # for each layer h and c, (B, N, H) each

    @torch.no_grad()
    def step(self, ids: Tensor) -> list[Output]:
        """Return each network's outputs (B, V) and (B,) from ids (B, n)."""
        below = torch.empty(0)
        for layer, (h, c) in enumerate(self.state):
            if layer == 0:
                gates = nn.functional.embedding_bag(ids + self.offsets, self.table, mode="sum")
                gates = gates.unflatten(1, (h.shape[1], -1)).add_(self.bias[0])  # (B, N, 4 H)
            else:
                gates = self.bias[layer].expand(len(h), -1, -1).clone()
                for i, add_product in enumerate(self.entering[layer]):
                    add_product(gates[:, i], below[:, i])
            for i, add_product in enumerate(self.hidden[layer]):
                add_product(gates[:, i], h[:, i])
            enter, forget, candidate, leave = gates.sigmoid_().chunk(4, 2)  # (B, N, H)
            c = torch.addcmul(forget * c, enter, candidate.mul_(2).sub_(1))
            below = (2 * c).sigmoid_().mul_(2).sub_(1).mul_(leave)
            self.state[layer] = (below, c)
        said = [torch.addmm(bias, below[:, i], w) for i, (bias, w) in enumerate(self.heads)]  # (B, V + 1) each
        return [Output(each[:, :-1], each[:, -1]) for each in said]

    def pick(self, rows: Tensor) -> None:
        """Keep the given batch rows, e.g. after resampling particles."""
        self.state = [(h[rows], c[rows]) for h, c in self.state]


def _adder(weight: Tensor) -> Callable[[Tensor, Tensor], object]:
    """Return what adds x (B, H) times a weight's transpose (4 H, H) to a tensor (B, 4 H).

    On a CPU by oneDNN, with the weight in the order that it likes best: torch's own products are MKL's, which on
    processors of other makers leaves half of their vectors unused, and takes twice as long.
    """
    if weight.device.type == "cpu" and torch.backends.mkldnn.is_available():
        ordered = torch.ops.mkldnn._reorder_linear_weight(weight)
        return lambda to, x: to.add_(torch.ops.mkldnn._linear_pointwise(x, ordered, None, "none", [], ""))
    turned = weight.t()
    return lambda to, x: to.addmm_(x, turned)


def _doubled(weight: Tensor) -> Tensor:
    """Return what enters an LSTM's gates (4 H, ...) with the candidate's doubled: tanh(x) = 2 sigmoid(2 x) - 1, so one
    sigmoid serves all four. On a CPU torch computes it four times faster than tanh.
    """
    enter, forget, candidate, leave = weight.chunk(4)
    return torch.cat([enter, forget, 2 * candidate, leave])
