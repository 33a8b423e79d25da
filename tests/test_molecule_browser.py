"""The molecule page as a person uses it, in a real Chromium: a whole run, a closer look, files in and out, faults."""

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest
from rdkit import Chem

from seqtutor_core.domains.molecule import three_d
from seqtutor_core.runs import store
from tests.browsing import (
    badge,
    expect,
    needs_chromium,
    press,
    until,
)

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
CELECOXIB = "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"


def open_molecules(page, address, query=""):
    """The molecule page by its link, drawn to its end."""
    page.goto(f"{address}/molecule{query}")
    expect(page.get_by_role("heading", name="Molecule", exact=True)).to_be_visible()
    expect(page.get_by_text("Take away everything")).to_be_visible()


def fill(page, key, text):
    """Type into a field and leave it."""
    field = page.locator(f".st-key-{key} input, .st-key-{key} textarea").first
    field.fill(text)
    field.press("Control+Enter")


def alert(page, text):
    return page.get_by_test_id("stAlert").filter(has_text=text)


def fetched(page, key):
    """The file behind a download button."""
    with page.expect_download() as download:
        page.locator(f".st-key-{key} button").first.click()
    return Path(download.value.path()).read_bytes()


# ---------------------------------------------------------------- a run


def test_a_whole_session(page, address):
    """Start, see curves and molecules arrive, the board fill and the tuned row join the prior's."""
    open_molecules(page, address, "?mol_seconds=20%20s")
    press(page, "start")
    expect(badge(page, "Tuning")).to_be_visible()
    run = store.runs()[0]
    assert run.config.domain == "molecule"
    expect(page.get_by_role("heading", name="Arriving")).to_be_visible()
    expect(page.get_by_role("heading", name="Best so far")).to_be_visible()
    expect(page.locator("[data-testid=stMetric]").filter(has_text="Scaffolds")).to_be_visible()
    expect(badge(page, "Finished")).to_be_visible()
    expect(page.get_by_role("heading", name="Tuned")).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.js-plotly-plot')].some(plot => plot.data?.some(t => t.name == 'Tuned'))"
    )
    assert run.best(), "the board outlives the run"
    page.reload()
    expect(badge(page, "Finished")).to_be_visible()
    expect(page.get_by_role("heading", name="Best so far")).to_be_visible()


def test_a_moved_slider_steers(page, address):
    open_molecules(page, address, "?mol_seconds=5%20min&mol_qed=80")
    press(page, "start")
    expect(badge(page, "Tuning")).to_be_visible()
    expect(page.get_by_role("heading", name="Tuned")).to_be_visible()
    page.locator(".st-key-mol_qed").get_by_role("slider").press("ArrowRight")
    page.wait_for_url(re.compile("mol_qed=84"))
    run = store.runs()[0]
    until(page, lambda: any("weights.qed" in line["changed"] for line in run.metrics()[0]))
    press(page, "stop")
    expect(badge(page, "Stopped")).to_be_visible()


# ---------------------------------------------------------------- looking closely


def test_a_closer_look_in_the_plane_and_in_space(page, address):
    open_molecules(page, address)
    press(page, "look-0")
    look = page.get_by_role("dialog")
    expect(look.get_by_text("Why it scores")).to_be_visible()
    expect(look.get_by_text("polar surface in Å²")).to_be_visible()
    plain = look.get_by_role("img").first.get_attribute("src")
    look.get_by_role("radio", name="log P").or_(look.get_by_role("button", name="log P")).first.click()
    expect(look.get_by_text("Teal atoms raise log P")).to_be_visible()
    assert look.get_by_role("img").first.get_attribute("src") != plain
    if three_d.available():
        canvas = look.frame_locator("iframe").locator("canvas").first
        expect(canvas).to_be_visible()
        before = canvas.screenshot()
        canvas.drag_to(canvas, source_position={"x": 150, "y": 150}, target_position={"x": 260, "y": 190})
        assert canvas.screenshot() != before, "it does not turn"
    else:
        expect(alert(look, three_d.REMEDY)).to_be_visible()
    look.get_by_role("button", name="Close").click()
    expect(look).to_have_count(0)


def test_a_molecule_found_becomes_the_target(page, address):
    open_molecules(page, address)
    press(page, "look-1")
    look = page.get_by_role("dialog")
    smiles = look.get_by_test_id("stCode").locator("code").inner_text().strip()  # the scaffold below is code, too
    look.get_by_role("button", name="Resemble it").click()
    expect(look).to_have_count(0)
    expect(page.locator(".st-key-mol_target input")).to_have_value(smiles)
    expect(page.locator(".st-key-mol_similarity")).to_contain_text("100")


# ---------------------------------------------------------------- taking away


def test_a_selection_in_every_format(page, address):
    open_molecules(page, address)
    for i in (0, 3):
        page.locator(f".st-key-choose-{i} label").first.click()
        expect(page.get_by_text(f"{1 if i == 0 else 2} chosen").first).to_be_visible()
    with zipfile.ZipFile(io.BytesIO(fetched(page, "take-zip"))) as archive:
        read = {name.rpartition(".")[2]: archive.read(name) for name in archive.namelist()}
    assert set(read) == {"sdf", "smi", "csv", "svg", "png"}
    table = list(csv.DictReader(io.StringIO(read["csv"].decode())))
    assert len(table) == 2
    supplier = Chem.SDMolSupplier()
    supplier.SetData(read["sdf"].decode())
    for record, row in zip(supplier, table, strict=True):
        assert Chem.MolToSmiles(record) == Chem.CanonSmiles(row["smiles"])
        assert record.GetConformer().Is3D()
        assert float(record.GetProp("qed")) == float(row["qed"])
    assert [line.split("\t")[0] for line in read["smi"].decode().splitlines()] == [row["smiles"] for row in table]
    assert read["png"].startswith(b"\x89PNG")
    assert b"<svg" in read["svg"]
    assert fetched(page, "take-csv") == read["csv"]


