"""The molecule page as a person uses it, in a real Chromium: a whole run, a closer look, files in and out, faults."""

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest
from rdkit import Chem

from seqtutor_core.chemistry import three_d
from seqtutor_core.runs import store
from tests.browsing import expect, needs_chromium, press, until
from tests.looking import settle

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
CELECOXIB = "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"


def open_molecules(page, address, query=""):
    """The molecule page by its link, drawn to its end."""
    page.goto(f"{address}/molecule{query}")
    expect(page.locator(".st-key-card-C-3 img")).to_be_visible()
    expect(page.locator(".st-key-pane-right").get_by_role("tab", name="Detail")).to_be_visible()


def drawn(page, row):
    """The molecules of a row, as the texts that stand for their drawings."""
    return page.locator(f".st-key-cards-{row} img").evaluate_all("all => all.map(one => one.alt)")


def state(page, now):
    """The strip that says how the run in view stands."""
    return page.locator(f".readout[data-state={now}]")


def show(page, view):
    """Show all molecules of one source."""
    page.locator(".st-key-mol_view").get_by_text(view).click()


def take_away(page):
    """Open what stands under Take away; its buttons are drawn when it is open."""
    press(page, "take-away")
    expect(page.locator(".st-key-take-smi button").first).to_be_enabled()


def fill(page, key, text):
    """Type into a field and leave it; only when nothing is drawn any more, which would take the text away."""
    settle(page, 300)
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


def places(page):
    """Where the first card of each row stands, side by side, in pixels."""
    boxes = {name: page.locator(f".st-key-card-{name}-0").bounding_box() for name in "ABC"}
    return {(name, side): value for name, box in boxes.items() for side, value in box.items()}


def test_the_tuned_row_changes_by_itself_while_the_run_learns(page, address):
    """Nobody touches the page after Start: C is not what the prior writes, changes again, and says of which second."""
    open_molecules(page, address, "?mol_seconds=5%20min")
    expect(page.get_by_text("Press Start: what it writes")).to_be_visible()
    before = places(page)
    prior = drawn(page, "A")
    press(page, "start")
    expect(state(page, "running")).to_be_visible()
    rows = [drawn(page, "C")]
    for _ in range(2):  # two newer policies, each with other molecules
        until(page, lambda: (now := drawn(page, "C")) not in (*rows, prior) and "" not in now)
        rows.append(drawn(page, "C"))
        expect(page.locator(".st-key-pane-centre").get_by_text(re.compile(r"policy of second \d+"))).to_be_visible()
        assert state(page, "running").count() == 1
    after = places(page)
    assert all(abs(after[side] - before[side]) < 1 for side in before), "nothing moves by a pixel"
    assert drawn(page, "A") == prior
    press(page, "stop")
    expect(state(page, "stopped")).to_be_visible()
    show(page, "Best so far")
    expect(page.locator(".st-key-card-Best-3 img")).to_be_visible()
    page.get_by_role("tab", name="Properties").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.js-plotly-plot')].some(p => p.data?.some(t => t.name == 'C Tuned'))"
    )
    assert store.all_runs()[0].top_sequences(), "the best sequences outlive the run"


# ---------------------------------------------------------------- looking closely


def test_a_closer_look_in_the_plane_and_in_space(page, address):
    open_molecules(page, address)
    smiles = drawn(page, "A")[0]
    page.get_by_role("button", name="Look at A 1", exact=True).press("Enter")
    look = page.locator(".st-key-pane-right")
    expect(look.get_by_text("Why it scores")).to_be_visible()
    expect(look.get_by_text("polar surface in Å²")).to_be_visible()
    picture = look.get_by_role("img", name=f"drawing of {smiles}", exact=True)
    plain = picture.get_attribute("src")
    look.locator(".st-key-detail-by-Drawn").get_by_role("combobox").click()
    page.get_by_role("option", name="log P").click()
    expect(look.get_by_text("Teal discs raise log P")).to_be_visible()
    expect(picture).not_to_have_attribute("src", plain)
    look.get_by_text("In space").click()
    if three_d.available():
        canvas = look.frame_locator("iframe").locator("canvas").first
        expect(canvas).to_be_visible()
        before = canvas.screenshot()
        canvas.drag_to(canvas, source_position={"x": 150, "y": 100}, target_position={"x": 260, "y": 140})
        until(page, lambda: canvas.screenshot() != before)  # it turns
    else:
        expect(alert(look, three_d.REMEDY)).to_be_visible()
    look.get_by_role("button", name="Next").click()
    expect(look.get_by_test_id("stCode")).to_have_text(drawn(page, "A")[1])


