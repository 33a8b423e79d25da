"""Draw molecules: one for a page, grids to take away.

A drawing does not know whether its page is light or dark, so its strokes have middle brightness, with a contrast of at
least 3 to 1 on both. Grids are for paper and slides: dark strokes on white.

Whatever draws raises MissingPartError where RDKit lacks a part of the system (see canvas.py).
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdDepictor, rdMolDescriptors

from seqtutor_core.chemistry.canvas import canvases
from seqtutor_core.chemistry.colours import ELEMENTS
from seqtutor_core.chemistry.inputs import prefix
from seqtutor_core.chemistry.limits import SearchTimeout
from seqtutor_core.chemistry.parsing import capture_log, parse, parse_smarts, smiles_parser
from seqtutor_core.chemistry.prefix_validity import with_placeholders
from seqtutor_core.chemistry.substructures import substructure
from seqtutor_core.chemistry.table import STRIPPED
from seqtutor_core.chemistry.tokens import MOSES, split
from seqtutor_core.errors import InputError, SettingError

Colour = tuple[float, float, float, float]


def _colour(code: str, opacity: float = 1.0) -> Colour:
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue, opacity


MARK = _colour("#7A5BA6", 0.35)
RAISES, LOWERS = "#2F7F86", "#CC7722"
RING = re.compile(f"fill:{LOWERS}(?:..)?;(.*?)stroke-width:1.0px")
WEAKEST, STRONGEST = 0.15, 0.5  # opacity by contribution; the atom's letter has to be read through it
FAINT = 0.04  # of the strongest contribution: less stays uncoloured
SMALLEST_LETTERS = 13  # pixels
LONGEST_BOND = 0.17  # of a drawing's smaller side, so that benzene does not fill it
CELL = (240, 200)  # pixels of one molecule in a grid, its legend included
LABEL_LONGEST = 8  # characters of what SMARTS says of an atom
LEGEND_LONGEST = 34  # characters; a longer one would be too small to read


def drawing(
    smiles: str,
    width: int = 240,
    height: int = 180,
    marks: Sequence[str] = (),
    colours: Mapping[int, float] | None = None,
) -> str:
    """Return a molecule as an SVG of width x height pixels, transparent, legible on a light and on a dark page.

    smiles: the molecule. marks: SMARTS whose atoms and bonds are highlighted. colours: signed contributions by atom
    index, as `contributions` returns them: a teal disc behind atoms that raise a property, an orange ring around those
    that lower it, the strongest darkest. InputError for an invalid SMILES or SMARTS, SettingError for an unknown atom.
    """
    molecule = parse(smiles)
    atoms, bonds = _matched(molecule, marks)
    if colours:
        _check_atoms(molecule, colours)
        atoms.update(_by_contribution(colours))
    canvas = _canvas(width, height)
    _arrange(molecule)
    canvases().PrepareAndDrawMolecule(
        canvas,
        molecule,
        highlightAtoms=list(atoms),
        highlightAtomColors=atoms,
        highlightBonds=list(bonds),
        highlightBondColors=bonds,
    )
    canvas.FinishDrawing()
    return RING.sub(r"fill:none;\1stroke-width:2.5px", _inline(canvas.GetDrawingText()))


def pattern_drawing(smarts: str, width: int, height: int) -> str:
    """Return an SVG of a pattern, as `drawing` makes it, with the SMARTS of an atom as its label.

    InputError for an invalid pattern.
    """
    substructure(smarts)
    if "[" not in smarts:
        with suppress(InputError):
            return drawing(smarts, width, height)
    query = parse_smarts(smarts)
    canvas = _canvas(width, height)
    for atom in query.GetAtoms():
        if (text := atom.GetSmarts()).startswith("["):
            canvas.drawOptions().atomLabels[atom.GetIdx()] = text[1:-1].replace("&", "")[:LABEL_LONGEST]
    return _unfinished(query, canvas)


def prefix_drawing(text: str, width: int, height: int, corpus: str = MOSES.corpus) -> str:
    """Return a SMILES prefix as an SVG, as `drawing` makes it: * for atoms to come, the atom it continues from marked.

    text: the prefix. width, height: pixels. corpus: what the prior learned from. InputError or TokenError for a prefix
    of no molecule, or with tokens that a prior of the corpus does not write.
    """
    prefix(text, corpus)
    smiles, current = with_placeholders(split(text.strip(STRIPPED)))
    molecule, _ = capture_log(lambda: Chem.MolFromSmiles(smiles, smiles_parser(sanitize=False)))
    capture_log(lambda: Chem.Kekulize(molecule, clearAromaticFlags=True))  # of rings that are closed
    marked = [] if current is None else [current]
    return _unfinished(molecule, _canvas(width, height), marked)


def _unfinished(molecule: Chem.Mol, canvas: Any, marked: Sequence[int] = ()) -> str:
    """Return an SVG of a pattern or an incomplete molecule."""
    molecule.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(molecule)
    options = canvas.drawOptions()
    options.prepareMolsBeforeDrawing = False
    _arrange(molecule)
    canvas.DrawMolecule(molecule, highlightAtoms=marked, highlightAtomColors=dict.fromkeys(marked, MARK))
    canvas.FinishDrawing()
    return _inline(canvas.GetDrawingText())


def _canvas(width: int, height: int) -> Any:
    """Return a transparent canvas for one drawing."""
    canvas = canvases().MolDraw2DSVG(width, height)
    options = canvas.drawOptions()
    options.clearBackground = False
    options.setAtomPalette({number: _colour(code)[:3] for number, code in ELEMENTS.items()})
    options.standardColoursForHighlightedAtoms = True
    options.highlightRadius = 0.38  # of a bond
    options.minFontSize = SMALLEST_LETTERS
    options.fixedBondLength = LONGEST_BOND * min(width, height)
    return canvas


def contributions(smiles: str, name: str) -> dict[int, float] | None:
    """Return what each heavy atom, its hydrogens included, adds to a property; the sum is the property.

    log_p has Crippen's contributions (no unit), tpsa Ertl's (square angstroms); any other property None.
    """
    molecule = parse(smiles)
    if name == "tpsa":
        return dict(enumerate(rdMolDescriptors._CalcTPSAContribs(molecule)))
    if name != "log_p":
        return None
    full = Chem.AddHs(molecule)  # Crippen's hydrogens contribute on their own, after the heavy atoms
    shares = dict.fromkeys(range(molecule.GetNumAtoms()), 0.0)
    for atom, (log_p, _) in zip(full.GetAtoms(), rdMolDescriptors._CalcCrippenContribs(full), strict=True):
        added = atom.GetIdx() >= molecule.GetNumAtoms()
        shares[atom.GetNeighbors()[0].GetIdx() if added else atom.GetIdx()] += log_p
    return shares


def grid(smiles: Sequence[str], legends: Sequence[str], columns: int = 5) -> str:
    """Return an SVG of all molecules on white, each above its legend. Raises as grid_png does."""
    return _inline(_grid(canvases().MolDraw2DSVG, smiles, legends, columns))


def grid_png(smiles: Sequence[str], legends: Sequence[str], columns: int = 5) -> bytes:
    """Return the same as PNG. InputError without a molecule or for an invalid SMILES, SettingError for wrong counts."""
    picture: bytes = _grid(canvases().MolDraw2DCairo, smiles, legends, columns)
    return picture


def _grid(canvas_type: type, smiles: Sequence[str], legends: Sequence[str], columns: int) -> Any:
    """Return the picture in the type of its canvas: text from SVG, bytes from PNG."""
    if not smiles:
        raise InputError("0 molecules were chosen, and a grid needs one; choose some first")
    if len(legends) != len(smiles):
        raise SettingError(f"{len(legends)} legends for {len(smiles)} molecules; give one to each, '' for none")
    if columns < 1:
        raise SettingError(f"a grid of {columns} columns has no place; give 1 or more")
    molecules = [parse(s) for s in smiles]
    columns = min(columns, len(molecules))
    rows = -(-len(molecules) // columns)
    width, height = CELL
    canvas = canvas_type(columns * width, rows * height, width, height)
    options = canvas.drawOptions()
    options.legendFraction = 0.14
    options.legendFontSize = 15
    options.drawMolsSameScale = False
    options.minFontSize = SMALLEST_LETTERS
    options.fixedBondLength = LONGEST_BOND * min(CELL)
    for molecule in molecules:
        _arrange(molecule)
    canvas.DrawMolecules(molecules, legends=[_legend(text) for text in legends])
    canvas.FinishDrawing()
    return canvas.GetDrawingText()


def _arrange(molecule: Chem.Mol) -> None:
    """Lay the atoms out in the plane, with bonds at the usual angles."""
    rdDepictor.Compute2DCoords(molecule)
    rdDepictor.StraightenDepiction(molecule, minimizeRotation=True)


def _matched(molecule: Chem.Mol, marks: Sequence[str]) -> tuple[dict[int, Colour], dict[int, Colour]]:
    """Return colours for every atom that a mark matches and every bond that one of its bonds matches."""
    atoms: set[int] = set()
    bonds: set[int] = set()
    for pattern in map(substructure, marks):
        with suppress(SearchTimeout):  # the drawing stands without this mark
            more_atoms, more_bonds = pattern.marks(molecule)
            atoms |= more_atoms
            bonds |= more_bonds
    return dict.fromkeys(sorted(atoms), MARK), dict.fromkeys(sorted(bonds), MARK)


def _by_contribution(colours: Mapping[int, float]) -> dict[int, Colour]:
    strongest = max(abs(value) for value in colours.values())
    return {
        atom: _colour(RAISES if value > 0 else LOWERS, WEAKEST + (STRONGEST - WEAKEST) * abs(value) / strongest)
        for atom, value in colours.items()
        if abs(value) > FAINT * strongest
    }


def _check_atoms(molecule: Chem.Mol, colours: Mapping[int, float]) -> None:
    strays = [atom for atom in colours if not 0 <= atom < molecule.GetNumAtoms()]
    if strays:
        raise SettingError(
            f"atom {strays[0]} is to be coloured and the molecule has atoms 0 to {molecule.GetNumAtoms() - 1}; "
            "take the contributions of the same SMILES"
        )


def _legend(text: str) -> str:
    """Return the text without accents and signs, which RDKit has no letters for, and short enough to read."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return plain if len(plain) <= LEGEND_LONGEST else f"{plain[: LEGEND_LONGEST - 3]}..."


def _inline(svg: str) -> str:
    """Return the SVG without its XML declaration, so that a page can contain it."""
    return svg[svg.index("<svg") :]