def test_everything_page_by_page(page, address):
    open_molecules(page, address)
    all_of_them = page.locator(".st-key-choose-all button").first.inner_text()
    n = int(re.findall(r"\d+", all_of_them)[0])
    expect(page.locator(".st-key-choose-0")).not_to_have_text("")
    expect(page.locator(".st-key-choose-24")).to_be_visible()
    expect(page.locator(".st-key-choose-25")).to_have_count(0)
    assert len(fetched(page, "take-smi").decode().splitlines()) == n


# ---------------------------------------------------------------- what a person gives


def test_a_target_is_drawn_and_travels_in_the_link(page, address):
    open_molecules(page, address)
    page.get_by_text("Resemble a molecule").click()
    fill(page, "mol_target", CELECOXIB)
    press(page, "count-similarity")
    page.wait_for_url(re.compile("mol_similarity=100"))
    page.reload()
    expect(page.locator(".st-key-mol_target input")).to_have_value(CELECOXIB)
    expect(page.locator(".js-plotly-plot").get_by_text("Similarity to the target").first).to_be_visible()


def test_good_records_of_a_broken_file_are_read(page, address):
    good = "\n".join(Chem.MolToMolBlock(Chem.MolFromSmiles(s)) + "$$$$" for s in (ASPIRIN, CELECOXIB))
    abbreviation = Chem.MolToMolBlock(Chem.MolFromSmiles("CO")).replace(" O ", " Ph").replace("\n", "phenyl\n", 1)
    broken = f"bad one\n  nothing\n\nthis is no mol block\n$$$$\n{abbreviation}$$$$\n{good}\n"
    open_molecules(page, address)
    page.get_by_text("From a file").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "some.sdf", "mimeType": "chemical/x-mdl-sdfile", "buffer": broken.encode()}
    )
    expect(alert(page, "2 records could not be read")).to_contain_text("record 1 (bad one)")
    expect(alert(page, "2 records could not be read")).to_contain_text("record 2 (phenyl): 'Ph' is no element")
    expect(page.get_by_text("2 molecules", exact=True)).to_be_visible()
    page.get_by_role("button", name="Resemble it").first.click()
    expect(page.locator(".st-key-mol_target input")).to_have_value(ASPIRIN)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.smi", b"", "empty"),
        ("wrong.smi", b"\xff\xfe\x00c1ccccc1", "UTF-8"),
        ("nothing.csv", b"a,b\n1,2\n", "smiles"),
        ("huge.sdf", b"x" * 50 * 2**20, "20 MB"),
    ],
)
def test_a_wrong_file_is_told_and_costs_nothing(page, address, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    open_molecules(page, address, f"?mol_target={ASPIRIN}&mol_qed=80")
    page.get_by_text("From a file").click()
    page.locator("input[type=file]").set_input_files(tmp_path / name)
    expect(alert(page, message)).to_be_visible()
    expect(page.locator(".st-key-mol_target input")).to_have_value(ASPIRIN)
    expect(page.locator(".st-key-mol_qed")).to_contain_text("80")


def test_a_molecule_of_500_atoms_may_be_a_target(page, address):
    open_molecules(page, address)
    page.get_by_text("Resemble a molecule").click()
    fill(page, "mol_target", "C" * 500)
    expect(page.locator(".st-key-count-similarity")).to_be_visible()
    fill(page, "mol_target", "C" * 501)
    expect(alert(page, "501 heavy atoms")).to_be_visible()


def test_growing_from_a_fragment(page, address):
    open_molecules(page, address, "?mol_prefix=O%3DC(c1ccncc1)N")
    expect(page.get_by_text("Every molecule begins with")).to_be_visible()
    acid_amide = Chem.MolFromSmarts("O=C(c1ccncc1)N")
    lines = fetched(page, "take-smi").decode().splitlines()
    assert lines
    assert all(Chem.MolFromSmiles(line.split("\t")[0]).HasSubstructMatch(acid_amide) for line in lines)


def test_what_a_user_writes_is_shown_as_it_is(page, address):
    """Names and SMILES are no Markdown, and an address in them is never asked for: the fixture watches requests."""
    choline = "C[N+](C)(C)CCO"
    names = ["![p](http://127.0.0.1:9/a.png)", "[click](http://127.0.0.1:9/b)", "$x$ :red[a] <b>x</b>", choline]
    text = "".join(f"{smiles} {name}\n" for smiles in ("xx", "CCO") for name in names)
    file = {"name": "a.smi", "mimeType": "text/plain", "buffer": text.encode()}
    open_molecules(page, address)
    page.get_by_text("From a file").click()
    page.locator("input[type=file]").set_input_files(file)
    for name in names:
        expect(alert(page, name)).to_be_visible()
    expect(page.locator("[data-testid=stSelectbox]").filter(has_text="4 molecules")).to_be_visible()
    expect(page.locator(".stMain img[src*=':9'], .stMain a[href*=':9'], .stMain .katex")).to_have_count(0)
    page.get_by_text("Grow from a fragment").click()
    fill(page, "mol_prefix", f"{choline}$x$")
    expect(alert(page, f"{choline}$x$")).to_be_visible()
