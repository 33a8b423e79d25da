"""What a process does that measures molecules for the pool (worker_main.py runs it).

A request is {"question": {...}, "wanted": [...], "smiles": [...], "seconds": for each molecule}; the answer to every
molecule, in order and as soon as it is known, is its facts but for the SMILES: a list in the order of their fields.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from seqtutor_core.chemistry import properties
from seqtutor_core.chemistry.property_query import Facts, Question
from seqtutor_core.chemistry.worker_main import MOST_MEMORY
from seqtutor_core.errors import InputError, SeqTutorError

REMEMBERED = 20_000
"""Molecules of whom this process knows what it measured, however they are written."""

Answer = tuple[str, str, str, Mapping[str, float], Mapping[str, str], str]


def serve(request: dict[str, Any]) -> Iterator[dict[str, str] | Answer]:
    """Measure the molecules of a request, unless its question is at fault."""
    question, wanted = Question(**request["question"]), frozenset(request["wanted"])
    try:
        properties.prepare(question, wanted)
    except SeqTutorError as error:
        yield {"refused": type(error).__name__, "message": str(error)}
        return
    yield {}
    for smiles in request["smiles"]:
        yield _MEMORY.answer(smiles, question, wanted)


class _Memory:
    """What was measured lately, by canonical SMILES."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, object, frozenset[str]], Facts] = OrderedDict()

    def answer(self, smiles: str, question: Question, wanted: frozenset[str]) -> Answer:
        try:
            mol, canonical = properties.read(smiles)
            key = (canonical, question, wanted)
            if key not in self._known:
                self._known[key] = properties.answer(Facts(smiles, canonical), mol, question, wanted)
                if len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            return _said(self._known[key])
        except InputError as error:
            return _said(Facts(smiles, error=str(error)))
        except MemoryError:
            return _said(Facts(smiles, error=f"needs more memory than {MOST_MEMORY / 2**30:g} GiB"))


def _said(facts: Facts) -> Answer:
    return facts.canonical, facts.error, facts.scaffold, facts.values, facts.unknown, facts.flat


_MEMORY = _Memory()
