"""A pool of worker processes that measure many molecules at once, with a cache of their results.

A molecule over which RDKit crashes twice, or takes too long, gets an error; all others are measured.
"""

import atexit
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from seqtutor_core.busy_core import BUSY_CORE
from seqtutor_core.chemistry.cache import PropertyCache, cache_keys
from seqtutor_core.chemistry.property_query import Measurement, PropertyQuery, check_properties
from seqtutor_core.chemistry.worker_client import PropertyWorkerClient
from seqtutor_core.chemistry.worker_set import WorkerSet
from seqtutor_core.environment import core_share, run_megabytes
from seqtutor_core.errors import SeqTutorError

MAX_PROCESSES = 32
PROCESS_MB = 150  # that each takes at most, of the half of a run's memory that they may have
LARGEST_CHUNK = 64  # molecules, so that whoever asks for few waits little behind whoever asks for many
SMALLEST_CHUNK = 16  # where there are enough for all processes; a chunk costs the process that asks half a millisecond
CRASHED = "RDKit crashed on this molecule"
CLOSED = "the pool that measures molecules was closed; ask another"


@dataclass(frozen=True)
class Backoff:
    """Seconds between attempts to start a process, each wait twice the one before."""

    first: float = 0.1
    longest: float = 5.0
    give_up: float = 120.0
    """After which no more attempts are made."""


BACKOFF = Backoff()


class Pool:
    """Worker processes and a cache of measurements. Any number of threads may call it at once."""

    def __init__(self, processes: int | None = None, timeout: float = 10.0, backoff: Backoff = BACKOFF) -> None:
        """Use one process for each core of a run, at most 32 and as many as its memory allows, unless told otherwise.

        One less works while a thread of this program learns; see busy_core.py. timeout: seconds a molecule.
        """
        self.backoff = backoff
        self.processes = processes or usual_processes()
        self.timeout = timeout
        self.scored = 0
        """Molecules measured, those answered from the cache left out."""
        self._cache = PropertyCache()
        self._lock = threading.Lock()  # around cache and scored
        self._working = 0  # processes that measure now
        self._workers = WorkerSet(lambda: PropertyWorkerClient(timeout), CLOSED)
        # one thread waits for each process, so that there is always a process for the chunk that is next
        self._threads = ThreadPoolExecutor(self.processes, thread_name_prefix="molecules")

    @property
    def pids(self) -> list[int]:
        """The ids of the living processes."""
        return self._workers.pids

    def measure(self, smiles: Sequence[str], query: PropertyQuery, requested: frozenset[str]) -> list[Measurement]:
        """Return a measurement of each SMILES, in order; an invalid one has `valid` False and the reason in `error`.

        InputError when the query itself holds an invalid SMILES or SMARTS, SettingError for an unknown property,
        MissingPartError when a part of RDKit is not installed, SeqTutorError when no process can be started.
        """
        check_properties(requested)
        results: dict[str, Measurement] = {}
        missing: defaultdict[frozenset[str], list[str]] = defaultdict(list)
        keys = cache_keys(query, requested)
        with self._lock:
            for text in dict.fromkeys(smiles):
                cached, names = self._cache.get(text, keys)
                if cached is not None:
                    results[text] = cached
                if cached is None or names:
                    missing[names].append(text)
        chunks = []
        for names, texts in missing.items():
            first = 0
            for size in chunk_sizes(len(texts), self.processes):
                chunks.append(self._submit(texts[first : first + size], query, names))
                first += size
        with BUSY_CORE.lent():
            measured = [each for chunk in chunks for each in _result(chunk)]
        for measurement in measured:
            cached = results.get(measurement.smiles)
            results[measurement.smiles] = cached.merged(measurement) if cached else measurement
        return [results[text] for text in smiles]

    def close(self) -> None:
        """End the processes; threads that wait for molecules get a SeqTutorError."""
        self._workers.close()
        with BUSY_CORE.changed:
            BUSY_CORE.changed.notify_all()
        self._threads.shutdown(cancel_futures=True)

    def _submit(self, smiles: list[str], query: PropertyQuery, requested: frozenset[str]) -> Future[list[Measurement]]:
        try:
            return self._threads.submit(self._measure_chunk, smiles, query, requested)
        except RuntimeError:  # the threads are shut down
            raise SeqTutorError(CLOSED) from None

    def _measure_chunk(self, smiles: list[str], query: PropertyQuery, requested: frozenset[str]) -> list[Measurement]:
        with self._core():
            return self._measured(smiles, query, requested)

    @contextmanager
    def _core(self) -> Iterator[None]:
        """Wait for a core, and keep it."""
        with BUSY_CORE.changed:
            BUSY_CORE.changed.wait_for(lambda: self._workers.closed.is_set() or self._core_is_free)
            self._working += 1
        try:
            yield
        finally:
            with BUSY_CORE.changed:
                self._working -= 1
                BUSY_CORE.changed.notify_all()

    @property
    def _core_is_free(self) -> bool:
        return self._working < max(self.processes - BUSY_CORE.busy, 1)

    def _measured(self, smiles: list[str], query: PropertyQuery, requested: frozenset[str]) -> list[Measurement]:
        """Measure molecules by one process, and by another if it ends over one of them.

        Somebody may have killed the process, so that molecule is tried once more. A second crash is not cached.
        """
        measured: list[Measurement] = []
        lost: set[str] = set()  # molecules over which a process ended
        backoff = _StartBackoff(self._workers.closed, self.backoff)
        while len(measured) < len(smiles):
            try:
                worker = self._workers.acquire()
            except OSError as error:  # no memory for it, or too many processes
                backoff.wait(str(error))
                continue
            try:
                for measurement in worker.measure(smiles[len(measured) :], query, requested):
                    measured.append(measurement)
            except (EOFError, TimeoutError) as error:
                reason, molecule = self._workers.discard(worker), smiles[len(measured)]
                if not worker.begun:
                    backoff.wait(reason)
                elif isinstance(error, TimeoutError):
                    measured.append(Measurement(molecule, error=f"took longer than {self.timeout:g} s"))
                elif molecule in lost:
                    measured.append(Measurement(molecule, error=CRASHED))
                else:
                    lost.add(molecule)
            except SeqTutorError:  # the query is at fault, not the process
                self._workers.release(worker)
                raise
            else:
                self._workers.release(worker)
            if worker.begun:
                backoff.reset()
        keys = cache_keys(query, requested)
        with self._lock:
            self.scored += sum(self._cache.put(one, keys) for one in measured if one.error != CRASHED)
        return measured


