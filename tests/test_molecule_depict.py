"""Drawings and shapes: what is highlighted, what is coloured, what bonds measure, what a view asks the network for."""

import math
import re
import struct
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from seqtutor_core.chemistry import three_d
from seqtutor_core.chemistry.colours import ELEMENTS
from seqtutor_core.chemistry.conformer import LARGEST, conformer
from seqtutor_core.chemistry.depict import (
    CELL,
    LOWERS,
    RAISES,
    contributions,
    drawing,
    grid,
    grid_png,
)
from seqtutor_core.errors import InputError, SettingError
from tests.test_canvas import needs_drawings

pytestmark = needs_drawings

CELECOXIB = "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F"
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
CONFIG = Path(__file__).parents[1] / ".streamlit" / "config.toml"


def highlighted(svg: str) -> dict[int, tuple[str, float]]:
    """Atom -> colour and opacity of the disc or ring behind it."""
    found = {}
    for atom, style in re.findall(r"<ellipse [^>]*class='atom-(\d+)'\s+style='([^']*)'", svg):
        [(code, opacity)] = re.findall(r"stroke:(#[0-9A-F]{6})([0-9A-F]{2})?", style)
        found[int(atom)] = (code, int(opacity or "FF", 16) / 255)
    return found


def luminance(code: str) -> float:
    """Relative luminance by WCAG 2, 0 to 1."""
    channels = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# ---------------------------------------------------------------- drawings


def test_a_drawing_is_an_svg_of_the_asked_size_without_background() -> None:
    svg = drawing(ASPIRIN, width=300, height=200)
    root = ET.fromstring(svg)
    assert (root.get("width"), root.get("height")) == ("300px", "200px")
    assert "<rect" not in svg and svg.startswith("<svg")
    assert len(set(re.findall(r"class='bond-(\d+)", svg))) == 13


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("element", ELEMENTS)
def test_every_stroke_stands_out_on_a_light_and_on_a_dark_page(theme: str, element: int) -> None:
    background = tomllib.loads(CONFIG.read_text())["theme"][theme]["backgroundColor"]
    lighter, darker = sorted([luminance(background), luminance(ELEMENTS[element])], reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 3


def test_matched_atoms_and_no_others_are_marked() -> None:
    assert set(highlighted(drawing("CCO", marks=["[OX2H]"]))) == {2}
    assert set(highlighted(drawing(ASPIRIN, marks=["C(=O)[OH]", "c1ccccc1"]))) == {4, 5, 6, 7, 8, 9, 10, 11, 12}
    assert highlighted(drawing(ASPIRIN, marks=["[N]"])) == {}


def test_what_raises_is_a_teal_disc_and_what_lowers_an_orange_ring_the_strongest_darkest() -> None:
    svg = drawing("CCO", colours={0: 1.0, 1: 0.0, 2: -0.5})
    assert [fill == "none" for fill in re.findall(r"<ellipse [^>]*style='fill:([^;]*)", svg)] == [False, True]
    seen = highlighted(svg)
    assert set(seen) == {0, 2}
    assert (seen[0][0], seen[2][0]) == (RAISES, LOWERS)
    assert seen[0][1] > seen[2][1] > 0
    assert highlighted(drawing("CCO", colours={0: 0.0, 1: 0.0})) == {}


def test_what_cannot_be_drawn_says_why() -> None:
    with pytest.raises(InputError, match="'x' at position 5 of 'c1ccx1'"):
        drawing("c1ccx1")
    with pytest.raises(InputError, match=r"never closed.*position 1 of '\[O'"):
        drawing("CCO", marks=["[O"])
    with pytest.raises(SettingError, match=r"atom 3 .* 0 to 2"):
        drawing("CCO", colours={3: 1.0})


@pytest.mark.parametrize("smiles", [CELECOXIB, ASPIRIN, "C", "O=C1CCCN1", "[2H]C([2H])Cl"])
def test_contributions_add_up_to_the_property(smiles: str) -> None:
    molecule = Chem.MolFromSmiles(smiles)
    log_p, tpsa = contributions(smiles, "log_p"), contributions(smiles, "tpsa")
    assert log_p and tpsa
    assert math.fsum(log_p.values()) == pytest.approx(rdMolDescriptors.CalcCrippenDescriptors(molecule)[0])
    assert math.fsum(tpsa.values()) == pytest.approx(rdMolDescriptors.CalcTPSA(molecule))


def test_contributions_of_ethanol() -> None:
    log_p, tpsa = contributions("CCO", "log_p"), contributions("CCO", "tpsa")
    assert log_p and tpsa
    # Wildman and Crippen: C1 and three H1, C3 and two H1, O2 and H2
    assert [log_p[i] for i in range(3)] == pytest.approx([0.1441 + 0.369, -0.2035 + 0.246, -0.2893 - 0.2677])
    assert [tpsa[i] for i in range(3)] == pytest.approx([0, 0, 20.23])  # Ertl: a hydroxyl's oxygen
    assert contributions("CCO", "molecular_weight") is None


def test_a_grid_has_a_cell_for_each() -> None:
    root = ET.fromstring(grid(["CCO"] * 7, ["<b>&é"] * 7, columns=3))
    assert (root.get("width"), root.get("height")) == (f"{3 * CELL[0]}px", f"{3 * CELL[1]}px")
    png = grid_png(["CCO", "C"], ["", "methane"])
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (2 * CELL[0], CELL[1])


def test_grids_that_cannot_be_drawn() -> None:
    with pytest.raises(InputError, match="0 molecules"):
        grid([], [])
    with pytest.raises(SettingError, match="1 legends for 2 molecules"):
        grid_png(["C", "CC"], ["methane"])
    with pytest.raises(SettingError, match="0 columns"):
        grid(["C"], [""], columns=0)


# ---------------------------------------------------------------- shapes


def test_bonds_have_their_lengths() -> None:
    benzene = Chem.MolFromMolBlock(conformer("c1ccccc1"), removeHs=False)
    assert benzene.GetNumAtoms() == 12
    place = benzene.GetConformer()
    assert place.Is3D()
    for bond in benzene.GetBonds():
        ends = [place.GetAtomPosition(i) for i in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())]
        expected = 1.39 if bond.GetIsAromatic() else 1.09  # angstroms, measured in crystals and gases
        assert ends[0].Distance(ends[1]) == pytest.approx(expected, abs=0.03)


