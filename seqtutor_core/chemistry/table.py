"""Read tables as spreadsheets write them: CSV with commas, semicolons or tabs, where a fault costs only its row.

Python's csv module swallows everything behind a quotation mark that is never closed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seqtutor_core.chemistry.tokens import PATTERN
from seqtutor_core.errors import InputError

STRIPPED = " \t\r\n\u00a0\ufeff\u200b\"'`“”‘’"  # from both ends: spaces and quotes that come along when text is pasted
DELIMITERS = (",", ";", "\t")
LONGEST_CELL = 131_072  # characters
MAX_COLUMNS = 10_000
STRAY = "a quotation mark is never closed, so it counts as part of the text and the row ends with its line"
_SEPARATOR = re.compile(r'\s*"?sep=([^"\r\n])"?[ \t]*\1*(?:[\r\n]+|\Z)', re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Row:
    """The cells of one row, without quotes around them."""

    cells: list[str]
    end: int
    """Where the row ends in the text; a line end or the end of the text follows."""
    remark: str = ""
    """What was odd about it."""
    problem: str = ""
    """Why it was not read; such a row has no cells."""


class Table:
    """The rows of a text whose cells are separated by a delimiter."""

    def __init__(self, text: str, delimiter: str) -> None:
        self._text, self._delimiter = text, delimiter
        end = rf"(?=[{re.escape(delimiter)}\r\n]|\Z)"
        plain = rf"([^{re.escape(delimiter)}\r\n]*)"
        self._cell = re.compile(rf'"([^"]*+(?:""[^"]*+)*+)"{end}|{plain}')
        self._cell_of_one_line = re.compile(rf'"([^"\r\n]*+(?:""[^"\r\n]*+)*+)"{end}|{plain}')

    def row(self, start: int) -> Row:
        """Return the row that begins at an index of the text; it spans several lines if a quoted cell does."""
        return self._scan(start, self._cell)

    def rows(self, start: int, columns: list[str]) -> Iterator[Row]:
        """Yield the rows from an index of the text on, without empty ones; `columns` has one of SMILES."""
        while start < len(self._text):
            row = self.row(start)
            beginning = [self._text[start : start + LONGEST_CELL]] if row.problem else []
            if any(self._swallowed(cell, columns) for cell in row.cells or beginning):
                row = self._scan(start, self._cell_of_one_line)
            if row.problem or any(cell.strip() for cell in row.cells):
                yield row
            line_end = _LINE_END.match(self._text, row.end)
            start = line_end.end() if line_end else len(self._text)

    def _scan(self, start: int, pattern: re.Pattern[str]) -> Row:
        text, cells, remark, end = self._text, list[str](), "", start
        while match := pattern.match(text, end):
            quoted, plain = match.groups()
            cell = plain if quoted is None else quoted.replace('""', '"')
            if len(cell) > LONGEST_CELL or len(cells) == MAX_COLUMNS:
                problem = f"a cell of {len(cell):,} characters is longer than {LONGEST_CELL:,}"
                if len(cells) == MAX_COLUMNS:
                    problem = f"the row has more than {MAX_COLUMNS:,} columns"
                line_end = _LINE_END.search(text, start)
                return Row([], line_end.start() if line_end else len(text), problem=problem)
            if cell.startswith('"') and quoted is None:
                remark = STRAY
            cells.append(cell)
            end = match.end()
            if not text.startswith(self._delimiter, end):
                break
            end += 1
        return Row(cells, end, remark)

    def _swallowed(self, cell: str, columns: list[str]) -> bool:
        """Return whether a cell has lines that look like rows: two stray quotes, pages apart, swallowed them."""
        place = smiles_column(columns)
        for line in _LINE_END.split(cell)[1:]:
            cells = line.split(self._delimiter, place + 2)
            smiles = cells[place].strip(STRIPPED) if len(cells) > place else ""
            if smiles and len(cells) >= min(2, len(columns)) and not PATTERN.sub("", smiles):
                return True
        return False


def smiles_column(columns: list[str]) -> int:
    """Return the index of the SMILES column: the one named smiles, else the first like canonical_smiles; -1 if none.

    Databases export canonical and isomeric SMILES under such names.
    """
    named = [i for i, title in enumerate(columns) if title == "smiles"]
    alike = [i for i, title in enumerate(columns) if re.fullmatch(r"\w*[ _]?smiles([ _]\w*)?", title)]
    return [*named, *alike, -1][0]


def is_table(text: str) -> bool:
    """Return whether a text begins with a header of several columns, one of them SMILES."""
    try:
        columns, _, _ = header(text)
    except InputError:
        return False
    return len(columns) > 1


def header(text: str) -> tuple[list[str], str, int]:
    """Return the columns in lower case, the delimiter, and where the rows begin; InputError without a SMILES column.

    A line sep=; before it, as Excel writes one, names the delimiter.
    """
    separator = _SEPARATOR.match(text)
    start = separator.end() if separator else len(text) - len(text.lstrip())
    widest: list[str] = []
    for delimiter in [*([separator.group(1)] if separator else []), *DELIMITERS]:
        row = Table(text, delimiter).row(start)
        if row.problem:
            raise InputError(f"the first line of this table: {row.problem}; keep the columns smiles and name")
        columns = [cell.strip(STRIPPED).lower() for cell in row.cells]
        if smiles_column(columns) >= 0:
            line_end = _LINE_END.match(text, row.end)
            return columns, delimiter, line_end.end() if line_end else len(text)
        widest = max(widest, columns, key=len)
    shown = " ".join(", ".join(widest).split())
    raise InputError(
        f"no column of this CSV is named smiles, there are: {shown[:40]}{'...' if shown[40:] else ''}; "
        "name the column in the first line"
    )
