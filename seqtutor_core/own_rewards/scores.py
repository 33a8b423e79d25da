"""What sequences are worth by a user's own reward: measured once each, by several processes, whatever its file does.

A sequence over which it fails gets the reason and no value; all others are measured. Nothing here raises for what a
user's code does.
"""

import atexit
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

from seqtutor_core.environment import REWARDS_ON, core_share
from seqtutor_core.own_rewards import on_cluster
from seqtutor_core.own_rewards.folder import OwnReward
from seqtutor_core.own_rewards.measured import Measured
from seqtutor_core.own_rewards.process import Broken, PythonProcess, run_program

CACHE_SIZE = 200_000
MAX_PROCESSES = 4
CHUNK = 16  # sequences that a program is started for
PATIENCE = 3  # failures one after the other that cost a process, before the rest of a batch is given up
DEAR = 5.0  # milliseconds a sequence, from which on it is kept on the disk: what costs less is measured again as fast
UNTRIED = "not tried, since it failed on those before: "


@dataclass(frozen=True)
class Score:
    """The values of a sequence, or why there are none."""

    values: tuple[float, ...] = ()
    error: str = ""


class Scorer:
    """Processes and a cache for one version of one reward. Any number of threads may call it at once."""

    def __init__(self, reward: OwnReward) -> None:
        self.reward = reward
        self.spent, self.measured = 0.0, 0
        """Seconds of its processes, and for how many sequences."""
        self._cache: OrderedDict[str, Score] = OrderedDict()
        self._kept = Measured(reward)
        self._cluster = os.environ.get(REWARDS_ON, "")
        self._free: list[PythonProcess] = []
        self._lock = threading.Lock()  # around all of these
        self._threads = ThreadPoolExecutor(min(core_share(), MAX_PROCESSES), thread_name_prefix="own-reward")

    @property
    def milliseconds(self) -> float:
        """What a sequence has taken so far on average."""
        return 1000 * self.spent / max(self.measured, 1)

    def score(self, sequences: Sequence[str], anew: bool = False) -> list[Score]:
        """Return the score of each sequence, in order: SMILES, or a melody's tokens with spaces between.

        anew: measure also those that the disk has values of.
        """
        with self._lock:
            if any(one not in self._cache for one in sequences):  # what was given up before gets another try
                for one in [one for one, score in self._cache.items() if score.error.startswith(UNTRIED)]:
                    del self._cache[one]
            missing = [one for one in dict.fromkeys(sequences) if one not in self._cache]
            known = {} if anew else self._kept.find(missing)
            scored = {one: self._checked([*values], "", one) for one, values in known.items()}
            self._cache |= {one: score for one, score in scored.items() if not score.error}
            missing = [one for one in missing if one not in self._cache]
        fresh = dict(zip(missing, self._measured(missing), strict=True))
        with self._lock:
            self._cache |= fresh
            if self.milliseconds >= DEAR or self._cluster:
                self._kept.add({one: score.values for one, score in fresh.items() if not score.error})
            result = [fresh[one] if one in fresh else self._cache[one] for one in sequences]
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        return result

    def _measured(self, sequences: Sequence[str]) -> list[Score]:
        """Return the score of each sequence, measured by this machine or by a cluster."""
        if not (sequences and self._cluster):
            return self.measure(sequences)
        try:
            answers = on_cluster.measure(self.reward, sequences, self._cluster)
        except Broken as error:
            return [Score(error=f"{UNTRIED}{error}")] * len(sequences)
        return [self._checked(*answer, one) for answer, one in zip(answers, sequences, strict=True)]

    def measure(self, sequences: Sequence[str]) -> list[Score]:
        """Return the score of each sequence, in order, whatever is known of it; by this machine's processes."""
        size = CHUNK if not self.reward.is_python else max(CHUNK, -(-len(sequences) // MAX_PROCESSES))
        chunks = [sequences[i : i + size] for i in range(0, len(sequences), size)]
        scores = self._threads.map(self._by_python if self.reward.is_python else self._by_program, chunks)
        return [score for chunk in scores for score in chunk]

    def close(self) -> None:
        """End its processes."""
        self._threads.shutdown(cancel_futures=True)
        for process in self._free:
            process.end()
        self._free.clear()

    def _by_python(self, sequences: Sequence[str]) -> list[Score]:
        """Measure by a process that has loaded the file; a broken one is replaced, at most PATIENCE times in a row."""
        scores: list[Score] = []
        process, broken = None, 0
        while len(scores) < len(sequences):
            try:
                process = process or self._process()
                began = time.perf_counter()
                values, error = process.answer(sequences[len(scores)])
                self._count(time.perf_counter() - began, 1)
                scores.append(self._checked(values, error, sequences[len(scores)]))
                broken = 0
            except (Broken, OSError) as error:
                if process:
                    process.end()
                process, broken = None, broken + 1
                scores.append(Score(error=str(error)))
                if broken == PATIENCE:
                    scores += [Score(error=f"{UNTRIED}{error}")] * (len(sequences) - len(scores))
        if process:
            with self._lock:
                self._free.append(process)
        return scores

    def _process(self) -> PythonProcess:
        """Return a free process, or a fresh one that has loaded the file; Broken when it cannot be loaded."""
        with self._lock:
            process = self._free.pop() if self._free else PythonProcess(self.reward)
        try:
            process.load()
        except Broken:
            process.end()
            raise
        return process

    def _by_program(self, sequences: Sequence[str]) -> list[Score]:
        """Measure by a program, started for all of them; where it fails, for each half, down to the one at fault."""
        scores: list[Score] = []
        broken, waiting = 0, [list(sequences)]
        while waiting:
            some = waiting.pop()
            if broken == PATIENCE:
                scores += [Score(error=f"{UNTRIED}{scores[-1].error.removeprefix(UNTRIED)}")] * len(some)
                continue
            try:
                began = time.perf_counter()
                values = run_program(self.reward, some)
                self._count(time.perf_counter() - began, len(some))
                scores += [self._checked(each, "", one) for each, one in zip(values, some, strict=True)]
                broken = 0
            except (Broken, OSError) as error:
                if len(some) == 1:
                    scores.append(Score(error=str(error)))
                    broken += 1
                else:
                    waiting += [some[len(some) // 2 :], some[: len(some) // 2]]
        return scores

    def _count(self, seconds: float, sequences: int) -> None:
        with self._lock:
            self.spent, self.measured = self.spent + seconds, self.measured + sequences

    def _checked(self, values: list[float] | None, error: str, sequence: str) -> Score:
        """Return the score of values that are numbers, as many as there may be, within the range."""
        if values is None:
            return Score(error=error)
        steps = len(sequence.split()) if self.reward.domain == "melody" else 1
        if len(values) not in (1, steps):
            return Score(error=f"returned {len(values)} numbers; one is needed{f', or {steps}' if steps > 1 else ''}")
        total, (low, high) = sum(values), self.reward.bounds
        if not math.isfinite(total):
            return Score(error=f"returned {total}, which is no finite number")
        if not low <= total <= high:
            return Score(error=f"returned {total:g}, outside of its range from {low:g} to {high:g}")
        return Score(tuple(values))


@cache
def _scorers() -> dict[str, Scorer]:
    scorers: dict[str, Scorer] = {}
    atexit.register(_close, scorers)
    return scorers


def _close(scorers: dict[str, Scorer]) -> None:
    for each in scorers.values():
        each.close()


_STARTING = threading.Lock()


def scorer(reward: OwnReward) -> Scorer:
    """Return this program's scorer of a reward; a changed file gets another."""
    with _STARTING:
        scorers = _scorers()
        known = scorers.get(str(reward.path))
        if known is None or known.reward != reward:
            if known:
                threading.Thread(target=known.close, daemon=True).start()
            known = scorers[str(reward.path)] = Scorer(reward)
        return known
