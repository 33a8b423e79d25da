"""The pane of sliders in a real Chromium: its rows are low, its buttons large enough, its changes can be taken back."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from tests.browsing import expect, looked_at, needs_chromium, press, served_page, until

pytestmark = needs_chromium

ROW = 35  # pixels, from one row to the next
FINGER = 24  # pixels
PANE = """
    import streamlit as st
    from pages.ui import learning, sliders
    from pages.ui.layout import panes
    from pages.ui.melody.spec import MELODY
    from pages.ui.molecule.spec import MOLECULE
    from pages.ui.style import sheets

    st.set_page_config(layout="wide")
    st.html(sheets().decode())
    studio = MOLECULE if "molecule" in st.query_params else MELODY
    learning.kl_slider(studio)
    learning.learner_choice(studio)
    with panes().sliders:
        sliders.panel(studio)
"""  # a studio without what takes long to draw
STUDIOS = pytest.mark.parametrize(("studio", "term"), [("melody", "key"), ("molecule", "mol_qed")])


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    with served_page(PANE, folder, SEQTUTOR_HOME=str(folder), OMP_NUM_THREADS="1") as url:
        yield url


@pytest.fixture
def page(page):
    page.set_viewport_size({"width": 1440, "height": 900})
    return page


def drawn(page, address, studio, term):
    page.goto(f"{address}?{studio}=1")
    slider = page.locator(f".st-key-row-term-{term} input[type=range]")
    slider.wait_for(state="attached")
    return slider


def marked(page, name):
    """The pill of a preset, which must be the marked one."""
    pill = page.get_by_role("radiogroup", name="Presets").get_by_role("radio", name=name, exact=True)
    expect(pill).to_have_attribute("aria-checked", "true")
    return pill


@STUDIOS
def test_each_term_has_one_low_row_in_which_nothing_sticks_out(page, address, studio, term):
    drawn(page, address, studio, term)
    rows = page.locator("[class*='st-key-row-term-']")

    def low():
        heights = rows.evaluate_all("rows => rows.map(row => row.getBoundingClientRect().height)")
        return len(heights) >= 15 and max(heights) <= ROW

    until(page, low)  # the last rows and the styles come a moment after the first row
    boxes = [rows.nth(i).bounding_box() for i in range(rows.count())]
    pane = page.locator(".st-key-pane-sliders")
    box = pane.bounding_box()
    assert box["width"] <= 340
    gaps = [below["y"] - above["y"] for above, below in pairwise(boxes)]
    assert min(gaps) <= ROW, "rows of one group follow each other"
    assert all(box["x"] <= row["x"] and row["x"] + row["width"] <= box["x"] + box["width"] + 1 for row in boxes)
    for scrolled in (pane, page.locator("div:has(> .st-key-pane-sliders)").last):
        assert scrolled.evaluate("pane => pane.scrollWidth - pane.clientWidth") <= 1, "wider than the pane"


def test_a_moved_slider_says_so_and_can_be_reset_and_taken_back(page, address):
    slider = drawn(page, address, "melody", "motif")
    marked(page, "Paper's rewards")
    reset = page.locator(".st-key-reset-motif button")
    expect(reset).to_be_hidden()
    slider.focus()
    page.keyboard.press("ArrowRight")
    value = page.locator(".st-key-row-term-motif span[title]")
    expect(value).to_have_text("1.1")
    expect(value).to_have_attribute("title", "as usual")
    expect(page.get_by_role("radio", checked=True, name="Paper's rewards")).to_have_count(0)
    expect(page.get_by_role("button", name="Reset Motifs")).to_be_visible()
    assert min(reset.bounding_box()[side] for side in ("width", "height")) >= FINGER
    reset.click()
    expect(value).to_have_text("1")
    press(page, "undo")
    expect(value).to_have_text("1.1")
    slider.focus()  # where a moved slider leaves the keyboard
    page.keyboard.press("Alt+z")
    expect(value).to_have_text("1")
    marked(page, "Paper's rewards")


def test_a_weight_of_zero_looks_off_while_it_is_dragged(page, address):
    slider = drawn(page, address, "melody", "motif")
    label = page.locator(".st-key-row-term-motif label p")
    expect(label).to_have_css("font-weight", "600")
    thumb = page.locator(".st-key-row-term-motif [data-rac][style*=left]").bounding_box()
    page.mouse.move(thumb["x"] + 6, thumb["y"] + 16)  # below the thumb, where a finger would still hit it
    page.mouse.down()
    page.mouse.move(thumb["x"] - 100, thumb["y"] + 6)
    expect(slider).to_have_value("0")
    expect(label).to_have_css("font-weight", "400")
    page.mouse.up()
    expect(page.locator(".st-key-row-term-motif span[title]")).to_have_text("0")


def test_the_papers_preset_is_in_the_link(page, address):
    drawn(page, address, "melody", "motif")
    marked(page, "Paper's rewards")
    page.get_by_role("radio", name="Paper", exact=True).click()
    expect(page.get_by_text("a prior of 100 units")).to_be_visible()
    page.wait_for_url("**prior=melody-paper**")
    with looked_at(page.context.browser, address) as followed:
        followed.goto(page.url)
        marked(followed, "Paper")
        expect(followed.get_by_text("a prior of 100 units")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_off_can_still_be_read(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    drawn(page, address, "melody", "contour")
    off = page.locator(".st-key-row-term-contour label")
    expect(off).to_have_css("opacity", "0.72")
    ink, paper = page.evaluate(
        "() => [getComputedStyle(document.querySelector('.st-key-row-term-contour label p')).color, "
        "getComputedStyle(document.querySelector('.stApp')).backgroundColor]"
    )
    assert contrast(ink, paper, 0.72) >= 4.5


def contrast(ink: str, paper: str, opacity: float) -> float:
    """The contrast of a text of some opacity, by the rule of WCAG; colours as rgb(r, g, b)."""
    above, below = ([int(part) for part in colour[4:-1].split(",")] for colour in (ink, paper))
    seen = [opacity * a + (1 - opacity) * b for a, b in zip(above, below, strict=True)]
    light, dark = sorted((luminance(seen), luminance(below)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: Sequence[float]) -> float:
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))
