"""Molecules, substructures and prefixes that a user types, pastes or uploads."""

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from seqtutor_core import text as texts
from seqtutor_core.chemistry.parsing import pointed
from seqtutor_core.chemistry.prefix_validity import is_valid_prefix
from seqtutor_core.chemistry.reading import (
    InputMolecule as InputMolecule,  # re-exported: part of this module's interface
)
from seqtutor_core.chemistry.reading import from_smiles, read, short
from seqtutor_core.chemistry.records import (
    MAX_COUNTED,
    MAX_RECORDS,
    Record,
    check_file,
    smiles_and_name,
    split,
    without_extension,
)
from seqtutor_core.chemistry.substructures import substructure
from seqtutor_core.chemistry.table import STRIPPED
from seqtutor_core.chemistry.tokens import MOSES, TOKENS
from seqtutor_core.chemistry.tokens import split as tokens_of
from seqtutor_core.errors import InputError

MAX_SMARTS = 20
PROBLEMS_SHOWN = 3
SECONDS = 20.0  # for all records of a file
RECORD_SECONDS = 5.0  # for one, or for BATCH ordinary ones
BATCH = 100


@dataclass(frozen=True)
class UploadedMolecules:
    """The molecules of a file."""

    molecules: tuple[InputMolecule, ...]
    problems: tuple[str, ...]
    """A sentence for each record that could not be read: its number, name and reason."""
    remarks: tuple[str, ...] = ()
    """A sentence for each record that was read although it is odd."""


# ---------------------------------------------------------------- one molecule, substructures


def molecule(text: str, corpus: str = MOSES.corpus) -> InputMolecule:
    """Return the molecule of a SMILES, perhaps in quotes and with a name; InputError shows the fault or the limit.

    corpus: what the prior learned from, whose tokens remarks are about.
    """
    lines = [line for typed in texts.lines(text) if (line := typed.strip(STRIPPED))]
    if not lines:
        raise InputError("no molecule is given; type or paste a SMILES such as CC(=O)Oc1ccccc1C(=O)O")
    first, remark = without_extension(lines[0])
    smiles, name = smiles_and_name(first)
    read_molecule = from_smiles(smiles, corpus, " ".join(name.split()).strip(STRIPPED))
    before = [f"{remark[0].upper()}{remark[1:]}."] if remark else []
    if len(lines) > 1:
        before = [f"Took the first of {len(lines)} lines.", *before]
    return replace(read_molecule, remarks=(*before, *read_molecule.remarks))


def smarts(text: str) -> tuple[str, ...]:
    """Return the SMARTS of a text, one a line, at most 20; InputError names the line and the place."""
    lines = [(number, line.strip(STRIPPED)) for number, line in enumerate(texts.lines(text), start=1)]
    lines = [(number, line.split()[0].strip(STRIPPED)) for number, line in lines if line.split()]
    if len(lines) > MAX_SMARTS:
        raise InputError(
            f"{len(lines)} SMARTS are more than {MAX_SMARTS}; drop some, or join some with a comma inside a bracket"
        )
    for number, line in lines:
        try:
            substructure(line)
        except InputError as error:
            raise InputError(f"line {number}: {error}") from None
    return tuple(line for _, line in lines)


def prefix(text: str, corpus: str = MOSES.corpus) -> list[int]:
    """Return the ids, in a corpus' vocabulary, of a SMILES prefix, such as c1ccc( or a whole molecule, to be continued.

    TokenError names a token outside the vocabulary, InputError the first token after which no molecule is possible.
    """
    smiles = text.strip(STRIPPED)
    if not smiles:
        raise InputError("no beginning is given; type one such as c1ccc(")
    ids, tokens, longest = TOKENS[corpus].encode(smiles), tokens_of(smiles), TOKENS[corpus].longest
    if len(ids) > longest - 2:
        raise InputError(
            f"a beginning of {len(ids)} tokens leaves no room, a molecule has at most {longest - 1}; give a shorter one"
        )
    for count in range(1, len(tokens) + 1):
        if not is_valid_prefix(tokens[:count]):
            position = len("".join(tokens[: count - 1])) + 1
            raise InputError(f"no molecule goes on from {pointed(smiles, position)}; end the beginning before it")
    return ids


