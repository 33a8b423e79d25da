"""Networks read a token at a time, for a batch of growing sequences: prior and policy at once.

Shapes: B batch, N networks, V vocabulary, H hidden units, F one-hot inputs, n of them 1 at a time.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqtutor_core.fused import fused
from seqtutor_core.network import Output, RecurrentNetwork

State = list[tuple[Tensor, Tensor]]
"""For each layer h and c, (B, N, H) each."""


class Weights(NamedTuple):
    """Of N networks of one shape, the candidate's doubled; see _doubled. Lists go by layer."""

    table: Tensor  # (F, N 4 H), what each input puts into the gates of the first layer
    bias: list[Tensor]  # (N, 4 H)
    entering: list[Tensor]  # (N, H, 4 H), of what enters each layer above the first
    hidden: list[Tensor]  # (N, H, 4 H)
    heads: Tensor  # (N, H, V + 1), of policy and value
    heads_bias: Tensor  # (N, 1, V + 1)


class Stepper:
    """N networks of one shape, a token at a time: keeps their states. No gradient, no dropout. What each of them
    computes of each of its units is done at once.
    """

    @torch.no_grad()
    def __init__(self, networks: Sequence[RecurrentNetwork], batch: int) -> None:
        self.offsets, settings = networks[0].offsets, networks[0].settings
        self.weights = _weights(networks)
        zero = torch.zeros(batch, len(networks), settings.hidden, device=networks[0].device)
        self.state: State = [(zero, zero)] * settings.layers
        self.adders = _adders(self.weights) if zero.device.type == "cpu" else None

    @torch.no_grad()
    def step(self, ids: Tensor) -> list[Output]:
        """Return each network's outputs (B, V) and (B,) from ids (B, n)."""
        ids = ids + self.offsets
        if self.adders is None:
            whole, self.state = _read(ids, self.weights, self.state)
            said = [*whole.unbind()]
        else:
            said = self._read_on_cpu(ids, *self.adders)
        return [Output(each[:, :-1], each[:, -1]) for each in said]

    def _read_on_cpu(self, ids: Tensor, entering: "Adders", hidden: "Adders") -> list[Tensor]:
        """Return what _read does, in as little memory as possible."""
        w, below = self.weights, torch.empty(0)
        for layer, (h, c) in enumerate(self.state):
            if layer == 0:
                gates = nn.functional.embedding_bag(ids, w.table, mode="sum")
                gates = gates.unflatten(1, (h.shape[1], -1)).add_(w.bias[0])  # (B, N, 4 H)
            else:
                gates = w.bias[layer].expand(len(h), -1, -1).clone()
                for i, add_product in enumerate(entering[layer - 1]):
                    add_product(gates[:, i], below[:, i])
            for i, add_product in enumerate(hidden[layer]):
                add_product(gates[:, i], h[:, i])
            enter, forget, candidate, leave = gates.sigmoid_().chunk(4, 2)  # (B, N, H)
            c = torch.addcmul(forget * c, enter, candidate.mul_(2).sub_(1))
            below = (2 * c).sigmoid_().mul_(2).sub_(1).mul_(leave)
            self.state[layer] = (below, c)
        pairs = zip(w.heads_bias, w.heads, strict=True)
        return [torch.addmm(bias, below[:, i], head) for i, (bias, head) in enumerate(pairs)]

    def pick(self, rows: Tensor) -> None:
        """Keep the given batch rows, e.g. after resampling particles."""
        self.state = [(h[rows], c[rows]) for h, c in self.state]


@fused
def _read(ids: Tensor, w: Weights, state: State) -> tuple[Tensor, State]:
    """Return what each network says (N, B, V + 1) to ids (B, n) that count through all F inputs, and the next state.

    For a GPU: one product for all networks, and what lies between products in one kernel, if it is compiled.
    """
    below, following = torch.empty(0), []
    for layer, (h, c) in enumerate(state):
        if layer == 0:
            gates = w.table[ids[:, 0]]
            for column in ids.unbind(1)[1:]:
                gates = gates + w.table[column]
            gates = gates.unflatten(1, (h.shape[1], -1))  # (B, N, 4 H)
        else:
            gates = _product(below, w.entering[layer - 1])
        gates = (gates + w.bias[layer] + _product(h, w.hidden[layer])).sigmoid()
        enter, forget, candidate, leave = gates.chunk(4, 2)  # (B, N, H)
        c = forget * c + enter * (2 * candidate - 1)
        below = leave * (2 * (2 * c).sigmoid() - 1)
        following.append((below, c))
    return torch.bmm(below.transpose(0, 1), w.heads) + w.heads_bias, following


def _product(x: Tensor, weight: Tensor) -> Tensor:
    """Return x (B, N, H) times each network's weight (N, H, 4 H), (B, N, 4 H)."""
    return torch.bmm(x.transpose(0, 1), weight).transpose(0, 1)


def _weights(networks: Sequence[RecurrentNetwork]) -> Weights:
    def each(name: str, layer: int) -> Tensor:
        return torch.stack([_doubled(getattr(network.lstm, f"{name}_l{layer}")) for network in networks])

    layers = range(networks[0].settings.layers)
    tables = [n.embedding.weight @ w.t() for n, w in zip(networks, each("weight_ih", 0), strict=True)]
    return Weights(
        table=torch.cat(tables, 1),
        bias=[each("bias_ih", i) + each("bias_hh", i) for i in layers],
        entering=[each("weight_ih", i).transpose(1, 2) for i in layers[1:]],
        hidden=[each("weight_hh", i).transpose(1, 2) for i in layers],
        heads=torch.stack([torch.cat([n.policy.weight, n.value.weight]) for n in networks]).transpose(1, 2),
        heads_bias=torch.stack([torch.cat([n.policy.bias, n.value.bias]) for n in networks]).unsqueeze(1),
    )


# ---------------------------------------------------------------- on a CPU

Adders = list[list[Callable[[Tensor, Tensor], object]]]
"""By layer and network; see _adder."""


def _adders(w: Weights) -> tuple[Adders, Adders]:
    """Return what multiplies by `entering` and by `hidden`."""
    entering, hidden = ([[_adder(one) for one in layer] for layer in each] for each in (w.entering, w.hidden))
    return entering, hidden


def _adder(weight: Tensor) -> Callable[[Tensor, Tensor], object]:
    """Return what adds x (B, H) times a weight (H, 4 H) to a tensor (B, 4 H).

    By oneDNN, with the weight in the order that it likes best: torch's own products are MKL's, which on processors of
    other makers leaves half of their vectors unused, and takes twice as long.
    """
    if torch.backends.mkldnn.is_available():
        ordered = torch.ops.mkldnn._reorder_linear_weight(weight.t())
        return lambda to, x: to.add_(torch.ops.mkldnn._linear_pointwise(x, ordered, None, "none", [], ""))
    return lambda to, x: to.addmm_(x, weight)


def _doubled(weight: Tensor) -> Tensor:
    """Return what enters an LSTM's gates (4 H, ...) with the candidate's doubled: tanh(x) = 2 sigmoid(2 x) - 1, so one
    sigmoid serves all four. On a CPU torch computes it four times faster than tanh.
    """
    enter, forget, candidate, leave = weight.chunk(4)
    return torch.cat([enter, forget, 2 * candidate, leave])
