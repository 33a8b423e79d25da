"""The best sequences of a run so far, under its weights as they stand: best.jsonl in the run folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from seqtutor_core.files import replace_text
from seqtutor_core.progress import Progress
from seqtutor_core.runs.lines import facts, finite, read
from seqtutor_core.runs.records import ENTRY

SIZE = 200
NEWEST = 32  # of a rollout that can enter at once


@dataclass(frozen=True)
class Entry:
    """A sequence, the unweighted terms it was given, and when it was found."""

    tokens: tuple[int, ...]
    terms: dict[str, float]
    update: int
    seconds: float

    def reward(self, weights: Mapping[str, float]) -> float:
        """The weighted sum of its terms."""
        return sum(weights.get(name, 0.0) * value for name, value in self.terms.items())


class Board:
    """SIZE distinct sequences, kept by the worker; a moved slider ranks them anew."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = {entry.tokens: entry for entry in entries}
        self.changed = False

    def add(self, progress: Progress) -> None:
        """Let the best of a rollout in, and the worst out."""
        names, weights = list(progress.terms), progress.weights
        rewards = progress.sums.double() @ progress.sums.new_tensor([weights[n] for n in names], dtype=torch.float64)
        worst = min((e.reward(weights) for e in self.entries.values()), default=0.0)
        for row in rewards.topk(min(NEWEST, len(rewards))).indices.tolist():
            if len(self.entries) >= SIZE and rewards[row].item() <= worst:
                break
            tokens = tuple(progress.tokens[row, : int(progress.lengths[row])].tolist())
            if tokens not in self.entries:
                terms = dict(zip(names, progress.sums[row].tolist(), strict=True))
                self.entries[tokens] = Entry(tokens, terms, progress.update, progress.seconds)
                self.changed = True
        if len(self.entries) > SIZE:
            kept = sorted(self.entries.values(), key=lambda e: -e.reward(weights))[:SIZE]
            self.entries = {entry.tokens: entry for entry in kept}

    def save(self, path: Path) -> None:
        """Write what changed."""
        if self.changed:
            lines = (json.dumps(finite(vars(entry))) for entry in self.entries.values())
            replace_text(path, "\n".join(lines) + "\n")
            self.changed = False


def load(path: Path) -> list[Entry]:
    """The entries of a file, in no order; none where there is no file. SettingError for what is no entry."""
    kept = (ENTRY("an entry", fact) for fact in facts(read(path, 0)[0]))
    return [Entry(e["tokens"], e["terms"], e["update"], e["seconds"]) for e in kept]
