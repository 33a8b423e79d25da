"""What a network sees at each step: one-hot inputs computed from the tokens before it, whole or a token at a time.

A domain offers its features by name; the settings of a network say which of them it sees, and in which order. Both
ways of computing them give the same ids. Shapes: B batch, T time, V vocabulary, n one-hot inputs.
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from seqtutor_core.errors import PriorError

LONGEST_PERIOD = 24  # steps; a clock shows none that is longer

State = tuple[Tensor, ...]
"""What a feature remembers of the tokens so far, (B, ...) each."""


class InputFeature(Protocol):
    """One or more one-hot inputs. Steps count from 0 at the first token after the primer; a primer's are negative."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each of its n inputs can have."""

    def sequence_ids(self, tokens: Tensor, start: int) -> Tensor:
        """Return the ids (B, T, n) at every step of tokens (B, T), each from the tokens before it alone.

        start: at which of the T steps the sequence begins, after its primer.
        """

    def initial_state(self, batch: int, steps: int, device: torch.device) -> State:
        """Return what is remembered before the first of at most so many steps, primer included."""

    def step_ids(self, state: State, step: int) -> Tensor:
        """Return the ids (B, n) at a step."""

    def next_state(self, state: State, tokens: Tensor, step: int) -> State:
        """Return what is remembered once tokens (B,) were taken at a step; the state given may be changed in place."""


class InputFeatures:
    """All that one network sees, feature after feature."""

    def __init__(self, features: Mapping[str, InputFeature]) -> None:
        self.features = dict(features)

    @classmethod
    def select(cls, offered: Mapping[str, InputFeature], sizes: Mapping[str, tuple[int, ...]]) -> "InputFeatures":
        """Return those of the offered features that a network with inputs of these sizes sees.

        PriorError for a feature that is not offered, or has other sizes.
        """
        for name, expected in sizes.items():
            here = offered[name].sizes if name in offered else None
            if here != tuple(expected):
                raise PriorError(
                    f"the prior sees {name} in inputs of {tuple(expected)} values, and here there is "
                    f"{here or ', '.join(offered)}; choose a prior that was trained for this domain"
                )
        return cls({name: offered[name] for name in sizes})

    @property
    def sizes(self) -> dict[str, tuple[int, ...]]:
        """The sizes of each feature's inputs, as NetworkSettings has them."""
        return {name: feature.sizes for name, feature in self.features.items()}

    def sequence_ids(self, tokens: Tensor, primer: Tensor | None = None) -> Tensor:
        """Return the ids (B, P + T, n) at every step of a primer (B, P), None for none, and of the tokens (B, T)."""
        start = 0 if primer is None else primer.shape[1]
        whole = tokens if primer is None else torch.cat([primer, tokens], 1)
        return torch.cat([feature.sequence_ids(whole, start) for feature in self.features.values()], 2)

    def begin(self, primer: Tensor, length: int) -> "FeatureState":
        """Return the same token by token, for sequences of at most so many tokens that come after a primer (B, P)."""
        return FeatureState(self, primer, length)


class FeatureState:
    """The input features of a batch of growing sequences, of which the primer's tokens are the first to be taken."""

    def __init__(self, features: InputFeatures, primer: Tensor, length: int) -> None:
        batch, before = primer.shape
        self.features, self.step = list(features.features.values()), -before
        self.states = [feature.initial_state(batch, before + length, primer.device) for feature in self.features]

    def ids(self) -> Tensor:
        """Return the ids (B, n) at the next step."""
        pairs = zip(self.features, self.states, strict=True)
        return torch.cat([feature.step_ids(state, self.step) for feature, state in pairs], 1)

    def append(self, tokens: Tensor) -> None:
        """Take tokens (B,) at the next step."""
        pairs = zip(self.features, self.states, strict=True)
        self.states = [feature.next_state(state, tokens, self.step) for feature, state in pairs]
        self.step += 1

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone, given by number, maybe several times, or by a mask (B,)."""
        self.states = [tuple(each[rows] for each in state) for state in self.states]


# ---------------------------------------------------------------- features of any tokens


class LastToken:
    """The token before each step; V stands for none yet."""

    def __init__(self, vocabulary: int) -> None:
        self.none = vocabulary
        self.sizes: tuple[int, ...] = (vocabulary + 1,)

    def sequence_ids(self, tokens: Tensor, start: int) -> Tensor:
        return delayed(tokens, 1, self.none).unsqueeze(2)

    def initial_state(self, batch: int, steps: int, device: torch.device) -> State:
        return (torch.full((batch,), self.none, device=device),)

    def step_ids(self, state: State, step: int) -> Tensor:
        return state[0].unsqueeze(1)

    def next_state(self, state: State, tokens: Tensor, step: int) -> State:
        return (tokens,)


class Clock:
    """The tokens one and two periods ago, the step within the period, and the period; V stands for no token.

    A period that is 0, or longer than LONGEST_PERIOD, is none: its inputs say so.
    """

    def __init__(self, vocabulary: int, period: int) -> None:
        self.none = vocabulary
        self.period = period if 0 < period <= LONGEST_PERIOD else 0
        self.sizes: tuple[int, ...] = (vocabulary + 1,) * 2 + (LONGEST_PERIOD + 1,) * 2

    def sequence_ids(self, tokens: Tensor, start: int) -> Tensor:
        batch, steps = tokens.shape
        inside = torch.full((steps,), LONGEST_PERIOD, device=tokens.device)
        if self.period:
            inside = torch.arange(-start, steps - start, device=tokens.device) % self.period
        once, twice = (delayed(tokens, lag * self.period or steps, self.none) for lag in (1, 2))
        return torch.stack([once, twice, inside.expand(batch, -1), torch.full_like(tokens, self.period)], 2)

    def initial_state(self, batch: int, steps: int, device: torch.device) -> State:
        """Return two periods of tokens, each in the place of the one two periods before it: (B, 2 periods)."""
        return (torch.full((batch, 2 * self.period), self.none, device=device),)

    def step_ids(self, state: State, step: int) -> Tensor:
        (past,) = state
        now = past.new_full((len(past), 4), self.none)
        if self.period:
            once, twice = ((step - lag * self.period) % past.shape[1] for lag in (1, 2))
            now[:, 0], now[:, 1] = past[:, once], past[:, twice]
        now[:, 2] = step % self.period if self.period else LONGEST_PERIOD
        now[:, 3] = self.period
        return now

    def next_state(self, state: State, tokens: Tensor, step: int) -> State:
        (past,) = state
        if self.period:
            past[:, step % past.shape[1]] = tokens
        return state


def delayed(values: Tensor, lag: int, none: int) -> Tensor:
    """Return what values (B, T, ...) were `lag` steps before each step; `none` before there were any."""
    lag = min(lag, values.shape[1])
    before = values.new_full((len(values), lag, *values.shape[2:]), none)
    return torch.cat([before, values[:, : values.shape[1] - lag]], 1)
