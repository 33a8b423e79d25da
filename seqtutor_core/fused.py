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

OPTIONS: dict[str, Any] = {"compile_threads": 1}
"""No processes for a handful of kernels; they would outlive a killed worker."""

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
    compiled: Callable[Parameters, Result] | None = None
    refused = False

    @functools.wraps(function)
    def run(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        nonlocal compiled, refused
        if getattr(_here, "wanted", False) and not refused:
            compiled = compiled or _compiled(function)
            try:
                return compiled(*arguments, **named)
            except torch.OutOfMemoryError:
                pass  # a compiler that tries kernels wants memory of its own
            except Exception as problem:  # noqa: BLE001  of a compiler, a driver, a full disk: the plain one does as well
                refused = True
                failures.append(f"{type(problem).__name__}: {problem}")
                logging.getLogger(__name__).warning("%s is not compiled (%s)", function.__name__, failures[-1])
        return function(*arguments, **named)

    return run


def _compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    warnings.filterwarnings("ignore", message="TensorFloat32 tensor cores")  # network.py says why we do without
    return torch.compile(function, dynamic=False, options=OPTIONS)
