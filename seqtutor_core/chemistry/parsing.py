"""SMILES and SMARTS into RDKit molecules, with errors that say where the text is wrong."""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rdkit import Chem, rdBase

from seqtutor_core.chemistry.tokens import PATTERN
from seqtutor_core.errors import InputError

LONGEST_TEXT = 10_000  # characters; a molecule of 500 atoms needs about 1,500
MAX_FRAGMENTS = 100
MAX_ATOMS = 5_000  # of all fragments, hydrogens included
WAY_OUT = {
    "SMILES": "correct it there, or paste the SMILES that a drawing program gives",
    "SMARTS": "correct it there; examples are [NX3;H2], c1ccccc1, C(=O)[OH]",
}
SEEN_AROUND = 20  # characters shown on each side of a fault

# RDKit's log is one for the whole process: two sessions must not read each other's messages.
_LOG = threading.Lock()
_FOREIGN = re.compile(r"[^!-~]")


def parse(smiles: str) -> Chem.Mol:
    """Return the molecule of a SMILES, checked for valence and aromaticity; InputError shows fault and place."""
    check_text(smiles, "SMILES")
    molecule, log = capture_log(lambda: Chem.MolFromSmiles(smiles, smiles_parser(sanitize=True)))
    if molecule is not None:
        return molecule
    raw, _ = capture_log(lambda: Chem.MolFromSmiles(smiles, smiles_parser(sanitize=False)))
    fault = None if raw is None else chemistry_fault(raw)
    what = _syntax(smiles, log, "SMILES") if fault is None else f"{fault[0]}: {_atoms_in(smiles, fault[1])}"
    raise InputError(f"{what}; {WAY_OUT['SMILES']}")


def parse_smarts(text: str) -> Chem.Mol:
    """Return the query of a SMARTS; InputError shows what is wrong and where."""
    check_text(text, "SMARTS")
    query, log = capture_log(lambda: Chem.MolFromSmarts(text))
    if query is None:
        raise InputError(f"{_syntax(text, log, 'SMARTS')}; {WAY_OUT['SMARTS']}")
    return query


def capture_log(function: Callable[[], Any]) -> tuple[Any, str]:
    """Call a function of RDKit; return its result, None if it raises, and the error log it wrote meanwhile."""
    result = None
    with _LOG, rdBase.CaptureErrorLog() as captured, suppress(Exception):
        result = function()
    lines = [re.sub(r"^\[\d\d:\d\d:\d\d\] ?", "", line).strip() for line in captured.messages.splitlines()]
    return result, "\n".join(line for line in lines if line)


def smiles_parser(sanitize: bool) -> Chem.SmilesParserParams:
    """Return parameters that read a SMILES without a name or extension; unsanitised, every atom stays as written."""
    params: Any = Chem.SmilesParserParams()
    params.sanitize = params.removeHs = sanitize
    params.allowCXSMILES = params.parseName = False
    return params


def chemistry_fault(molecule: Chem.Mol) -> tuple[str, list[int]] | None:
    """Return the first chemical fault of an unsanitised molecule and the atoms that have it; None without a fault."""
    problems, _ = capture_log(lambda: Chem.DetectChemistryProblems(molecule))
    if not problems:
        return None
    problem = problems[0]
    if problem.GetType() == "KekulizeException":
        reason = "no alternation of single and double bonds fits the aromatic atoms (perhaps n should be [nH])"
        return reason, sorted(problem.GetAtomIndices())
    if problem.GetType() == "AtomValenceException":
        atom = molecule.GetAtomWithIdx(problem.GetAtomIdx())
        match = re.search(r"atom # \d+ \w+, (\d+)", problem.Message())
        bonds = f"{match.group(1)} bonds" if match else "more bonds"
        return f"{atom.GetSymbol()} has {bonds}, more than its valence allows", [atom.GetIdx()]
    atoms = [problem.GetAtomIdx()] if hasattr(problem, "GetAtomIdx") else []
    if "non-ring atom" in problem.Message():
        return "a small letter means aromatic, and this atom is in no ring", atoms
    return problem.Message().strip().rstrip("."), atoms