def usual_processes() -> int:
    """Return how many processes measure molecules here: one a core, within the memory that a run may use."""
    megabytes = run_megabytes()
    affordable = MAX_PROCESSES if megabytes is None else megabytes // 2 // PROCESS_MB
    return max(1, min(core_share(), MAX_PROCESSES, affordable))


def chunk_sizes(count: int, processes: int) -> list[int]:
    """Return the sizes of the chunks that so many molecules are cut in, for processes that take the next when ready.

    Each round of chunks has three quarters of what is left, and the last ones are small, so that no process is without
    work long before the others.
    """
    sizes: list[int] = []
    while rest := count - sum(sizes):
        share = -(-rest // processes)
        size = min(max(-(-3 * share // 4), min(SMALLEST_CHUNK, share)), LARGEST_CHUNK)
        whole = min(processes, rest // size)
        sizes += [size] * whole + ([rest] if not whole else [])
    return sizes


class _StartBackoff:
    """Exponential backoff between attempts to start a process, with a limit."""

    def __init__(self, closed: threading.Event, backoff: Backoff) -> None:
        self.closed, self.backoff = closed, backoff
        self.reset()

    def reset(self) -> None:
        """Start over: a process has begun."""
        self.began, self.pause = time.monotonic(), self.backoff.first

    def wait(self, reason: str) -> None:
        """Wait before the next attempt; SeqTutorError with the reason when it is time to give up."""
        if time.monotonic() > self.began + self.backoff.give_up:
            raise SeqTutorError(
                f"the process that measures molecules does not start, for {self.backoff.give_up:g} s now ({reason}); "
                "python -m seqtutor_core doctor says what is missing"
            )
        self.closed.wait(self.pause)
        self.pause = min(2 * self.pause, self.backoff.longest)


def _result(chunk: Future[list[Measurement]]) -> list[Measurement]:
    try:
        return chunk.result()
    except CancelledError:
        raise SeqTutorError(CLOSED) from None


@cache
def shared() -> Pool:
    """Return the pool of this program, made at first use and closed at exit."""
    pool = Pool()
    atexit.register(pool.close)
    return pool
