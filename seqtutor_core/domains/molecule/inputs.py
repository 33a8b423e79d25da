"""Whatever the user gives, as molecules, queries and beginnings: typed, pasted or uploaded."""

import csv
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from rdkit import Chem

from seqtutor_core.domains.molecule.beginning import can_begin
from seqtutor_core.domains.molecule.parsing import chemistry, parse, parse_smarts, pointed, quietly
from seqtutor_core.domains.molecule.tokens import LONGEST, VOCABULARY, encode, split
from seqtutor_core.errors import InputError

LARGEST = 500  # heavy atoms
MOST_SMARTS = 20
MOST_BYTES = 20 * 2**20
MOST_RECORDS = 10_000  # of a file; more take longer to read than anyone waits
PROBLEMS_SHOWN = 3
AROUND = " \t\r\n\ufeff\u200b\"'`“”‘’"  # spaces and quotes that come along when text is pasted
EXTENSIONS = (".smi", ".txt", ".csv", ".mol", ".sdf")


@dataclass(frozen=True)
class Given:
    """One molecule as the user gave it."""

    smiles: str
    """Canonical, of the largest fragment."""
    remarks: tuple[str, ...] = ()
    """What was changed or should be known, a sentence each."""
    name: str = ""


@dataclass(frozen=True)
class Uploaded:
    """What a file held."""

    molecules: tuple[Given, ...]
    problems: tuple[str, ...]
    """A sentence for each record that could not be read: its number, name and reason."""


# ---------------------------------------------------------------- one molecule, substructures


def molecule(text: str) -> Given:
    """A SMILES, perhaps in quotes and with a name behind it; InputError shows where it is wrong, or says its limit."""
    lines = [line.strip(AROUND) for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        raise InputError("no molecule is given; type or paste a SMILES such as CC(=O)Oc1ccccc1C(=O)O")
    smiles, name = _smiles_and_name(lines[0])
    given = _given(parse(smiles), name)
    if len(lines) == 1:
        return given
    return Given(given.smiles, (f"Took the first of {len(lines)} lines.", *given.remarks), given.name)


def smarts(text: str) -> tuple[str, ...]:
    """SMARTS, one a line, at most 20; InputError names the line and the place."""
    lines = [(number, line.strip(AROUND)) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line.split()[0].strip(AROUND)) for number, line in lines if line]
    if len(lines) > MOST_SMARTS:
        raise InputError(
            f"{len(lines)} SMARTS are more than {MOST_SMARTS}; drop some, or join some with a comma inside a bracket"
        )
    for number, line in lines:
        try:
            parse_smarts(line)
        except InputError as error:
            raise InputError(f"line {number}: {error}") from None
    return tuple(line for _, line in lines)


def prefix(text: str) -> list[int]:
    """Token ids of a beginning of SMILES, such as c1ccc( or a whole molecule, that is to be continued.

    TokenError names a token that the prior does not know, InputError the first one after which no molecule can come.
    """
    smiles = text.strip(AROUND)
    if not smiles:
        raise InputError("no beginning is given; type one such as c1ccc(")
    ids, tokens = encode(smiles), split(smiles)
    if len(ids) > LONGEST - 2:
        raise InputError(
            f"a beginning of {len(ids)} tokens leaves no room, a molecule has at most {LONGEST - 1}; give a shorter one"
        )
    for count in range(1, len(tokens) + 1):
        if not can_begin(tokens[:count]):
            position = len("".join(tokens[: count - 1])) + 1
            raise InputError(f"no molecule goes on from {pointed(smiles, position)}; end the beginning before it")
    return ids


def _smiles_and_name(line: str) -> tuple[str, str]:
    """What stands before the first space, comma or semicolon, none of which SMILES knows, and what behind it."""
    smiles, _, name = re.sub(r"[\s,;]+", " ", line).partition(" ")
    return smiles.strip(AROUND), name.strip(AROUND)


def _given(whole: Chem.Mol, name: str) -> Given:
    """The largest fragment of a molecule, with remarks; InputError when it has no or too many atoms."""
    remarks = []
    kept, *others = sorted(Chem.GetMolFrags(whole, asMols=True), key=_size, reverse=True) or [whole]
    smiles = Chem.MolToSmiles(kept)
    if others:
        left_out = ", ".join(_short(Chem.MolToSmiles(other)) for other in others[:3]) + (" ..." if others[3:] else "")
        remarks.append(f"Kept the largest of {len(others) + 1} fragments, {_short(smiles)}, and left out {left_out}.")
    if not 1 <= kept.GetNumHeavyAtoms() <= LARGEST:
        raise InputError(
            f"a molecule of {kept.GetNumHeavyAtoms()} heavy atoms is outside 1 to {LARGEST}; give another, "
            "or the part of it that matters"
        )
    Chem.RemoveStereochemistry(kept)
    flat = Chem.MolToSmiles(kept)
    if flat != smiles:
        remarks.append("The prior writes no stereochemistry, and similarity does not look at it.")
    unknown = [token for token in dict.fromkeys(split(flat)) if token not in VOCABULARY]
    if unknown:
        remarks.append(
            f"The prior cannot write {', '.join(unknown)}: similarity still works, "
            "but this very molecule cannot be generated."
        )
    return Given(smiles, tuple(remarks), name)


