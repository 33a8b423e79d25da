"""Scores of given melodies, line by line: the exact per-step values of the paper's terms."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from seqtutor_core.domains.melody.theory import paper_terms
from seqtutor_core.domains.melody.tokens import VOCABULARY
from seqtutor_core.errors import TokenError
from seqtutor_core.rules import parse_json

LONGEST = 256


def score_lines(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield for each line, a JSON list of tokens, {"tokens", "terms": {name: [value per step]}, "total"}, weights 1.

    A line's own length is the composition's. A wrong line gives {"line", "error"}; empty lines are passed over.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            tokens = _tokens(line)
        except TokenError as error:
            yield {"line": number, "error": str(error)}
            continue
        values = {name: term(torch.tensor([tokens])) for name, term in paper_terms(len(tokens)).items()}
        terms = {name: value[0].tolist() for name, value in values.items()}
        yield {"tokens": tokens, "terms": terms, "total": torch.stack([*values.values()]).sum(0)[0].tolist()}


def _tokens(line: str) -> list[int]:
    try:
        listed = parse_json(line)
    except ValueError as error:
        raise TokenError(f"not a JSON list of tokens: {error}") from None
    if isinstance(listed, dict) and "tokens" in listed:  # what `sample` prints
        listed = listed["tokens"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= LONGEST:
        raise TokenError(f"a melody is a JSON list of 1 to {LONGEST} tokens")
    return VOCABULARY.check(listed)
