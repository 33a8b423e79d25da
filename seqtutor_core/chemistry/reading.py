"""Read a SMILES or a mol block of a user as one molecule with remarks.

Sizes are checked before RDKit sees anything; an exception of RDKit costs only the record it is about.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rdkit import Chem

from seqtutor_core.chemistry.parsing import (
    MAX_FRAGMENTS,
    capture_log,
    check_text,
    chemistry_fault,
    parse,
    smiles_parser,
)
from seqtutor_core.chemistry.tokens import PATTERN, TOKENS, SmilesTokens, writer
from seqtutor_core.errors import InputError

LARGEST = 500  # heavy atoms


@dataclass(frozen=True)
class InputMolecule:
    """One molecule that a user typed, drew or uploaded."""

    smiles: str
    """Canonical, of the largest fragment."""
    remarks: tuple[str, ...] = ()
    """What was changed or is worth knowing, a sentence each."""
    name: str = ""


def from_smiles(smiles: str, corpus: str, name: str = "") -> InputMolecule:
    """Return the molecule of a SMILES, for a prior of a corpus; InputError shows the fault, or says the limit."""
    _check_sizes(smiles)
    return _input_molecule(parse(smiles), TOKENS[corpus], name)


def from_block(block: str, corpus: str, name: str = "") -> InputMolecule:
    """Return the molecule of a mol block, for a prior of a corpus; InputError with RDKit's reason."""
    # RDKit's log is cut amid a letter that takes several bytes, and then cannot be read
    block = block.encode("ascii", "replace").decode()
    whole, log = _supplied(block, sanitize=True)
    if whole is not None and whole.GetNumAtoms():
        return _input_molecule(whole, TOKENS[corpus], name)
    raw, _ = _supplied(block, sanitize=False)
    fault = None if raw is None else chemistry_fault(raw)
    if fault is not None:
        reason = f"{fault[0]} (atom {', '.join(str(atom + 1) for atom in fault[1][:10])})"
    else:
        reason = _logged(log) or ("not a mol block" if whole is None else "it has no atoms")
    raise InputError(f"{reason}; check it in a drawing program")


def read(sources: Sequence[str], blocks: bool, corpus: str) -> list[dict[str, Any]]:
    """Return for each SMILES, or mol block, {"smiles", "remarks"} of its molecule, or {"problem": the reason}."""
    answers: list[dict[str, Any]] = []
    for source in sources:
        try:
            given = from_block(source, corpus) if blocks else from_smiles(source, corpus)
            answers.append({"smiles": given.smiles, "remarks": given.remarks})
        except InputError as error:
            answers.append({"problem": str(error).partition("; ")[0]})
        except MemoryError:  # the process is out of memory, whichever record it was
            raise
        except Exception as error:  # noqa: BLE001  whatever RDKit raises is about this record alone
            reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            answers.append({"problem": f"RDKit cannot read it ({reason[:200]})"})
    return answers


def _check_sizes(smiles: str) -> None:
    """Raise InputError for so many atoms or parts that RDKit would take seconds."""
    check_text(smiles, "SMILES")
    atoms = sum(match.lastgroup == "atom" for match in PATTERN.finditer(smiles))
    if atoms > LARGEST:  # perhaps of several parts, or hydrogens; to look for rings in them takes seconds
        raw, _ = capture_log(lambda: Chem.MolFromSmiles(smiles, smiles_parser(sanitize=False)))
        if raw is not None:
            heavy = [sum(raw.GetAtomWithIdx(i).GetAtomicNum() > 1 for i in part) for part in Chem.GetMolFrags(raw)]
            _check_heavy_atoms(max(heavy))


def _check_heavy_atoms(count: int) -> None:
    if not 1 <= count <= LARGEST:
        raise InputError(
            f"a molecule of {count} heavy atoms is outside 1 to {LARGEST}; give another, or the part of it that matters"
        )


def _input_molecule(whole: Chem.Mol, tokens: SmilesTokens, name: str) -> InputMolecule:
    """Return the largest fragment of a molecule, with remarks; InputError if it has no or too many atoms."""
    fragments = len(Chem.GetMolFrags(whole))
    if fragments > MAX_FRAGMENTS:
        raise InputError(f"{fragments:,} separate parts are more than {MAX_FRAGMENTS}; give the part that matters")
    parts = Chem.GetMolFrags(whole, asMols=True) if fragments > 1 else [whole]
    kept, *others = sorted(parts, key=_size, reverse=True)
    remarks = []
    _check_heavy_atoms(kept.GetNumHeavyAtoms())
    smiles = Chem.MolToSmiles(kept)
    if others:
        left_out = ", ".join(short(Chem.MolToSmiles(other)) for other in others[:3]) + (" ..." if others[3:] else "")
        remarks.append(f"Kept the largest of {len(others) + 1} fragments, {short(smiles)}, and left out {left_out}.")
    return InputMolecule(smiles, (*remarks, *_beyond(kept, smiles, tokens)), name)


def _beyond(molecule: Chem.Mol, smiles: str, tokens: SmilesTokens) -> list[str]:
    """Return what a prior with these tokens cannot write of a molecule, a sentence each; it loses its stereochemistry.

    A token that another prior has is not missing from the language, so the sentence names that prior.
    """
    flat, remarks = smiles, []
    if tokens.missing(smiles) and re.search(r"[@/\\]", smiles):
        Chem.RemoveStereochemistry(molecule)
        flat = Chem.MolToSmiles(molecule)
        remarks.append(f"The prior writes no stereochemistry, and similarity does not look at it{writer(smiles)}.")
    if unknown := tokens.missing(flat):
        remarks.append(
            f"The prior cannot write {', '.join(unknown)}: similarity still works, "
            f"but this very molecule cannot be generated{writer(flat)}."
        )
    return remarks


def _size(fragment: Chem.Mol) -> tuple[int, int]:
    """Return heavy atoms, then protons: a bromide is larger than a hydroxide."""
    return fragment.GetNumHeavyAtoms(), sum(atom.GetAtomicNum() for atom in fragment.GetAtoms())


def short(text: str) -> str:
    """Return at most 40 characters of a text."""
    return text if len(text) <= 40 else f"{text[:40]}..."


def _logged(log: str) -> str:
    """Return why RDKit did not read a mol block, from its log; empty if the log says nothing."""
    symbol = re.search(r"Element '(.*?)' not found", log)
    if symbol:
        return f"{symbol.group(1)!r} is no element but perhaps an abbreviation, which has to be drawn out"
    reasons = [line.removeprefix("ERROR: ").partition(";")[0] for line in log.splitlines() if line.strip("*")]
    if reasons[:1] == ["Range Error"]:
        return "it names an atom that it does not have"
    return next((line for line in reasons if line != "Pre-condition Violation"), "")


def _supplied(block: str, sanitize: bool) -> tuple[Chem.Mol | None, str]:
    """Return a record read by RDKit's reader of SDF files, and its log, which says why it fails."""

    def first() -> Chem.Mol | None:
        supplier = Chem.SDMolSupplier()
        supplier.SetData(block, sanitize=sanitize, removeHs=sanitize)
        return supplier[0] if len(supplier) else None

    return capture_log(first)
