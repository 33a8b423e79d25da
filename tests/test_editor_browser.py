"""Drawing instead of typing, in a real Chromium: strokes of the mouse become a target, a part, a fragment to grow from.

The pictures that follow each letter are looked at here as well.
"""

import re

import pytest
from rdkit import Chem

from seqtutor_core.chemistry import sketcher
from tests.browsing import expect, needs_chromium, press

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]

needs_editor = pytest.mark.skipif(not sketcher.available(), reason=f"the editor is not installed: {sketcher.REMEDY}")


def open_molecules(page, address, query=""):
    page.goto(f"{address}/molecule{query}")
    expect(page.get_by_text("Which molecules?")).to_be_visible()


def open_editor(page, name):
    """The dialog of a field, and the paper to draw on."""
    press(page, f"draw-{name}")
    dialog = page.get_by_role("dialog")
    paper = dialog.locator("[data-openchemlib-canvas-editor] canvas").nth(1)
    expect(paper).to_be_visible()
    return dialog, paper


def stroke(page, paper, x, y):
    """Draw a bond that begins at a place of the paper, and point at its first atom."""
    box = paper.bounding_box()
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.mouse.move(box["x"] + x + 2, box["y"] + y)


def shown(page, name):
    """The alternative text of what a field's place shows."""
    return page.locator(f".st-key-place-{name} img")


@needs_editor
def test_what_is_drawn_with_the_mouse_becomes_the_target_or_grows_where_its_open_atom_was(page, address):
    open_molecules(page, address)
    page.get_by_text("Resemble a molecule").click()
    dialog, paper = open_editor(page, "target")
    expect(dialog.get_by_role("button", name="Use")).to_be_disabled()
    stroke(page, paper, 300, 200)
    expect(dialog.get_by_text("CC", exact=True)).to_be_visible()
    page.keyboard.press("o")  # what the atom under the pointer becomes
    page.keyboard.press("Enter")
    expect(dialog.get_by_text(re.compile("^(CO|OC)$"))).to_be_visible()
    dialog.get_by_role("button", name="Use").click()
    expect(dialog).to_have_count(0)
    field = page.locator(".st-key-mol_target input")
    expect(field).to_have_value(re.compile("^(CO|OC)$"))
    expect(shown(page, "target")).to_have_attribute("alt", "CO")
    page.wait_for_url(re.compile("mol_target="))

    page.get_by_text("Grow from a fragment").click()
    dialog, paper = open_editor(page, "prefix")
    stroke(page, paper, 300, 200)
    expect(dialog.get_by_text("CC", exact=True)).to_be_visible()
    page.keyboard.press("?")
    expect(dialog.get_by_text("C", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Use").click()
    expect(page.locator(".st-key-mol_prefix input")).to_have_value("C")
    expect(shown(page, "prefix")).to_have_attribute("alt", "beginning C")


@needs_editor
def test_the_editor_begins_with_what_the_field_has_and_dismissing_it_loses_nothing(page, address):
    open_molecules(page, address, "?mol_target=c1ccncc1&mol_required_smarts=[NX3;H2]")
    dialog, paper = open_editor(page, "target")
    expect(dialog.get_by_text("c1ccncc1", exact=True)).to_be_visible()
    stroke(page, paper, 60, 60)
    expect(dialog.get_by_text("CC", exact=False)).to_contain_text(".")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".st-key-mol_target input")).to_have_value("c1ccncc1")
    dialog, paper = open_editor(page, "required_smarts")
    expect(dialog.get_by_text("The editor cannot show [NX3;H2]")).to_be_visible()
    dialog.locator("[data-testid=stSelectbox] input").click()
    page.get_by_role("option", name="Another one").click()
    expect(dialog.get_by_text("The editor cannot show")).to_have_count(0)
    stroke(page, paper, 300, 200)
    page.keyboard.press("?")
    expect(dialog.get_by_text(re.compile(r"^(C\*|\*C)$"))).to_be_visible()
    dialog.get_by_role("button", name="Use").click()
    expect(page.locator(".st-key-mol_required_smarts textarea")).to_have_value(re.compile(r"^\[NX3;H2\]\n(C\*|\*C)$"))


def test_structures_follow_the_letters_line_by_line_and_only_enter_commits_them(page, address):
    open_molecules(page, address, "?mol_target=CCO")
    expect(shown(page, "target")).to_have_attribute("alt", "CCO")
    field = page.locator(".st-key-mol_target input")
    place = page.locator(".st-key-place-target")
    below = page.get_by_text("It counts once").first
    before = below.bounding_box()["y"] - field.bounding_box()["y"]
    field.press("End")
    field.press_sequentially("N")
    expect(shown(page, "target")).to_have_attribute("alt", "CCON")
    field.press_sequentially("(")
    expect(place).to_contain_text("at position 5 of 'CCON('")
    expect(shown(page, "target")).to_have_attribute("alt", "CCON, as it was before")
    assert below.bounding_box()["y"] - field.bounding_box()["y"] == before, "something moved"
    assert "mol_target=CCO&" in f"{page.url}&", "a letter is no choice yet"
    field.press_sequentially("C)C")
    field.press("Enter")
    page.wait_for_url(re.compile("mol_target=CCON"))
    expect(shown(page, "target")).to_have_attribute("alt", Chem.CanonSmiles("CCON(C)C"))

    page.get_by_text("Substructures", exact=True).click()
    field = page.locator(".st-key-mol_required_smarts textarea")
    field.press_sequentially("c1ccncc1\n[NX3;H2]\n<b>x")
    expect(shown(page, "required_smarts")).to_have_count(2)
    expect(shown(page, "required_smarts").nth(1)).to_have_attribute("alt", "pattern [NX3;H2]")
    expect(page.locator(".st-key-place-required_smarts")).to_contain_text("line 3: not SMARTS: '<'")
