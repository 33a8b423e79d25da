"""Adam (Kingma and Ba 2015, arXiv 1412.6980): torch's own steps, and a memory of its own for each parameter.

torch's class for it imports torch's compiler, which takes 0.8 s of a run's start and 70 MB.
"""

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class Adam:
    """Adam on some parameters, with the usual betas and epsilon."""

    def __init__(self, parameters: Iterable[nn.Parameter], fused: bool) -> None:
        """fused: whether a GPU updates all parameters by one kernel."""
        self.parameters: list[Tensor] = [*parameters]
        self.fused = fused
        self.memory = [
            {
                "step": torch.zeros((), device=p.device if fused else "cpu"),
                "exp_avg": torch.zeros_like(p),
                "exp_avg_sq": torch.zeros_like(p),
            }
            for p in self.parameters
        ]

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Take one step along the gradients, which all parameters have."""
        steps, means, squares = ([slot[name] for slot in self.memory] for name in ("step", "exp_avg", "exp_avg_sq"))
        adam(
            self.parameters,
            [cast(Tensor, p.grad) for p in self.parameters],
            means,
            squares,
            [],  # of AMSGrad alone
            steps,
            fused=self.fused,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Tensor]:
        """Return the memory of each parameter, by its place and the name of the tensor."""
        return {f"{i}.{name}": value for i, slot in enumerate(self.memory) for name, value in slot.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state; an empty one changes nothing. ValueError for that of another network."""
        own = self.state_dict()
        if state and {k: v.shape for k, v in state.items()} != {k: v.shape for k, v in own.items()}:
            raise ValueError("the optimiser's memory is of another network")
        for name, value in state.items():
            own[name].copy_(value)
