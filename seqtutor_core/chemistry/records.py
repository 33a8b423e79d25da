"""Split a file of molecules into records: lines, rows of a table, or mol blocks. No record is parsed here.

All sizes are checked here, before anything large can be parsed.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from seqtutor_core import text as texts
from seqtutor_core.chemistry.table import LONGEST_CELL, STRIPPED, Table, header, is_table, smiles_column
from seqtutor_core.errors import InputError

EXTENSIONS = (".smi", ".txt", ".csv", ".mol", ".sdf")
MAX_BYTES = 20 * 2**20
MAX_RECORDS = 10_000
MAX_COUNTED = 100_000  # of further records; to count them takes time, too
LONGEST_BLOCK = 2**20  # characters; 500 heavy atoms with all their hydrogens take 200,000
MAX_ANNOUNCED = 10_000  # atoms, bonds, groups: RDKit makes room for as many as a counts line announces

_LINE = re.compile(r"[^\r\n]+")
_SMILES_AND_NAME = re.compile(r"([^\s,;]*)[\s,;]*(.*)", re.DOTALL)
_EXTENSION = re.compile(r"(\S+)\s+\|[^|]*\|(?=\s|\Z)")
_RECORD_END = re.compile(r"^\$\$\$\$.*\n?", re.MULTILINE)
_BLOCK_END = re.compile(r"^M  END.*$", re.MULTILINE)
_HEAD = re.compile(r"(?:^(?P<before>.*)\n)?(?P<head>(?:^.*\n){3})[ \d]{6}.*V[23]000[ \t]*$", re.MULTILINE)
_CONTINUED = re.compile(r"-\s*\nM  V30 ?")
_COUNTS = re.compile(r"^M  V30\s+COUNTS\s(.*)$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Record:
    """One molecule of a file, not parsed yet."""

    name: str
    """As written in the file."""
    source: str = ""
    """A SMILES or a mol block."""
    problem: str = ""
    """Why it should not be read."""
    remark: str = ""
    """What was odd about it."""


@dataclass(frozen=True)
class Records:
    """The records of a file."""

    records: list[Record]
    blocks: bool
    """Whether they are mol blocks, not SMILES."""
    left: int
    """How many more the file has than are read; counted up to MAX_COUNTED."""


def check_file(data: bytes, filename: str) -> None:
    """Raise InputError for a file of an unknown kind, an empty one, or a large one."""
    if PurePath(filename).suffix.lower() not in EXTENSIONS:
        raise InputError(f"{filename!r} is not a kind of file known here; choose one ending in {', '.join(EXTENSIONS)}")
    if not data.strip():
        raise InputError(f"{filename!r} is empty; choose a file that holds molecules")
    if len(data) > MAX_BYTES:
        raise InputError(
            f"{filename!r} has {len(data) / 2**20:.1f} MB, more than {MAX_BYTES // 2**20} MB; "
            "keep the molecules that matter, or upload it in parts"
        )


def split(data: bytes, filename: str, most: int = MAX_RECORDS) -> Records:
    """Return the first records of a file; InputError if it is not text, or a table without a column of SMILES."""
    check_file(data, filename)
    text = texts.decode(data, filename)
    extension = PurePath(filename).suffix.lower()
    blocks = extension in (".mol", ".sdf")
    if blocks:
        records = _of_blocks(text)
    elif extension == ".csv" or is_table(text):
        records = _of_table(text)
    else:
        records = _of_lines(text)
    kept = list(itertools.islice(records, most))
    return Records(kept, blocks, sum(1 for _ in itertools.islice(records, MAX_COUNTED)))


def _of_lines(text: str) -> Iterator[Record]:
    """Yield lines of a SMILES and perhaps a name; header and comments are skipped."""
    lines = (line for match in _LINE.finditer(text) if (line := match.group().strip(" \t\u00a0\ufeff\u200b")))
    for number, line in enumerate(lines):
        if len(line) > LONGEST_CELL:
            yield Record("", problem=f"a line of {len(line):,} characters is longer than {LONGEST_CELL:,}")
            continue
        line, remark = without_extension(line)
        smiles, name = smiles_and_name(line)
        if not smiles.startswith("#") and not (number == 0 and smiles_column([smiles.lower()]) == 0):
            yield Record(name, smiles, remark=remark)


def without_extension(text: str) -> tuple[str, str]:
    """Return a text without the extension between two bars that may follow its SMILES (CXSMILES), and a remark."""
    match = _EXTENSION.match(text)
    if match is None:
        return text, ""
    return f"{match.group(1)}{text[match.end() :]}", "what stands between bars behind its SMILES is not read"


def smiles_and_name(line: str) -> tuple[str, str]:
    """Split a line at the first space, comma or semicolon, none of which a SMILES contains."""
    match = _SMILES_AND_NAME.match(line)
    smiles, name = match.groups() if match else ("", "")
    return smiles.strip(STRIPPED), name


def _of_table(text: str) -> Iterator[Record]:
    """Yield the rows, by the columns that the header names."""
    columns, delimiter, start = header(text)
    smiles = smiles_column(columns)
    name = next((columns.index(title) for title in ("name", "title", "id") if title in columns), None)
    for row in Table(text, delimiter).rows(start, columns):
        cells = [*row.cells, *[""] * (len(columns) - len(row.cells))]
        title = "" if name is None else cells[name].strip()
        cell, remark = without_extension(cells[smiles].strip(STRIPPED))
        yield Record(title, cell, row.problem, row.remark or remark)


def _of_blocks(text: str) -> Iterator[Record]:
    """Yield the records of an SDF without their properties; a mol file is an SDF of one record."""
    text, start = text.replace("\r\n", "\n").replace("\r", "\n"), 0
    while start < len(text):
        ending = _RECORD_END.search(text, start)
        record = text[start : ending.start() if ending else len(text)]
        start = ending.end() if ending else len(text)
        for part in _blocks_of(record):
            end = _BLOCK_END.search(part)
            block = part[: end.end()] + "\n" if end else part
            yield Record(block.partition("\n")[0].strip(), block, _too_large(block))


def _blocks_of(record: str) -> Iterator[str]:
    """Yield the mol blocks of a record: one, or several if a line $$$$ was lost. A block in a property is skipped."""
    if not record.strip():
        return
    starts = [0]
    if not record.startswith("$"):  # a reaction, or a query of several groups
        further = itertools.islice(_HEAD.finditer(record), 1, None)
        starts += [head.start("head") for head in further if not (head["before"] or "").startswith(">")]
    for start, end in itertools.pairwise([*starts, len(record)]):
        yield record[start:end]


def _too_large(block: str) -> str:
    """Return why a mol block is larger than any molecule needs; empty if it is not."""
    if len(block) > LONGEST_BLOCK:
        return f"a mol block of {len(block):,} characters is longer than {LONGEST_BLOCK:,}"
    for counts in _COUNTS.findall(_CONTINUED.sub("", block)):
        for number in re.findall(r"\d+", counts):
            if len(number) > len(str(MAX_ANNOUNCED)) or int(number) > MAX_ANNOUNCED:
                return f"its counts line announces {number[:20]} atoms, bonds or groups, more than {MAX_ANNOUNCED:,}"
    return ""
