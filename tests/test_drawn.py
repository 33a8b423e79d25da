"""Structures drawn or typed, without a browser: what the editor writes is read, and pictures show what a text says."""

import re
from functools import partial
from pathlib import Path

import pytest
from rdkit import Chem

from pages.ui.molecule import typed
from seqtutor_core.chemistry import inputs, sketcher
from seqtutor_core.chemistry.depict import pattern_drawing, prefix_drawing
from seqtutor_core.chemistry.prefix_validity import with_placeholders
from seqtutor_core.chemistry.substructures import substructure
from seqtutor_core.chemistry.tokens import split
from seqtutor_core.errors import InputError, SeqTutorError
from tests.paging import opened, press, texts
from tests.test_canvas import needs_drawings

pytestmark = needs_drawings

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture
def molecule(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    return opened("molecule")


# ---------------------------------------------------------------- what the editor writes


@pytest.mark.parametrize(
    "text", ["CC*", "*c1ccncc1C(=O)N1CCCC1", "CC(=O)N(*)C(C)CC(C)C", "*=CC", "C1CCC2(CC1)CC(C2)*", "c1ccc2c(c1)ccn2*"]
)
def test_a_beginning_goes_on_where_the_drawing_is_open(text):
    beginning = sketcher.prefix(text)
    assert "*" not in beginning
    assert Chem.CanonSmiles(f"{beginning}*") == Chem.CanonSmiles(text)
    assert inputs.prefix(beginning)


def test_a_drawing_without_an_open_atom_is_a_beginning_as_it_is():
    assert sketcher.prefix("OCC") == "OCC"


@pytest.mark.parametrize("text", ["*CC*", "*", "C*C"])
def test_a_molecule_grows_from_one_place(text):
    with pytest.raises(InputError, match="grows from one place"):
        sketcher.prefix(text)


def test_an_aromatic_carbon_of_the_editor_can_be_found():
    benzene = Chem.MolFromSmiles("c1ccccc1")
    assert sketcher.pattern("[C;a]") == "[#6;a]" and sketcher.pattern("[C,N;!R0;a]C") == "[#6,#7;!R0;a]C"
    assert not substructure("[C;a]").found_in(benzene) and substructure(sketcher.pattern("[C;a]")).found_in(benzene)
    for text in ("[C;A]", "[N;!H0]", "[C;!R0]", "c1ccncc1", "C[F,Cl,Br,I]"):
        assert sketcher.pattern(text) == text


def test_the_editor_lies_where_the_app_serves_it():
    assert sketcher.SCRIPT.relative_to(Path(__file__).parents[1]).as_posix() == "static/openchemlib.js"


# ---------------------------------------------------------------- pictures of what is no molecule


def test_a_beginning_is_drawn_with_what_is_to_come_and_where_it_goes_on():
    assert with_placeholders(split("C1CC(")) == ("C1CC(*).*1", 2)
    svg = prefix_drawing("C1CC(", 200, 100)
    assert re.findall(r"<ellipse [^>]*class='atom-(\d+)'", svg) == ["2"]
    with pytest.raises(SeqTutorError, match="position 5"):
        prefix_drawing("c1cc[Si]", 200, 100)


@pytest.mark.parametrize("text", ["c1ccncc1", "[NX3;H2;!$(NC=O)]", "[#6]~[N,O]", "C.C", "[N+](=O)[O-]", "*"])
def test_patterns_are_drawn(text):
    assert pattern_drawing(text, 110, 70).startswith("<svg")


def test_a_pattern_is_no_drawing_of_another_atom():
    """RDKit draws what is anything but carbon as OH."""
    assert pattern_drawing("[!#6]", 110, 70) != pattern_drawing("[#8]", 110, 70)
    with pytest.raises(InputError, match="position 1"):
        pattern_drawing("<b>", 110, 70)


# ---------------------------------------------------------------- on the page


@pytest.mark.slow
def test_what_is_drawn_is_checked_like_what_is_typed_and_comes_by_use_alone(molecule):
    """Nothing is drawn here, so the editor gives what the field had; tests/test_editor_browser.py draws."""
    page = molecule.run()
    page.text_area(key="mol_required_smarts").input("c1ccncc1\n[NX3;H2]").run()
    if not sketcher.available():
        pytest.skip(f"the editor is not installed: {sketcher.REMEDY}")
    press(page, "draw-required_smarts")
    assert page.selectbox(key="editor-line").options == ["1. c1ccncc1", "2. [NX3;H2]", "Another one"]
    assert not page.button(key="editor-use").disabled
    page.selectbox(key="editor-line").set_value(1).run()
    assert "The editor cannot show [NX3;H2]" in texts(page.info)
    assert page.button(key="editor-use").disabled
    page.selectbox(key="editor-line").set_value(0).run()
    press(page, "editor-use")
    assert "editor-use" not in {b.key for b in page.button}
    assert page.text_area(key="mol_required_smarts").value == "c1ccncc1\n[NX3;H2]"


@pytest.mark.slow
def test_without_the_editor_the_page_says_how_to_get_it_and_texts_still_count(molecule, monkeypatch):
    monkeypatch.setattr(sketcher, "available", lambda: False)
    page = molecule.run()
    page.text_input(key="mol_target").input(ASPIRIN).run()
    assert not page.exception and not page.error
    assert sketcher.REMEDY in texts(page.caption)
    assert not [b.key for b in page.button if b.key and b.key.startswith("draw-")]
    press(page, "count-similarity")
    assert page.slider(key="mol_similarity").value == 100.0


@pytest.mark.parametrize("text", ["<b>C</b>![](http://127.0.0.1:9/a)", "C" * 501, "🧪", "CC(", "$x$"])
@pytest.mark.parametrize("name", ["target", "prefix", "required_smarts"])
def test_odd_texts_are_told_in_a_sentence(name, text):
    reads: dict[str, typed.Read] = {
        "target": partial(typed.molecule, "moses"),
        "prefix": partial(typed.beginning, "moses"),
        "required_smarts": typed.patterns,
    }
    structure = reads[name](text)
    if (name, text) in {("prefix", "CC("), ("required_smarts", "C" * 501)}:
        assert structure.pictures and not structure.problem
    else:
        assert structure.problem and not structure.pictures
