"""Scores of given molecules, line by line: every reward term raw, before any desirability."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from seqtutor_core.chemistry.pool import shared
from seqtutor_core.chemistry.tokens import PATTERN

if TYPE_CHECKING:
    from seqtutor_core.domains.molecule import Molecule

CHUNK = 512  # lines measured together


def score_lines(lines: Iterable[str], molecule: "Molecule") -> Iterator[dict[str, Any]]:
    """For each line, a SMILES maybe followed by a name: {"smiles", "canonical", "valid", "terms": {name: value}}.

    A term that needs a setting which is not there (a target, say) is None, and so is one that took too long: "unknown"
    then says why. An invalid line has no terms and says why in "error"; empty lines are passed over.
    """
    numbered = ((number, line.split()[0]) for number, line in enumerate(lines, start=1) if line.strip())
    while chunk := list(islice(numbered, CHUNK)):
        found = shared().measure([smiles for _, smiles in chunk], molecule.question, molecule.answerable)
        for (number, smiles), facts in zip(chunk, found, strict=True):
            if facts.error:
                yield {"line": number, "smiles": smiles, "canonical": None, "valid": False, "terms": {}} | {
                    "error": facts.error
                }
                continue
            values = molecule.values(facts, len(PATTERN.findall(smiles)) + 1)
            terms = {term.name: values.get(term.name) for term in molecule.terms}
            line = {"smiles": smiles, "canonical": facts.canonical, "valid": True, "terms": terms}
            yield line | ({"unknown": dict(facts.unknown)} if facts.unknown else {})
