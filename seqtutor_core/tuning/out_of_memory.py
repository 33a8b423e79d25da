"""A batch that does not fit into memory is halved until it does."""

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from seqtutor_core.tuning.tuner import Tuner

Result = TypeVar("Result")


def halve_until_it_fits(tuner: Tuner, step: Callable[[], Result]) -> Result:
    """Return what the step returns; while memory runs out, halve the tuner's batch, let it say so, and try again."""
    while True:
        try:
            return step()
        except (torch.OutOfMemoryError, RuntimeError) as problem:
            if not is_out_of_memory(problem) or tuner.batch < 2:
                raise
        gc.collect()  # an error and the frames of its traceback may refer to each other, and hold what they allocated
        tuner.batch //= 2
        tuner.message = f"out of memory: the batch is now {tuner.batch} sequences"
        if tuner.device.type == "cuda":
            torch.cuda.empty_cache()


def is_out_of_memory(problem: BaseException) -> bool:
    """Return whether an error says that memory ran out; on the CPU torch says it in words only."""
    return isinstance(problem, torch.OutOfMemoryError) or "not enough memory" in str(problem)
