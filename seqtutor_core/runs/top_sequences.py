"""The best sequences of a run so far, under its weights as they stand: best.jsonl in the run folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from seqtutor_core.files import replace_text
from seqtutor_core.progress import Progress
from seqtutor_core.runs.jsonl import parse_objects, read_lines, replace_nonfinite
from seqtutor_core.runs.schemas import TOP_SEQUENCE

CAPACITY = 200
CANDIDATES = 32  # of a rollout that can enter at once


@dataclass(frozen=True)
class ScoredSequence:
    """A sequence, the unweighted terms it was given, and when it was found."""

    tokens: tuple[int, ...]
    terms: dict[str, float]
    update: int
    seconds: float

    def reward(self, weights: Mapping[str, float]) -> float:
        """The weighted sum of its terms."""
        return sum(weights.get(name, 0.0) * value for name, value in self.terms.items())


class TopSequences:
    """SIZE distinct sequences, kept by the worker; a moved slider ranks them anew."""

    def __init__(self, entries: Sequence[ScoredSequence] = ()) -> None:
        self.by_tokens = {entry.tokens: entry for entry in entries}
        self.unsaved = False

    def add(self, progress: Progress) -> None:
        """Let the best of a rollout in, and the worst out."""
        names, weights = list(progress.terms), progress.weights
        rewards = progress.sums.double() @ progress.sums.new_tensor([weights[n] for n in names], dtype=torch.float64)
        worst = min((e.reward(weights) for e in self.by_tokens.values()), default=0.0)
        for row in rewards.topk(min(CANDIDATES, len(rewards))).indices.tolist():
            if len(self.by_tokens) >= CAPACITY and rewards[row].item() <= worst:
                break
            tokens = tuple(progress.tokens[row, : int(progress.lengths[row])].tolist())
            if tokens not in self.by_tokens:
                terms = dict(zip(names, progress.sums[row].tolist(), strict=True))
                self.by_tokens[tokens] = ScoredSequence(tokens, terms, progress.update, progress.seconds)
                self.unsaved = True
        if len(self.by_tokens) > CAPACITY:
            kept = sorted(self.by_tokens.values(), key=lambda e: -e.reward(weights))[:CAPACITY]
            self.by_tokens = {entry.tokens: entry for entry in kept}

    def save(self, path: Path) -> None:
        """Write what changed."""
        if self.unsaved:
            lines = (json.dumps(replace_nonfinite(vars(entry))) for entry in self.by_tokens.values())
            replace_text(path, "\n".join(lines) + "\n")
            self.unsaved = False


def load_top_sequences(path: Path) -> list[ScoredSequence]:
    """The entries of a file, in no order; none where there is no file. SettingError for what is no entry."""
    kept = (TOP_SEQUENCE("an entry", fact) for fact in parse_objects(read_lines(path, 0)[0]))
    return [ScoredSequence(e["tokens"], e["terms"], e["update"], e["seconds"]) for e in kept]
