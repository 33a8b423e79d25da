"""Scores of molecules in a file, line by line: every reward term raw, before any desirability."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtutor_core.chemistry.tokens import PATTERN

if TYPE_CHECKING:
    from seqtutor_core.domains.molecule import Molecule

CHUNK = 512  # lines measured together


def score_lines(lines: Iterable[str], molecule: "Molecule") -> Iterator[dict[str, Any]]:
    """Yield {"smiles", "canonical", "valid", "terms": {name: value}} for each line, a SMILES and perhaps a name.

    A term is None if its setting is missing (a target, say) or its search took too long; "unknown" then says why. An
    invalid line has no terms and gives its reason in "error"; empty lines are skipped.
    """
    numbered = ((number, line.split()[0]) for number, line in enumerate(lines, start=1) if line.strip())
    while chunk := list(islice(numbered, CHUNK)):
        smiles_of = [smiles for _, smiles in chunk]
        own = [term for term, file in molecule.own.names.items() if file]
        measurements = molecule.measure_smiles(smiles_of, molecule.query.answerable, own)
        raw = molecule.raw_terms(measurements, [len(PATTERN.findall(smiles)) + 1 for smiles in smiles_of])
        for i, ((number, smiles), measurement) in enumerate(zip(chunk, measurements, strict=True)):
            if measurement.error:
                yield {"line": number, "smiles": smiles, "canonical": None, "valid": False, "terms": {}} | {
                    "error": measurement.error
                }
                continue
            values = {name: None if np.isnan(term[i]) else term[i].item() for name, term in raw.items()}
            terms = {term.name: values.get(term.name) for term in molecule.terms}
            line = {"smiles": smiles, "canonical": measurement.canonical, "valid": True, "terms": terms}
            yield line | ({"unknown": dict(measurement.unknown)} if measurement.unknown else {})
