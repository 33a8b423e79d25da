"""A batch cut in shards, one thread each.

Networks this small gain little from the threads inside one matrix product, which wait for each other thousands of
times a second: by spinning, which starves a machine that does other things too, or asleep, which takes long to end.
Threads that each take their share of the batch through the whole computation meet twice an update
(python -m benchmarks.steps compares the two).
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from seqtutor_core.cpu_count import cpu_count

Item = TypeVar("Item")
Result = TypeVar("Result")
MAX_SHARDS = 8


class ShardPool:
    """Threads that run the same function on the shards of a batch; on a GPU there is one shard and no thread."""

    def __init__(self, device: torch.device, most: int = MAX_SHARDS) -> None:
        """most: shards on a CPU that has as many cores."""
        self.size = min(cpu_count(), most) if device.type == "cpu" else 1
        self.aside = ThreadPoolExecutor(1)
        self.pool = ThreadPoolExecutor(self.size) if self.size > 1 else None

    def run_aside(self, function: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Run a function beside everything else, for work that other processes do; return what will have its result."""
        return self.aside.submit(function, item)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return the results in order; the first error is raised once all have ended."""
        if self.pool is None:
            return [function(item) for item in items]
        with one_thread():
            jobs = [self.pool.submit(_alone, function, item) for item in items]
            return [job.result() for job in jobs]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread meanwhile, for single steps of a small network: on a busy machine two of them wait for
    each other longer than they save.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _alone(function: Callable[[Item], Result], item: Item) -> Result:
    torch.set_num_threads(1)  # holds for this thread alone
    return function(item)


def fast_bfloat16(device: torch.device) -> bool:
    """Return whether products in bfloat16 are faster than in float32 here."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported())  # torch has no public name for it


def shard_sizes(total: int, shards: int) -> list[int]:
    """Return the sizes of the shards, as equal as can be, none empty."""
    shards = min(shards, total)
    return [total // shards + (i < total % shards) for i in range(shards)]