def test_a_box_over_a_histogram_shows_the_molecules_within(page, address):
    open_molecules(page, address)
    page.get_by_role("tab", name="Properties").click()
    plot = page.locator(".js-plotly-plot .nsewdrag").nth(1)  # of log P
    expect(plot).to_be_visible()
    settle(page, 500)  # plotly draws once more when its fonts are there
    box = plot.bounding_box()
    x, y, middle = box["x"], box["y"] + box["height"] / 2, box["width"] / 2
    page.mouse.move(x + middle, y)
    page.mouse.down()
    page.mouse.move(x + middle + 15, y + 5, steps=4)
    page.mouse.move(x + middle + 30, y + 8, steps=4)
    page.mouse.up()
    limit = page.locator(".st-key-unlimit-log_p")
    expect(limit).to_be_visible()
    low, high = map(float, re.findall(r"-?[\d.]+", limit.inner_text()))
    expect(page.locator(".st-key-cards-A")).to_have_count(0)  # no longer side by side
    expect(page.locator(".st-key-card-B-0")).to_contain_text("log P")
    shown = " ".join(page.locator("[class*='st-key-card-B-']").all_inner_texts())
    assert all(low - 0.06 <= float(log_p) <= high + 0.06 for log_p in re.findall(r"log P (-?[\d.]+)", shown))


# ---------------------------------------------------------------- keeping, taking away


def test_kept_molecules_in_every_format_after_a_reload(page, address):
    open_molecules(page, address)
    for i in (1, 2):
        page.get_by_role("button", name=f"☆ Keep A {i}", exact=True).click()
        expect(page.get_by_role("button", name=f"★ Drop A {i}", exact=True)).to_be_visible()
    page.reload()
    show(page, "Kept")
    expect(page.locator(".st-key-cards-Kept img")).to_have_count(2)
    take_away(page)
    with zipfile.ZipFile(io.BytesIO(fetched(page, "take-zip"))) as archive:
        read = {name.rpartition(".")[2]: archive.read(name) for name in archive.namelist()}
    assert set(read) == {"sdf", "smi", "csv", "svg", "png"}
    table = list(csv.DictReader(io.StringIO(read["csv"].decode())))
    assert [row["smiles"] for row in table] == drawn(page, "Kept")
    supplier = Chem.SDMolSupplier()
    supplier.SetData(read["sdf"].decode())
    for record, row in zip(supplier, table, strict=True):
        assert Chem.MolToSmiles(record, isomericSmiles=False) == Chem.CanonSmiles(row["smiles"])
        assert record.GetConformer().Is3D()
        assert float(record.GetProp("qed")) == float(row["qed"])
    assert [line.split("\t")[0] for line in read["smi"].decode().splitlines()] == [row["smiles"] for row in table]
    assert read["png"].startswith(b"\x89PNG")
    assert b"<svg" in read["svg"]
    assert fetched(page, "take-csv") == read["csv"]


def test_ticked_rows_of_the_table_are_chosen_and_looked_at(page, address):
    open_molecules(page, address)
    show(page, "A Prior")
    expect(page.locator(".st-key-card-A-23")).to_be_visible()
    best = drawn(page, "A")[0]
    page.get_by_role("radio", name="Table").click()
    canvas = page.get_by_test_id("stDataFrame").locator("canvas").first
    expect(canvas).to_be_visible()
    settle(page, 500)  # the table lays its columns out
    canvas.click(position={"x": 15, "y": 75}, force=True)  # a layer of the table's own lies over it
    expect(page.locator(".st-key-pane-right").get_by_test_id("stCode")).to_have_text(best)
    take_away(page)
    n = int(re.findall(r"(\d+) of \d+ different", page.locator(".st-key-pane-centre").inner_text())[0])
    assert len(fetched(page, "take-smi").decode().splitlines()) == n
    page.locator(".st-key-take-which").get_by_text("Chosen 1").click()
    expect(page.locator(".st-key-take-which").get_by_role("radio", checked=True)).to_contain_text("Chosen 1")
    settle(page)  # the button's file follows
    assert fetched(page, "take-smi").decode().split("\t")[0] == best