def _size(fragment: Chem.Mol) -> tuple[int, int]:
    """Heavy atoms, then protons: of a bromide and a hydroxide, the bromide."""
    return fragment.GetNumHeavyAtoms(), sum(atom.GetAtomicNum() for atom in fragment.GetAtoms())


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


# ---------------------------------------------------------------- files


def upload(data: bytes, filename: str) -> Uploaded:
    """The molecules of a file .smi, .txt, .csv (a column named smiles), .mol or .sdf, and its broken records.

    InputError for a file that is empty, larger than 20 MB, of another kind, not text, or without one good record.
    """
    extension = PurePath(filename).suffix.lower()
    if extension not in EXTENSIONS:
        raise InputError(f"{filename!r} is not a kind of file known here; choose one ending in {', '.join(EXTENSIONS)}")
    text = _text(data, filename)
    records = _records_of_csv(text) if extension == ".csv" else _records_of_lines(text)
    if extension in (".mol", ".sdf"):
        records = _records_of_blocks(text)
    molecules, problems = [], []
    for number, (name, source) in enumerate(itertools.islice(records, MOST_RECORDS), start=1):
        try:
            molecules.append(_given(_from_block(source) if extension in (".mol", ".sdf") else parse(source), name))
        except InputError as error:
            problems.append(f"record {number}{f' ({_short(name)})' if name else ''}: {str(error).partition('; ')[0]}")
    left = sum(1 for _ in records)
    if left:
        problems.append(f"records from {MOST_RECORDS + 1:,} on: {left:,} were not read, {MOST_RECORDS:,} are the most")
    if not molecules:
        shown = "; ".join(problems[:PROBLEMS_SHOWN]) or "it has no record"
        raise InputError(f"{filename!r} holds no molecule that can be read ({shown}); check it in a drawing program")
    return Uploaded(tuple(molecules), tuple(problems))


def _text(data: bytes, filename: str) -> str:
    if not data.strip():
        raise InputError(f"{filename!r} is empty; choose a file that holds molecules")
    if len(data) > MOST_BYTES:
        raise InputError(
            f"{filename!r} has {len(data) / 2**20:.1f} MB, more than {MOST_BYTES // 2**20} MB; "
            "keep the molecules that matter, or upload it in parts"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{filename!r} is not UTF-8 text (byte {data[error.start]:#04x} at position {error.start + 1}); "
            "save it as UTF-8 and upload it again"
        ) from None
    if "\0" in text:
        raise InputError(f"{filename!r} is not text: it holds zero bytes; export it as .smi, .csv or .sdf")
    return text


def _records_of_lines(text: str) -> Iterator[tuple[str, str]]:
    """(name, SMILES) of each line; a headline and lines of comment are none."""
    for number, line in enumerate(line for line in text.splitlines() if line.strip()):
        smiles, name = _smiles_and_name(line.strip(AROUND))
        if not smiles.startswith("#") and not (number == 0 and smiles.lower() == "smiles"):
            yield name, smiles


def _records_of_csv(text: str) -> Iterator[tuple[str, str]]:
    """(name, SMILES) of each row, by the columns that the headline names."""
    headline = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=headline.count))
    columns = [column.strip(AROUND).lower() for column in next(rows)]
    if "smiles" not in columns:
        raise InputError(
            f"no column of this CSV is named smiles, there are: {_short(' '.join(', '.join(columns).split()))}; "
            "name the column in the first line"
        )
    smiles = columns.index("smiles")
    name = next((columns.index(title) for title in ("name", "title", "id") if title in columns), None)
    for row in rows:
        if any(cell.strip() for cell in row):
            cells = [*row, *[""] * (len(columns) - len(row))]
            yield "" if name is None else cells[name].strip(), cells[smiles].strip(AROUND)


def _records_of_blocks(text: str) -> Iterator[tuple[str, str]]:
    """(title, mol block) of each record of an SDF; a mol file is an SDF of one."""
    for record in re.split(r"^\$\$\$\$.*\n?", "\n".join(text.splitlines()) + "\n", flags=re.MULTILINE):
        if record.strip():
            yield record.partition("\n")[0].strip(), record


def _from_block(block: str) -> Chem.Mol:
    """The molecule of a mol block; InputError with RDKit's reason."""
    whole, log = _supplied(block, sanitize=True)
    if whole is not None and whole.GetNumAtoms():
        return whole
    raw, _ = _supplied(block, sanitize=False)
    fault = None if raw is None else chemistry(raw)
    if fault is not None:
        reason = f"{fault[0]} (atom {', '.join(str(atom + 1) for atom in fault[1][:10])})"
    elif log:
        reason = log.splitlines()[0].removeprefix("ERROR: ").partition(";")[0]
    else:
        reason = "not a mol block" if whole is None else "it has no atoms"
    raise InputError(f"{reason}; check it in a drawing program")


def _supplied(block: str, sanitize: bool) -> tuple[Chem.Mol | None, str]:
    """A record as the reader of SDF files sees it, for that one says why it fails."""

    def first() -> Chem.Mol | None:
        supplier = Chem.SDMolSupplier()
        supplier.SetData(block, sanitize=sanitize, removeHs=sanitize)
        return supplier[0] if len(supplier) else None

    return quietly(first)
