"""What a CUDA graph repeats is compiled while it is recorded, and computed as ever where that is not possible."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from seqtutor_core import stepper
from seqtutor_core.fused import compiling, failures, fused
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.recorded import branches
from seqtutor_core.stepper import Stepper


def compiler(monkeypatch: pytest.MonkeyPatch, result: Callable[..., Any]) -> list[str]:
    """Put another compiler into torch; return the list of what it is given, by name."""
    compiled: list[str] = []

    def compile(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        compiled.append(function.__name__)
        return result

    monkeypatch.setattr(torch, "compile", compile)
    return compiled


def test_compiled_is_what_is_recorded_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compiler(monkeypatch, lambda x: x + 100)

    @fused
    def double(x: int) -> int:
        return 2 * x

    assert double(1) == 2
    with compiling():
        assert double(1) == double(1) == 101
    assert double(1) == 2
    assert compiled == ["double"], "once"


def test_what_cannot_be_compiled_is_called_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(x: int) -> int:
        raise RuntimeError("Failed to find C compiler")

    compiler(monkeypatch, broken)

    @fused
    def double(x: int) -> int:
        return 2 * x

    with compiling():
        assert double(1) == double(1) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "double is not compiled (RuntimeError: Failed to find C compiler)"
    ]
    assert failures.pop() == "RuntimeError: Failed to find C compiler"


def test_memory_that_runs_out_is_no_reason_to_compile_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the plain function runs out of memory, too, the batch is halved."""
    results: Iterator[Any] = iter([torch.OutOfMemoryError("CUDA out of memory"), 101])

    def compiled(x: int) -> int:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    compiler(monkeypatch, compiled)

    @fused
    def double(x: int) -> int:
        return 2 * x

    with compiling():
        assert double(1) == 2
        assert double(1) == 101


@pytest.mark.parametrize("layers", [1, 2])
def test_a_step_for_a_gpu_is_one_for_a_cpu_and_compiles_whole(layers: int) -> None:
    torch.manual_seed(0)
    settings = NetworkSettings(11, hidden=12, layers=layers, embedding=7, inputs={"one": (12,), "two": (3, 5)})
    networks = [RecurrentNetwork(settings).eval() for _ in range(2)]
    for network in networks:
        torch.nn.init.normal_(network.value.weight)
    ids = torch.stack([torch.randint(size, (9,)) for size in settings.sizes], 1)
    on_cpu, weights = Stepper(networks, 9), Stepper(networks, 9).weights
    plain = stepper._read.__wrapped__  # type: ignore[attr-defined]
    whole = torch.compile(plain, backend="eager", fullgraph=True)
    state = list(on_cpu.state)
    with torch.no_grad():
        for _ in range(3):
            outputs = on_cpu.step(ids)
            said, following = plain(ids + on_cpu.offsets, weights, state)
            for output, each in zip(outputs, said, strict=True):
                torch.testing.assert_close(output.logits, each[:, :-1])
                torch.testing.assert_close(output.value, each[:, -1])
            torch.testing.assert_close(following, on_cpu.state)
            torch.testing.assert_close(whole(ids + on_cpu.offsets, weights, state), (said, following))
            state = following


def test_without_a_graph_branches_follow_each_other() -> None:
    called: list[int] = []

    def function(number: int) -> torch.Tensor:
        called.append(number)
        return torch.tensor(number)

    assert branches([lambda: function(1), lambda: function(2)], on_gpu=False) == [1, 2]
    assert called == [1, 2]
