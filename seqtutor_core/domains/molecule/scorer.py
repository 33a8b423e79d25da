"""The process that measures molecules for the pool: requests on standard input, answers on standard output.

python -P scorer.py SECONDS

A request is a line {"question": {...}, "wanted": [...], "smiles": [...]}. The answers: a line {} when everything is
loaded, or {"refused": the name of an error class, "message": its text} instead of all the rest; then, in order and
each as soon as it is known, a line [canonical, error, scaffold, values] for every molecule.

It ends with its input, so also when the process that asks is killed; and a molecule that takes more than twice
SECONDS, which nobody then waits for any more, is ended by an alarm.
"""

import json
import signal
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

REMEMBERED = 20_000
"""Molecules of whom this process knows what it measured, however they are written."""

Answer = tuple[str, str, str, dict[str, float]]


def main() -> None:
    """Answer requests until there are no more."""
    _import_without_torch()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that asks; then the input ends
    patience = 2 * float(sys.argv[1])
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # RDKit would not let a handler of ours run
    memory = _Memory()
    for line in sys.stdin:
        _serve(json.loads(line), memory, patience)


def _import_without_torch() -> None:
    """Have the packages above this file, without running what they load for others: torch alone takes 300 MB."""
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here.parents[2]))
    for name, folder in (("seqtutor_core.domains", here.parent), ("seqtutor_core.domains.molecule", here)):
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package


def _serve(request: dict[str, Any], memory: "_Memory", patience: float) -> None:
    from seqtutor_core.domains.molecule import properties
    from seqtutor_core.domains.molecule.questions import Question
    from seqtutor_core.errors import SeqTutorError

    question, wanted = Question(**request["question"]), frozenset(request["wanted"])
    try:
        properties.prepare(question, wanted)
    except SeqTutorError as error:
        _say({"refused": type(error).__name__, "message": str(error)})
        return
    _say({})
    for smiles in request["smiles"]:
        signal.setitimer(signal.ITIMER_REAL, patience)
        answer = memory.answer(smiles, question, wanted)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _say(answer)


class _Memory:
    """What was measured lately, by canonical SMILES."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, object, frozenset[str]], tuple[str, dict[str, float]]] = OrderedDict()

    def answer(self, smiles: str, question: Any, wanted: frozenset[str]) -> Answer:
        from seqtutor_core.domains.molecule import properties
        from seqtutor_core.errors import InputError

        try:
            mol, canonical = properties.read(smiles)
            key = (canonical, question, wanted)
            if key not in self._known:
                self._known[key] = properties.answer(mol, question, wanted)
                if len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            return (canonical, "", *self._known[key])
        except InputError as error:
            return "", str(error), "", {}


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
