"""What a network may see of a melody so far; see seqtutor_core.features."""

from collections.abc import Mapping

import torch
from torch import Tensor

from seqtutor_core.domains.melody.tokens import NO_EVENT, VOCABULARY
from seqtutor_core.features import Clock, InputFeature, LastToken, State, delayed


class SoundingNote:
    """The last token that was no hold: the note that sounds, or off; V stands for none yet."""

    none = len(VOCABULARY)
    sizes: tuple[int, ...] = (len(VOCABULARY) + 1,)

    def sequence_ids(self, tokens: Tensor, start: int) -> Tensor:
        steps = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
        latest = (steps * (tokens != NO_EVENT)).cummax(1).values  # (B, T), counted from 1; 0: none yet
        padded = torch.cat([tokens.new_full((len(tokens), 1), self.none), tokens], 1)
        return padded.gather(1, delayed(latest, 1, 0)).unsqueeze(2)

    def initial_state(self, batch: int, steps: int, device: torch.device) -> State:
        return (torch.full((batch,), self.none, device=device),)

    def step_ids(self, state: State, step: int) -> Tensor:
        return state[0].unsqueeze(1)

    def next_state(self, state: State, tokens: Tensor, step: int) -> State:
        return (torch.where(tokens == NO_EVENT, state[0], tokens),)


def input_features(period: int) -> Mapping[str, InputFeature]:
    """Return every input feature by name; period: steps in a bar, 0 for none."""
    size = len(VOCABULARY)
    return {"token": LastToken(size), "sounding": SoundingNote(), "clock": Clock(size, period)}