# ---------------------------------------------------------------- files


Run = Callable[[str, Mapping[str, Any], float], Any]
"""Calls an operation with these arguments and returns its value, within so many seconds."""


def split_file(data: str, filename: str, most: int) -> dict[str, Any]:
    """Return the records of a file given in base64, as JSON values like every operation."""
    return asdict(split(base64.b64decode(data), filename, most))


FILE_OPERATIONS: Mapping[str, Callable[..., Any]] = {"split_file": split_file, "read_records": read}


def run_here(operation: str, arguments: Mapping[str, Any], _: float) -> Any:
    """Return an operation's value, whatever time it takes."""
    return FILE_OPERATIONS[operation](**arguments)


def upload(
    data: bytes, filename: str, corpus: str = MOSES.corpus, run: Run = run_here, seconds: float = SECONDS
) -> UploadedMolecules:
    """Return the molecules of a file .smi, .txt, .csv (a column named smiles), .mol or .sdf, and its broken records.

    data, filename: the file. corpus: what the prior learned from, whose tokens remarks are about. run: what reads the
    records, here or in another process. Records that are not read within `seconds` are counted as a problem. InputError
    for a file that is empty, larger than 20 MB, of another kind, not text, or without one good record.
    """
    deadline = time.monotonic() + seconds
    check_file(data, filename)
    encoded = base64.b64encode(data).decode()
    answer = run("split_file", {"data": encoded, "filename": filename, "most": MAX_RECORDS}, seconds / 2)
    records = [Record(**record) for record in answer["records"]]
    sources = [record.source for record in records if not record.problem]
    how = {"blocks": answer["blocks"], "corpus": corpus}
    uploaded = _collected(records, _answers(sources, how, deadline, run))
    problems = list(uploaded.problems)
    if left := len(records) - len(uploaded.molecules) - len(problems):
        problems.append(f"records from {len(records) - left + 1:,} on: {left:,} were not read within {seconds:g} s")
    if left := answer["left"]:
        many = f"more than {MAX_COUNTED:,}" if left == MAX_COUNTED else f"{left:,}"
        problems.append(f"records from {MAX_RECORDS + 1:,} on: {many} were not read, {MAX_RECORDS:,} are the most")
    if not uploaded.molecules:
        shown = "; ".join(problems[:PROBLEMS_SHOWN]) or "it has no record"
        raise InputError(f"{filename!r} holds no molecule that can be read ({shown}); check it in a drawing program")
    return replace(uploaded, problems=tuple(problems))


def _answers(sources: list[str], how: Mapping[str, Any], deadline: float, run: Run) -> Iterator[dict[str, Any]]:
    """Yield the result of reading.read for each source, in order, until the deadline; how: its other arguments."""
    for start in range(0, len(sources), BATCH):
        some = sources[start : start + BATCH]
        if time.monotonic() > deadline:
            return
        try:
            answers = run("read_records", {"sources": some, **how}, RECORD_SECONDS)
        except InputError:  # one of them took too long, or crashed RDKit
            yield from _one_by_one(some, how, deadline, run)
        else:
            yield from answers


def _one_by_one(sources: list[str], how: Mapping[str, Any], deadline: float, run: Run) -> Iterator[dict[str, Any]]:
    for source in sources:
        if time.monotonic() > deadline:
            return
        try:
            yield from run("read_records", {"sources": [source], **how}, RECORD_SECONDS)
        except InputError as error:
            yield {"problem": str(error).partition("; ")[0]}


def _collected(records: list[Record], answers: Iterator[dict[str, Any]]) -> UploadedMolecules:
    """Return molecules, problems and remarks of all records that have an answer."""
    molecules, problems, remarks = [], [], []
    for number, record in enumerate(records, start=1):
        title = f"record {number}" + (f" ({short(record.name)})" if record.name else "")
        answer = {"problem": record.problem} if record.problem else next(answers, None)
        if answer is None:
            break
        if "problem" in answer:
            problems.append(f"{title}: {answer['problem']}")
            continue
        molecules.append(InputMolecule(answer["smiles"], (*answer["remarks"],), record.name))
        if record.remark:
            remarks.append(f"{title}: {record.remark}")
    return UploadedMolecules(tuple(molecules), tuple(problems), tuple(remarks))