# ---------------------------------------------------------------- what a person gives


def test_a_target_has_500_atoms_at_most_is_drawn_and_travels_in_the_link(page, address):
    open_molecules(page, address)
    page.get_by_text("Resemble a molecule").click()
    fill(page, "mol_target", "C" * 500)
    expect(page.locator(".st-key-count-similarity")).to_be_visible()
    fill(page, "mol_target", "C" * 501)
    expect(alert(page, "501 heavy atoms")).to_be_visible()
    fill(page, "mol_target", CELECOXIB)
    press(page, "count-similarity")
    page.wait_for_url(re.compile("mol_similarity=100"))
    page.reload()
    expect(page.locator(".st-key-mol_target input")).to_have_value(CELECOXIB)
    page.get_by_role("tab", name="Properties").click()
    expect(page.locator(".js-plotly-plot").get_by_text("Similarity to the target").first).to_be_visible()


def test_a_wrong_file_is_told_and_costs_nothing_and_of_a_broken_one_the_good_records_are_read(page, address, tmp_path):
    open_molecules(page, address, f"?mol_target={CELECOXIB}&mol_qed=80")
    page.get_by_text("From a file").click()
    for name, content, message in [
        ("nothing.csv", b"a,b\n1,2\n", "smiles"),
        ("empty.smi", b"", "empty"),
        ("wrong.smi", b"\xff\xfe\x00c1ccccc1", "UTF-8"),
        ("huge.sdf", b"x" * 50 * 2**20, "20 MB"),
    ]:
        (tmp_path / name).write_bytes(content)
        page.locator("input[type=file]").set_input_files(tmp_path / name)
        expect(alert(page, message)).to_be_visible()
    expect(page.locator(".st-key-mol_target input")).to_have_value(CELECOXIB)
    expect(page.locator(".st-key-mol_qed")).to_contain_text("80")

    good = "\n".join(Chem.MolToMolBlock(Chem.MolFromSmiles(s)) + "$$$$" for s in (ASPIRIN, CELECOXIB))
    abbreviation = Chem.MolToMolBlock(Chem.MolFromSmiles("CO")).replace(" O ", " Ph").replace("\n", "phenyl\n", 1)
    broken = f"bad one\n  nothing\n\nthis is no mol block\n$$$$\n{abbreviation}$$$$\n{good}\n"
    page.locator("input[type=file]").set_input_files(
        {"name": "some.sdf", "mimeType": "chemical/x-mdl-sdfile", "buffer": broken.encode()}
    )
    expect(alert(page, "2 records could not be read")).to_contain_text("record 1 (bad one)")
    expect(alert(page, "2 records could not be read")).to_contain_text("record 2 (phenyl): 'Ph' is no element")
    expect(page.get_by_text("2 molecules", exact=True)).to_be_visible()
    page.get_by_role("button", name="Resemble it").first.click()
    expect(page.locator(".st-key-mol_target input")).to_have_value(ASPIRIN)


def test_growing_from_a_fragment(page, address):
    open_molecules(page, address, "?mol_prefix=O%3DC(c1ccncc1)N")
    expect(page.get_by_text("Every molecule begins with")).to_be_visible()
    acid_amide = Chem.MolFromSmarts("O=C(c1ccncc1)N")
    show(page, "A Prior")
    take_away(page)
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


def test_a_reward_of_ones_own_is_tested_and_missed(page, address, home):
    """Its messages stand beside its slider, as text; a link to one that has gone says what is missing."""
    file = home / "rewards" / "molecule" / "mine.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# seconds: 60\ndef reward(smiles):\n    raise ValueError('*no* oxygen')\n")
    open_molecules(page, address, "?mol_own_file=mine.py")
    page.get_by_role("button", name="File of Own reward").click()
    press(page, "test-mol_own")
    expect(page.get_by_text("ValueError: *no* oxygen (line 3)").first).to_be_visible()
    file.unlink()
    page.goto(f"{address}/molecule?mol_own_file=mine.py&mol_own=8")
    expect(alert(page, "put the file back").first).to_be_visible()
