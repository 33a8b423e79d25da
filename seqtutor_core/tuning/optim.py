"""A step of gradient descent on a learner's loss, a batch cut in shards; and the networks that it moves."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from seqtutor_core.features import InputFeatures
from seqtutor_core.learners import LearnerSettings
from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.parallel import ShardPool, fast_bfloat16, shard_sizes
from seqtutor_core.recorded import LONGEST_RECORDED, Recorded
from seqtutor_core.replay import Batch
from seqtutor_core.tuning.adam import Adam

Loss = Callable[[Output, Output, Batch], Tensor]
"""From the policy network's output, the target network's and their batch to a loss, summed over steps or sequences."""


class PolicyOptimizer:
    """Adam on a policy's network, and the target network that follows it, if the settings ask for one."""

    def __init__(
        self, network: RecurrentNetwork, features: InputFeatures, settings: LearnerSettings, shards: ShardPool
    ) -> None:
        self.network, self.features, self.settings, self.shards = network, features, settings, shards
        self.target = deepcopy(network).requires_grad_(False) if settings.target_rate < 1 else None
        if self.target is not None:
            self.target.lstm.flatten_parameters()  # cuDNN wants them side by side; a copy has them apart
        on_gpu = network.device.type == "cuda"
        self.adam = Adam(network.parameters(), fused=on_gpu)
        self.recorded = Recorded(self._gradient) if on_gpu and not settings.memory else None
        """On a GPU; not where each batch is as long as its longest sequence."""
        self.bfloat16 = settings.bfloat16 and fast_bfloat16(network.device)

    def precision(self) -> torch.autocast:
        """Return the context in which networks read sequences: in bfloat16, if the settings ask for it.

        Without torch's cache of weights in bfloat16: all threads share it, and the first to leave empties it. Gradients
        of several groups would be added in bfloat16 or in float32 by who left when.
        """
        return torch.autocast(self.network.device.type, torch.bfloat16, enabled=self.bfloat16, cache_enabled=False)

    def step(self, batch: Batch, loss: Loss, learning_rate: float) -> Tensor:
        """Take one step; return the loss per token before it, a single number that nobody waited for."""
        size = len(batch.tokens)
        count = min(self.shards.size, max(size // 2, 1))  # of two sequences at least, for learners that compare them
        parts = self.shards.map(partial(self.gradient, loss=loss), batch.split(shard_sizes(size, count)), "update")
        steps = batch.mask.sum()
        for parameter, *each in zip(self.network.parameters(), *(gradients for _, gradients in parts), strict=True):
            parameter.grad = torch.stack(each).sum(0) / steps
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.adam.step(learning_rate)
        self._follow()
        first, *others = (error for error, _ in parts)
        return sum(others, first) / steps

    def gradient(self, batch: Batch, loss: Loss) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return a shard's summed loss and its gradient."""
        tensors = [*vars(batch).values()]
        if self.recorded is not None and batch.tokens.shape[1] <= LONGEST_RECORDED:
            found: tuple[Tensor, tuple[Tensor, ...]] = self.recorded(loss, tensors=tensors)
            return found
        return self._gradient(loss, *tensors)

    def _gradient(self, loss: Loss, *tensors: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        batch = Batch(*tensors)
        with self.precision():
            ids, start = self.features.sequence_ids(batch.tokens, batch.primer), batch.primer.shape[1]
            lengths = batch.mask.sum(1).long()
            online = self.network(ids, start, lengths)
            target_output = online
            if self.target is not None:
                with torch.no_grad():
                    target_output = self.target(ids, start, lengths)
        error = loss(online, target_output, batch)
        parameters = list(self.network.parameters())
        gradients = torch.autograd.grad(error, parameters, allow_unused=True)  # raw values use no value head
        filled = (torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients, strict=True))
        return error.detach(), tuple(filled)

    @torch.no_grad()
    def _follow(self) -> None:
        if self.target is not None:
            for mine, theirs in zip(self.target.parameters(), self.network.parameters(), strict=True):
                mine.lerp_(theirs, self.settings.target_rate)

    @torch.no_grad()
    def move_values(self, by: float) -> None:
        """Add a constant, in nats, to the value of every state."""
        for network in (self.network, self.target):
            if network is not None:
                network.value.bias.add_(by)

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that is needed to go on: parameters, and the optimiser's memory of them."""
        tensors = {f"policy.{k}": v for k, v in self.network.state_dict().items()}
        if self.target is not None:
            tensors |= {f"target.{k}": v for k, v in self.target.state_dict().items()}
        return tensors | {f"optimiser.{k}": v for k, v in self.adam.state_dict().items()}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a state; other tensors in it are left alone. ValueError for a memory of another network."""
        self.network.load_state_dict(subset_by_prefix(tensors, "policy."))
        if self.target is not None:
            self.target.load_state_dict(subset_by_prefix(tensors, "target."))
        self.adam.load_state_dict(subset_by_prefix(tensors, "optimiser."))


def subset_by_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return those whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