def pointed(text: str, position: int) -> str:
    """Return the character at a position, counted from 1, with its surroundings."""
    first, last = max(0, position - 1 - SEEN_AROUND), position + SEEN_AROUND
    shown = f"{'...' if first else ''}{text[first:last]}{'...' if last < len(text) else ''}"
    return f"{text[position - 1 : position]!r} at position {position} of {shown!r}"


def check_text(text: str, what: str) -> None:
    """Raise InputError for a text that is too large for RDKit, or that RDKit would read only in part."""
    if not text:
        raise InputError(f"no {what} is given; type or paste one, such as c1ccccc1")
    if len(text) > LONGEST_TEXT:
        raise InputError(f"{len(text):,} characters of {what} are more than {LONGEST_TEXT:,}; give a smaller one")
    # RDKit passes over what is not ASCII and takes whatever follows a blank for a name
    if foreign := _FOREIGN.search(text):
        raise InputError(f"not {what}: {pointed(text, foreign.start() + 1)}; {WAY_OUT[what]}")
    parts = text.count(".") + 1
    atoms = sum(match.lastgroup == "atom" for match in PATTERN.finditer(text)) if len(text) > MAX_ATOMS else 0
    for count, most, kind in ((parts, MAX_FRAGMENTS, "parts joined by dots"), (atoms, MAX_ATOMS, "atoms")):
        if count > most:
            raise InputError(f"{count:,} {kind} are more than {most:,}; give the part that matters")


def _syntax(text: str, log: str, what: str) -> str:
    """Describe a syntax error. RDKit says where it gave up, except for rings and atoms in brackets."""
    opened = text.rfind("[")
    if opened > text.rfind("]"):
        return f"this bracket is never closed: {pointed(text, opened + 1)}"
    around = re.search(r"around position (\d+)", log)
    if around:
        rule = f"not {what}"
        if "extra open paren" in log:
            rule = "this branch is never closed"
        elif "extra close paren" in log:
            rule = "this branch was never opened"
        return f"{rule}: {pointed(text, min(max(int(around.group(1)), 1), len(text)))}"
    if "unclosed ring" in log and (opened_rings := _open_rings(text)):
        label, position = min(opened_rings.items(), key=lambda item: item[1])
        return f"ring {label} is opened and never closed: {pointed(text, position)}"
    if "ring closure" in log:
        return f"a ring closes onto the atom it starts from, or onto its neighbour: {_short(text)}"
    return f"not {what}: {_short(text)}"


def _open_rings(text: str) -> dict[int, int]:
    """Return the ring numbers that stay open, and their positions from 1."""
    opened: dict[int, int] = {}
    for match in re.finditer(r"\[[^\]]*\]|%\(\d+\)|%\d\d|\d", text):
        if match.group().startswith("["):
            continue  # digits there count isotopes, hydrogens and charges
        label = int(match.group().strip("%()"))
        if opened.pop(label, None) is None:
            opened[label] = match.start() + 1
    return opened


def _atoms_in(smiles: str, atoms: list[int]) -> str:
    """Return where atoms stand in their SMILES: one by its place, several as the piece from first to last."""
    places = [m.span() for m in PATTERN.finditer(smiles) if m.lastgroup == "atom"]
    if not atoms or max(atoms) >= len(places):
        return _short(smiles)
    first, last = places[min(atoms)], places[max(atoms)]
    if len(atoms) == 1:
        return pointed(smiles, first[0] + 1)
    return f"{_short(smiles[first[0] : last[1]])} from position {first[0] + 1} to {last[1]}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 2 * SEEN_AROUND else f"{text[: 2 * SEEN_AROUND]}...")
