"""Many molecules measured at once by processes that stay; what was measured is remembered.

A molecule that RDKit crashes on twice, or takes too long for, is given up; all others get their facts.
"""

import atexit
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import cache

from seqtutor_core.chemistry.cache import Memory
from seqtutor_core.chemistry.property_query import Facts, Question, check_wanted
from seqtutor_core.chemistry.worker_client import Scorer
from seqtutor_core.cores import cores
from seqtutor_core.errors import SeqTutorError

MOST_PROCESSES = 8  # each takes 60 to 150 MB
LARGEST_CHUNK = 64  # molecules
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds until another process is started after one that did not begin
GIVE_UP_SECONDS = 120.0  # after which no more are
CRASHED = "RDKit crashed on this molecule"
CLOSED = "the pool that measures molecules was closed; ask another"


class Pool:
    """Processes that measure molecules, and a memory of what they found. Any number of threads may ask at once."""

    def __init__(self, processes: int | None = None, timeout: float = 10.0) -> None:
        """As many processes as this program may use cores, up to 8; `timeout` in seconds for each molecule."""
        self.processes = processes or min(cores(), MOST_PROCESSES)
        self.timeout = timeout
        self.scored = 0
        """Molecules measured; one whose facts were remembered does not count."""
        self._memory = Memory()
        self._lock = threading.Lock()  # around memory, scored, free and living
        self._free: list[Scorer] = []
        self._living: set[Scorer] = set()
        self._closed = threading.Event()
        # one thread waits for each process, so that there is always a process for the chunk that is next
        self._threads = ThreadPoolExecutor(self.processes, thread_name_prefix="molecules")

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that live."""
        with self._lock:
            return [scorer.pid for scorer in self._living]

    def measure(self, smiles: Sequence[str], question: Question, wanted: frozenset[str]) -> list[Facts]:
        """Facts in the order of the SMILES; `valid` is False, and `error` says why, where there are none.

        InputError when the question itself holds an invalid SMILES or SMARTS, SettingError for an unknown property,
        MissingPartError when a part of RDKit is not installed, SeqTutorError when no process can be started.
        """
        check_wanted(wanted)
        found: dict[str, Facts] = {}
        missing: defaultdict[frozenset[str], list[str]] = defaultdict(list)
        with self._lock:
            for text in dict.fromkeys(smiles):
                known, names = self._memory.recall(text, question, wanted)
                if known is not None:
                    found[text] = known
                if known is None or names:
                    missing[names].append(text)
        chunks = []
        for names, texts in missing.items():
            size = min(-(-len(texts) // (2 * self.processes)), LARGEST_CHUNK)
            chunks += [self._submit(texts[i : i + size], question, names) for i in range(0, len(texts), size)]
        for chunk in chunks:
            for facts in _result(chunk):
                before = found.get(facts.smiles)
                found[facts.smiles] = before.merged(facts) if before else facts
        return [found[text] for text in smiles]

    def close(self) -> None:
        """End the processes; whoever waits for molecules gets a SeqTutorError."""
        with self._lock:
            self._closed.set()
            for scorer in self._living:
                scorer.kill()
        self._threads.shutdown(cancel_futures=True)
        for scorer in self._free:
            scorer.end()
        self._living.clear()

    def _submit(self, smiles: list[str], question: Question, wanted: frozenset[str]) -> Future[list[Facts]]:
        try:
            return self._threads.submit(self._chunk, smiles, question, wanted)
        except RuntimeError:  # the threads are shut down
            raise SeqTutorError(CLOSED) from None

    def _chunk(self, smiles: list[str], question: Question, wanted: frozenset[str]) -> list[Facts]:
        """Measure molecules by one process, and by the next when it ends over one of them.

        Somebody may have killed it, so that molecule gets another chance; what crashed twice is not remembered.
        """
        measured: list[Facts] = []
        lost: set[str] = set()  # molecules over which a process ended
        patience = _Patience(self._closed)
        while len(measured) < len(smiles):
            try:
                scorer = self._take()
            except OSError as error:  # no memory for it, or too many processes
                patience.wait(str(error))
                continue
            try:
                for facts in scorer.measure(smiles[len(measured) :], question, wanted):
                    measured.append(facts)
            except (EOFError, TimeoutError) as error:
                reason, molecule = self._drop(scorer), smiles[len(measured)]
                if not scorer.begun:
                    patience.wait(reason)
                elif isinstance(error, TimeoutError):
                    measured.append(Facts(molecule, error=f"took longer than {self.timeout:g} s"))
                elif molecule in lost:
                    measured.append(Facts(molecule, error=CRASHED))
                else:
                    lost.add(molecule)
            except SeqTutorError:  # the question is at fault, not the process
                self._give_back(scorer)
                raise
            else:
                self._give_back(scorer)
            if scorer.begun:
                patience.renew()
        with self._lock:
            self.scored += sum(
                self._memory.keep(facts, question, wanted) for facts in measured if facts.error != CRASHED
            )
        return measured

    def _take(self) -> Scorer:
        with self._lock:
            if self._closed.is_set():
                raise SeqTutorError(CLOSED)
            scorer = self._free.pop() if self._free else Scorer(self.timeout)
            self._living.add(scorer)
            return scorer

    def _give_back(self, scorer: Scorer) -> None:
        with self._lock:
            self._free.append(scorer)

    def _drop(self, scorer: Scorer) -> str:
        with self._lock:
            self._living.discard(scorer)
        return scorer.end()


class _Patience:
    """Waits longer and longer for a process that begins, and not for ever."""

    def __init__(self, closed: threading.Event) -> None:
        self.closed = closed
        self.renew()

    def renew(self) -> None:
        """One has begun."""
        self.began, self.pause = time.monotonic(), FIRST_WAIT

    def wait(self, reason: str) -> None:
        """One has not, for this reason; SeqTutorError after a long time."""
        if time.monotonic() > self.began + GIVE_UP_SECONDS:
            raise SeqTutorError(
                f"the process that measures molecules does not start, for {GIVE_UP_SECONDS:g} s now ({reason}); "
                "python -m seqtutor_core doctor says what is missing"
            )
        self.closed.wait(self.pause)
        self.pause = min(2 * self.pause, LONGEST_WAIT)


def _result(chunk: Future[list[Facts]]) -> list[Facts]:
    try:
        return chunk.result()
    except CancelledError:
        raise SeqTutorError(CLOSED) from None


@cache
def shared() -> Pool:
    """The pool of this program, made at first use and closed with it."""
    pool = Pool()
    atexit.register(pool.close)
    return pool