def test_the_shape_keeps_the_molecule_and_its_handedness() -> None:
    for smiles in (CELECOXIB, "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"):
        again = Chem.MolFromMolBlock(conformer(smiles))
        assert Chem.MolToSmiles(again) == Chem.MolToSmiles(Chem.MolFromSmiles(smiles))


def test_the_seed_decides_the_shape() -> None:
    conformer.cache_clear()
    first = conformer(CELECOXIB, 1)
    conformer.cache_clear()
    assert conformer(CELECOXIB, 1) == first != conformer(CELECOXIB, 2)


def test_elements_that_no_force_field_knows_get_a_shape_too() -> None:
    assert "V2000" in conformer("C[Pt](C)(Cl)Cl")


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("C" * (LARGEST + 1), "151 heavy atoms is too large .* 150 .* two dimensions"),
        ("C1#CC1", "no shape in space .* two dimensions stands"),
        ("CC(", "not SMILES"),
    ],
)
def test_molecules_without_a_shape_say_so(smiles: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        conformer(smiles)


# ---------------------------------------------------------------- the view


@pytest.mark.parametrize("style", three_d.STYLES)
def test_a_view_asks_for_its_script_and_nothing_else(style: str) -> None:
    html = three_d.view(conformer(ASPIRIN), "app/static/3Dmol-min.js", 400, 300, style)
    assert html.count("app/static/3Dmol-min.js") == 1
    assert not re.search(r"https?:|[\"'(]//|download\(|@import|<link|<img", html)
    assert "width: 400px; height: 300px" in html
    assert 'setBackgroundColor("#000000",0)' in html


def test_the_same_view_has_the_same_text() -> None:
    block = conformer(ASPIRIN)
    first = three_d.view(block, "a.js")
    assert three_d.view(block, "a.js") == first
    assert three_d.view(block, "a.js", style="spheres") != first
    assert three_d.view(conformer("CCO"), "a.js") != first


def test_a_strangers_title_or_property_runs_nothing() -> None:
    attack = "</script><script>alert(1)</script>"
    block = attack + conformer("CCO") + f">  <{attack}>\n{attack}\n\n$$$$\n"
    assert "alert" not in three_d.view(block, "a.js")


def test_views_that_cannot_be_made() -> None:
    with pytest.raises(SettingError, match=r"'cartoon'.*sticks, balls and sticks, spheres"):
        three_d.view(conformer("CCO"), "a.js", style="cartoon")
    with pytest.raises(InputError, match="M  END"):
        three_d.view("CCO", "a.js")


def test_the_script_is_looked_for_where_streamlit_serves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert three_d.SCRIPT.relative_to(Path(__file__).parents[1]).as_posix() == "static/3Dmol-min.js"
    monkeypatch.setattr(three_d, "SCRIPT", tmp_path / "3Dmol-min.js")
    assert not three_d.available()
    (tmp_path / "3Dmol-min.js").write_text("")
    assert three_d.available()
