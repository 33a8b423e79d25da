"""The recurrent network that is prior, policy and values alike.

Shapes: B batch, T time, P primer, V vocabulary, H hidden units, F one-hot inputs, n of them 1 at a time,
E embedding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqtutor_core.errors import SettingError
from seqtutor_core.rules import check, flag, made, number, optional, several, whole

# Sequences are sampled a step at a time and learned from as a whole: both must give the same log-probabilities. In
# TF32, which cuDNN would choose, they lie up to 0.005 nats apart.
torch.backends.cudnn.allow_tf32 = False

LONGEST_PERIOD = 24
LARGEST_VOCABULARY, WIDEST, MOST_LAYERS = 4096, 8192, 16
LARGEST_GRAMMAR = 256  # tokens of a vocabulary with turns, whose table grows with the third power
DEEP = 10_000  # more than any depth
DEEPEST = 7  # branches within branches; deeper looks the same
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
    clock: bool = False
    """Also see the step within a period (a bar) and the tokens one and two periods ago."""
    hold: int | None = None
    """A token that means "as before"; the last other token is then an input as well."""
    branches: tuple[int, ...] = ()
    """Tokens that open and close a branch; the stem a branch grows from, and the depth, are then inputs."""
    stems: tuple[int, ...] = ()
    """Tokens that branches grow from."""
    pairs: tuple[int, ...] = ()
    """Tokens that open something and close it when they come again; which are open is then an input."""
    turns: tuple[tuple[tuple[int, ...], ...], ...] = ()
    """Up to three successive sets of tokens each; whether they occurred an even or an odd number of times since the
    stem that opened a pair, itself included, is then an input as well."""

    def __post_init__(self) -> None:
        check(self, vocabulary=whole(2, LARGEST_VOCABULARY), hidden=whole(1, WIDEST), embedding=whole(1, WIDEST))
        check(self, layers=whole(1, MOST_LAYERS), dropout=number(0, 0.99), clock=flag)
        token = whole(0, self.vocabulary - 1)
        tokens = several(token, self.vocabulary)
        check(self, hold=optional(token), branches=tokens, stems=tokens, pairs=tokens)
        check(self, turns=several(several(tokens, 3), 16))
        if self.turns and self.vocabulary > LARGEST_GRAMMAR:
            raise SettingError(f"turns are looked up among at most {LARGEST_GRAMMAR} tokens; got {self.vocabulary}")
        if len(self.branches) not in (0, 2):
            raise SettingError(f"branches are one opening and one closing token, or none; got {self.branches}")

    @property
    def inputs(self) -> list[int]:
        """How many values each one-hot input can have; their sum is F."""
        tokens = self.vocabulary + 1  # one more for "before the start"
        sizes = [tokens]
        if self.hold is not None:
            sizes += [tokens]
        if self.clock:
            sizes += [tokens, tokens, LONGEST_PERIOD + 1, LONGEST_PERIOD + 1]
        if self.branches:
            sizes += [tokens, DEEPEST + 1]
        return sizes + [3 if self.turns else 2] * len(self.pairs)


class Output(NamedTuple):
    """What the network says about each step, before a learner gives it meaning."""

    logits: Tensor  # (B, T, V), or (B, V) for one step
    value: Tensor  # (B, T), or (B,) for one step


class RecurrentNetwork(nn.Module):
    """An LSTM over one-hot inputs with a policy head (V outputs) and a value head (1 output, zero at first)."""

    offsets: Tensor  # (n,), where each one-hot input begins among the F
    deeper: Tensor  # (V,), 1 for the token that opens a branch, -1 for the one that closes it
    stem: Tensor  # (V,), whether branches grow from it
    pairs: Tensor  # (number of pairs,)
    turning: Tensor  # (V + 1, V + 1, V + 1), 1 where the last three tokens complete an odd number of turns

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.start_token = settings.vocabulary
        sizes = settings.inputs
        offsets = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("offsets", offsets, persistent=False)
        self._register_grammar()
        self.embedding = nn.EmbeddingBag(sum(sizes), settings.embedding, mode="sum")  # (F, E)
        self.lstm = nn.LSTM(settings.embedding, settings.hidden, settings.layers, batch_first=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.policy = nn.Linear(settings.hidden, settings.vocabulary)
        self.value = nn.Linear(settings.hidden, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def _register_grammar(self) -> None:
        """Tables of what the settings say about each token."""
        s = self.settings
        deeper, stem = torch.zeros(s.vocabulary, dtype=torch.long), torch.zeros(s.vocabulary, dtype=torch.bool)
        if s.branches:
            deeper[s.branches[0]], deeper[s.branches[1]] = 1, -1
        stem[list(s.stems)] = True
        pairs = torch.tensor(s.pairs, dtype=torch.long)
        tokens = s.vocabulary + 1 if s.turns else 0
        turning = torch.zeros(tokens, tokens, tokens, dtype=torch.long)
        anything = tuple(range(tokens))
        for turn in s.turns:
            before, between, last = (anything,) * (3 - len(turn)) + turn
            turning[torch.meshgrid(*map(torch.tensor, (before, between, last)), indexing="ij")] ^= 1
        for name, table in (("deeper", deeper), ("stem", stem), ("pairs", pairs), ("turning", turning)):
            self.register_buffer(name, table, persistent=False)

    @property
    def device(self) -> torch.device:
        return self.policy.weight.device

    # ------------------------------------------------------------ inputs

    def features(self, tokens: Tensor, period: int, first: int, last: int, origin: int = 0) -> Tensor:
        """Which inputs are 1 at the steps `first` to `last` - 1 of tokens (B, T): ids (B, last - first, n).

        The input at step t looks at the tokens before t only. `origin` is the step at which the first bar starts.
        """

        def ago(lag: int) -> Tensor:  # (B, last - first)
            before = max(0, min(lag - first, last - first))
            padding = tokens.new_full((len(tokens), before), self.start_token)
            return torch.cat([padding, tokens[:, max(first - lag, 0) : max(last - lag, 0)]], 1)

        columns = [ago(1)]
        if self.settings.hold is not None:
            columns.append(self._sounding(tokens, first, last))
        if self.settings.clock:
            step = torch.arange(first - origin, last - origin, device=tokens.device)
            known = 0 < period <= LONGEST_PERIOD
            inside = step % period if known else torch.full_like(step, LONGEST_PERIOD)
            columns += [ago(period), ago(2 * period)] if known else [ago(last), ago(last)]
            columns += [inside.expand(len(tokens), -1), torch.full_like(columns[0], period if known else 0)]
        if self.settings.branches:
            columns += self._branch(tokens, first, last)
        inputs = torch.stack(columns, 2)
        if self.settings.pairs:
            inputs = torch.cat([inputs, self._before(self._open(tokens[:, : max(last - 1, 0)]), first, last)], 2)
        return inputs + self.offsets

    def _sounding(self, tokens: Tensor, first: int, last: int) -> Tensor:
        """The last token before each step that is not a hold, (B, last - first)."""
        seen = tokens[:, : max(last - 1, 0)]
        steps = torch.arange(1, seen.shape[1] + 1, device=tokens.device)
        latest = (steps * (seen != self.settings.hold)).cummax(1).values  # 0: none yet
        latest = torch.cat([latest.new_zeros(len(tokens), 1), latest], 1)[:, first:last]
        padded = torch.cat([tokens.new_full((len(tokens), 1), self.start_token), seen], 1)
        return padded.gather(1, latest)

    @staticmethod
    def _before(values: Tensor, first: int, last: int) -> Tensor:
        """What values (B, T, ...) were one step before each step, 0 before the start: (B, last - first, ...)."""
        if first > 0:
            return values[:, first - 1 : last - 1]
        start = values.new_zeros(len(values), 1, *values.shape[2:])
        return torch.cat([start, values], 1)[:, :last]

    def _open(self, seen: Tensor) -> Tensor:
        """For each pair 0 while it is closed, 1 while open, 2 while open with an odd number of turns: (B, S, pairs)."""
        here = seen.unsqueeze(2) == self.pairs
        is_open = here.cumsum(1) % 2
        if not self.settings.turns or not seen.shape[1]:
            return is_open
        padded = nn.functional.pad(seen, (2, 0), value=self.start_token)
        turning = self.turning[padded[:, :-2], padded[:, 1:-1], seen]
        turns = turning.cumsum(1)  # (B, S); they never fall
        before_stem = ((turns - turning) * self.stem[seen]).cummax(1).values  # what opens the pair is counted with it
        at_opening = (here * before_stem.unsqueeze(2)).cummax(1).values
        return is_open * (1 + (turns.unsqueeze(2) - at_opening) % 2)

    def _branch(self, tokens: Tensor, first: int, last: int) -> list[Tensor]:
        """The stem that each step's token attaches to and the depth of branches, (B, last - first) each.

        A stem is in reach while no step after it was less deep; the latest in reach is the one.
        """
        seen = tokens[:, : max(last - 1, 0)]  # (B, S)
        if not seen.shape[1]:
            start = torch.full_like(tokens[:, :1], self.start_token)
            return [start, torch.zeros_like(start)]
        depth = self.deeper[seen].cumsum(1)
        now = torch.arange(first, last, device=tokens.device).unsqueeze(1)  # (last - first, 1)
        steps = torch.arange(1, seen.shape[1] + 1, device=tokens.device)
        later = depth.unsqueeze(1).masked_fill(steps > now, DEEP)  # (B, last - first, S)
        shallowest = later.flip(2).cummin(2).values.flip(2)
        in_reach = self.stem[seen].unsqueeze(1) & (steps <= now) & (shallowest >= depth.unsqueeze(1))
        latest = (in_reach * steps).amax(2)  # 0: none yet
        stems = seen.gather(1, (latest - 1).clamp(min=0)).masked_fill(latest == 0, self.start_token)
        return [stems, self._before(depth, first, last).clamp(0, DEEPEST)]

    # ------------------------------------------------------------ whole sequences

    def forward(self, tokens: Tensor, period: int = 0, primer: Tensor | None = None) -> Output:
        """Outputs (B, T, V) and (B, T) at every step of tokens (B, T), each from the tokens before it.

        primer (B, P) comes before the sequence; its outputs are left out.
        """
        start = 0 if primer is None else primer.shape[1]
        whole = tokens if primer is None else torch.cat([primer, tokens], 1)
        ids = self.features(whole, period, 0, whole.shape[1], origin=start)
        entering = self.embedding(ids.flatten(0, 1)).unflatten(0, ids.shape[:2])  # (B, P + T, E)
        hidden, _ = self.lstm(entering)  # (B, P + T, H)
        hidden = self.dropout(hidden[:, start:])
        seen_by_value = VALUE_GRADIENT * hidden + (1 - VALUE_GRADIENT) * hidden.detach()  # the same number
        with torch.autocast(self.device.type, enabled=False):  # logits keep their digits whatever the LSTM ran in
            return Output(self.policy(hidden.float()), self.value(seen_by_value.float()).squeeze(-1))


def network_of(values: Any, tensors: Mapping[str, Tensor]) -> RecurrentNetwork:
    """The network that a file describes, with the file's weights, frozen and in evaluation mode.

    ValueError, before anything is built, for settings that break a rule or that the weights do not fit.
    """
    settings = made(NetworkSettings, values, "network setting")
    shapes, found = _shapes(settings), {name: tuple(t.shape) for name, t in tensors.items()}
    if wrong := sorted(name for name in {**shapes, **found} if shapes.get(name) != found.get(name)):
        raise ValueError(f"its weights do not fit its settings: {', '.join(wrong[:3])}")
    if broken := [name for name, t in tensors.items() if not t.isfinite().all()]:
        raise ValueError(f"weights of {broken[0]} are not finite")
    network = RecurrentNetwork(settings)
    network.load_state_dict(tensors)
    return network.eval().requires_grad_(False)


def _shapes(s: NetworkSettings) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a network, by its name."""
    gates = 4 * s.hidden
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (sum(s.inputs), s.embedding)}
    for layer in range(s.layers):
        shapes[f"lstm.weight_ih_l{layer}"] = (gates, s.hidden if layer else s.embedding)
        shapes[f"lstm.weight_hh_l{layer}"] = (gates, s.hidden)
        shapes |= dict.fromkeys((f"lstm.bias_ih_l{layer}", f"lstm.bias_hh_l{layer}"), (gates,))
    shapes |= {"policy.weight": (s.vocabulary, s.hidden), "policy.bias": (s.vocabulary,)}
    return {**shapes, "value.weight": (1, s.hidden), "value.bias": (1,)}


