"""Fused kernels on a GPU: what a CUDA graph repeats is compiled by torch.compile while it is recorded.

A step of a network is dozens of small operations, each of which reads and writes GPU memory; compiled, it is a few.
Compiling takes seconds, the first time on a machine, and about one when it was done there before. Where it is not
possible, for want of Triton or a C compiler, the plain functions are recorded.
"""

import functools
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import torch

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

failures: list[str] = []
"""Why functions of this process are not compiled."""

OPTIONS: dict[str, Any] = {
    "compile_threads": 1
}  # a handful of kernels: no processes for them, which would outlive a killed worker
_here = threading.local()
"""Whether this thread is recording, as `wanted`."""


@contextmanager
def compiling() -> Iterator[None]:
    """Run fused functions compiled meanwhile, in this thread."""
    before = getattr(_here, "wanted", False)
    _here.wanted = True
    try:
        yield
    finally:
        _here.wanted = before


def fused(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Return a function of tensors that computes the same in fewer kernels while a CUDA graph is recorded.

    It must change none of its arguments, and draw no random numbers.
    """
    compiled: list[Callable[Parameters, Result] | None] = []

    @functools.wraps(function)
    def run(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        if not getattr(_here, "wanted", False):
            return function(*arguments, **named)
        if not compiled:
            # it would have us compute in TF32; network.py says why we do not
            warnings.filterwarnings("ignore", message="TensorFloat32 tensor cores")
            compiled.append(torch.compile(function, dynamic=False, options=OPTIONS))
        if compiled[0] is None:
            return function(*arguments, **named)
        try:
            return compiled[0](*arguments, **named)
        except torch.OutOfMemoryError:  # a compiler that tries kernels wants memory of its own
            return function(*arguments, **named)
        except Exception as problem:  # noqa: BLE001  of a compiler, a driver, a full disk: the plain function does as well
            failures.append(f"{type(problem).__name__}: {problem}")
            logging.getLogger(__name__).warning("%s is not compiled (%s)", function.__name__, failures[-1])
            compiled[0] = None
            return function(*arguments, **named)

    return run
