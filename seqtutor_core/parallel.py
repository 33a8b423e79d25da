"""A batch cut in shards, in a thread each or one after the other, whichever is faster here.

Networks this small gain little from the threads inside one matrix product, which wait for each other thousands of
times a second: by spinning, which starves a machine that does other things too, or asleep, which takes long to end.
Threads that each take their share of the batch through the whole computation meet twice an update. But Python runs one
of them at a time, and where it hands over slowly, threads of small operations lose: so both ways are timed as the work
goes on (python -m benchmarks.steps compares them). Results are the same to the last bit either way.
"""

import ctypes
import logging
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import torch

from seqtutor_core.cpu_count import cpu_count

Item = TypeVar("Item")
Result = TypeVar("Result")
MAX_SHARDS = 8
TRIALS = 3  # latest times of each way that are compared, by their medians
RETRY = 40  # calls after which the slower way is tried again: machines get busy and idle
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
KEPT = 1 << 30  # bytes; freed blocks up to this size are used again instead of returned to the system


class ShardPool:
    """Runs the same function on the shards of a batch; on a GPU there is one shard and no thread."""

    def __init__(self, device: torch.device, most: int = MAX_SHARDS, spare: int = 0) -> None:
        """Make one shard a core, at most `most`. Their number changes what is sampled and learned.

        spare: cores that have other work, if there is more than one.
        """
        self.size = min(max(cpu_count() - spare, 1), most) if device.type == "cpu" else 1
        self.aside = ThreadPoolExecutor(2)  # the next rollout is in line before the last one is measured to its end
        self.pool = ThreadPoolExecutor(self.size) if self.size > 1 else None
        """None: the shards take turns."""
        self.choices: dict[str, Choice] = {}
        """By the kind of work."""
        self.uncut = device.type == "cpu" and self.size == 1 and not spare
        """Whether torch's own threads share the work instead."""
        if device.type == "cpu":
            keep_freed_memory()

    def threads(self) -> AbstractContextManager[None]:
        """Return the context of an iteration: torch has one thread between the shards' work too, unless nothing is cut.

        Several would wait for each other by spinning, and keep cores from the processes that score.
        """
        return nullcontext() if self.uncut else one_thread()

    def run_aside(self, function: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Run a function in a thread of its own, to wait for other processes; return the future of its result."""
        return self.aside.submit(function, item)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item], work: str) -> list[Result]:
        """Return the results in order; an error is raised once all have ended.

        work: the kind of work, whose calls take about as long as each other.
        """
        shards = list(items)
        with self.threads():
            if self.pool is None or len(shards) == 1:
                return [function(shard) for shard in shards]
            choice = self.choices.setdefault(work, Choice(work))
            threads, began = choice.threads(), time.perf_counter()
            if threads:
                jobs = [self.pool.submit(_alone, function, shard) for shard in shards]
                results = [job.result() for job in jobs]
            else:
                results = [function(shard) for shard in shards]
            choice.record(threads, time.perf_counter() - began)
            return results


class Choice:
    """Whether threads or turns are faster for one kind of work, by the latest times of each."""

    def __init__(self, work: str) -> None:
        self.work, self.calls = work, 0
        self.times: dict[bool, deque[float]] = {way: deque(maxlen=TRIALS) for way in (True, False)}
        """Seconds by whether threads took them."""

    def threads(self) -> bool:
        """Return whether the next call is to use threads: both ways in turn at first, later the faster one mostly."""
        if self.calls < 2 * (TRIALS + 1):  # the first of each, which allocates, is soon forgotten
            return self.calls % 2 == 0
        return self.faster if self.calls % RETRY else not self.faster

    def record(self, threads: bool, seconds: float) -> None:
        """Take note of how long a call took."""
        self.times[threads].append(seconds)
        self.calls += 1
        if self.calls == 2 * (TRIALS + 1):
            logging.getLogger(__name__).info("%s", self)

    @property
    def faster(self) -> bool:
        """Whether threads are."""
        return self.seconds(True) <= self.seconds(False)

    def seconds(self, threads: bool) -> float:
        """Return the median time of a call, this way, or 0 before there was one."""
        return statistics.median(self.times[threads] or [0.0])

    def __str__(self) -> str:
        """Return both times and the choice."""
        way = "threads" if self.faster else "turns"
        threads, turns = (f"{1000 * self.seconds(way):.0f} ms" for way in (True, False))
        return f"{self.work} in {way}: {threads} in threads, {turns} in turns"


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for later, where it has such a setting (glibc).

    An update frees and asks for the same dozens of megabytes; fetched anew from the system each time, page by page,
    they take up to a tenth of its time.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, KEPT)
        mallopt(M_TRIM_THRESHOLD, KEPT)


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