class Stepper:
    """The same network one token at a time, for a batch: keeps the state. No gradient, no dropout."""

    def __init__(self, network: RecurrentNetwork, batch: int) -> None:
        self.network = network
        weights = [layer[:4] for layer in network.lstm.all_weights]
        self.entering = [w_in.detach().t() for w_in, _, _, _ in weights]
        self.table = network.embedding.weight.detach() @ self.entering[0]  # (F, 4 H): both products at once
        self.hidden = [w_hidden.detach().t() for _, w_hidden, _, _ in weights]
        self.bias = [(b_in + b_hidden).detach() for _, _, b_in, b_hidden in weights]
        zero = torch.zeros(batch, network.settings.hidden, device=network.device)
        self.state = [(zero, zero) for _ in weights]  # for each layer h and c, (B, H) each

    @torch.no_grad()
    def step(self, features: Tensor) -> Output:
        """Outputs (B, V) and (B,) from features (B, 1, n)."""
        below = torch.empty(0)
        for layer, (h, c) in enumerate(self.state):
            if layer == 0:
                entering = nn.functional.embedding_bag(features[:, 0], self.table, mode="sum")
            else:
                entering = below @ self.entering[layer]
            gates = torch.addmm(entering.add_(self.bias[layer]), h, self.hidden[layer])  # (B, 4 H)
            enter, forget, candidate, leave = gates.chunk(4, 1)
            c = torch.addcmul(forget.sigmoid() * c, enter.sigmoid(), _tanh(candidate))
            below = leave.sigmoid() * _tanh(c)
            self.state[layer] = (below, c)
        return Output(self.network.policy(below), self.network.value(below).squeeze(-1))

    def pick(self, rows: Tensor) -> None:
        """Keep the given batch rows, e.g. after resampling particles."""
        self.state = [(h[rows], c[rows]) for h, c in self.state]


def _tanh(x: Tensor) -> Tensor:
    """tanh by way of the sigmoid, which torch computes four times faster on a CPU."""
    return (2 * x).sigmoid_().mul_(2).sub_(1)
