"""Adam: torch's own steps, and what a run no longer imports."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqtutor_core.tuning.adam import Adam

ROOT = Path(__file__).parents[1]
SHAPES = ((5, 7), (7,), (1, 3))
UPDATE = """
import sys
from seqtutor_core.tuning import iterate
from tests.tiny import tiny_tuner
iterate(tiny_tuner("psi", 1, {"rise": 1.0}))
print("torch._dynamo" in sys.modules, "torch._inductor" in sys.modules)
"""


def parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


@pytest.mark.parametrize("fused", [False, True])
def test_steps_are_those_of_torchs_optimiser(fused: bool) -> None:
    """To the last bit, also from a state that was kept."""
    mine, theirs = parameters(), parameters()
    adam, reference = Adam(mine, fused), torch.optim.Adam(theirs, 1.0, fused=fused)
    generator = torch.Generator().manual_seed(1)
    for step in range(20):
        for own, other in zip(mine, theirs, strict=True):
            own.grad = other.grad = torch.randn(own.shape, generator=generator)
        reference.param_groups[0]["lr"] = rate = 0.01 * (20 - step)
        adam.step(rate)
        reference.step()
        assert all(torch.equal(own, other) for own, other in zip(mine, theirs, strict=True))
        kept = {name: value.clone() for name, value in adam.state_dict().items()}
        adam = Adam(mine, fused)
        adam.load_state_dict(kept)


def test_a_state_of_another_network_is_refused_and_an_empty_one_changes_nothing() -> None:
    adam = Adam(parameters(), fused=False)
    adam.load_state_dict({})
    state = adam.state_dict()
    for wrong in (
        {**state, "1.exp_avg": torch.zeros(8)},
        {"0.step": torch.zeros(())},
        {**state, "3.step": torch.zeros(())},
    ):
        with pytest.raises(ValueError, match="of another network"):
            adam.load_state_dict(wrong)


def test_a_run_on_a_cpu_does_without_torchs_compiler() -> None:
    """Its import takes 0.8 s, which whoever pressed Start would wait for."""
    said = subprocess.run([sys.executable, "-c", UPDATE], cwd=ROOT, capture_output=True, text=True)
    assert said.stdout.split() == ["False", "False"], said.stderr
