"""The best sequences of a run so far, under its objective as it stands: best.jsonl in the run folder."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from seqtutor_core.files import replace_text
from seqtutor_core.objective import Objective
from seqtutor_core.runs.jsonl import parse_objects, read_lines, replace_nonfinite
from seqtutor_core.runs.schemas import TOP_SEQUENCE
from seqtutor_core.tuning import Progress

CAPACITY = 200
CANDIDATES = 32  # of a rollout that can enter at once


@dataclass(frozen=True)
class ScoredSequence:
    """A sequence, its unweighted terms, and the update and second at which it was first sampled."""

    tokens: tuple[int, ...]
    terms: dict[str, float]
    update: int
    seconds: float


def rewards(sequences: Iterable[ScoredSequence], objective: Objective) -> list[float]:
    """Return R of each sequence; a term that it lacks counts 0."""
    terms = [[one.terms.get(name, 0.0) for name in objective.weights] for one in sequences]
    return objective.reward(torch.tensor(terms, dtype=torch.float64)).tolist() if terms else []


class TopSequences:
    """CAPACITY distinct sequences, kept by the worker; a moved slider ranks them anew."""

    def __init__(self, entries: Sequence[ScoredSequence] = ()) -> None:
        self.by_tokens = {entry.tokens: entry for entry in entries}
        self.unsaved = False

    def add(self, progress: Progress, objective: Objective) -> None:
        """Add the best of a rollout, and drop the worst beyond CAPACITY."""
        earned = objective.reward(progress.sums.double())  # (B,)
        worst = min(rewards(self.by_tokens.values(), objective), default=0.0)
        for row in earned.topk(min(CANDIDATES, len(earned))).indices.tolist():
            if len(self.by_tokens) >= CAPACITY and earned[row].item() <= worst:
                break
            tokens = tuple(progress.tokens[row, : int(progress.lengths[row])].tolist())
            if tokens not in self.by_tokens:
                terms = dict(zip(objective.weights, progress.sums[row].tolist(), strict=True))
                self.by_tokens[tokens] = ScoredSequence(
                    tokens, terms, progress.counters.update, progress.counters.seconds
                )
                self.unsaved = True
        if len(self.by_tokens) > CAPACITY:
            ranked = zip(rewards(self.by_tokens.values(), objective), self.by_tokens.items(), strict=True)
            self.by_tokens = dict(pair for _, pair in sorted(ranked, key=lambda each: -each[0])[:CAPACITY])

    def save(self, path: Path) -> None:
        """Write the file, if anything changed since it was last written."""
        if self.unsaved:
            lines = (json.dumps(replace_nonfinite(vars(entry))) for entry in self.by_tokens.values())
            replace_text(path, "\n".join(lines) + "\n")
            self.unsaved = False


def load_top_sequences(path: Path) -> list[ScoredSequence]:
    """Return the sequences of a file, in no order; none if it does not exist. SettingError for a damaged line."""
    kept = (TOP_SEQUENCE("an entry", fact) for fact in parse_objects(read_lines(path, 0)[0]))
    return [ScoredSequence(e["tokens"], e["terms"], e["update"], e["seconds"]) for e in kept]
