"""Home and method in a real Chromium: what fits on a screen, what plays and turns, where links lead."""

import pytest

from seqtutor_core.chemistry import three_d
from tests.browsing import expect, looked_at, needs_chromium, served_page, until
from tests.looking import LESS_WEBGL, NO_OFFSCREEN, NO_WEBGL, shifts, watch_shifts

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]

needs_viewer = pytest.mark.skipif(not three_d.available(), reason=f"3Dmol-min.js is missing: {three_d.REMEDY}")
OVERFLOW = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  return [main.scrollWidth - main.clientWidth, main.scrollHeight - main.clientHeight];
}"""
LOOK = """canvas => {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy.toDataURL();
}"""
LINES = """paragraph => {
  const range = document.createRange();
  range.selectNodeContents(paragraph);
  const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.bottom)));
  return paragraph.textContent.length / lines.size;
}"""


def open_at(page, link, width=1440, height=900):
    page.set_viewport_size({"width": width, "height": height})
    page.goto(link)


def at_home(page):
    """Home, drawn to its end."""
    expect(page.get_by_text("This machine")).to_be_visible()
    expect(page.get_by_test_id("roll-play")).to_be_visible()


# ---------------------------------------------------------------- home


def test_home_fits_one_screen_and_plays_at_the_first_click(new_page, address):
    page = new_page
    watch_shifts(page)
    open_at(page, address)
    at_home(page)
    page.get_by_test_id("roll-play").click()
    audio = page.get_by_test_id("roll-audio").first.element_handle()
    page.wait_for_function("audio => audio.currentTime > 0.3", arg=audio)
    assert page.evaluate(OVERFLOW) == [0, 0]
    assert shifts(page) < 0.1
    headings = page.locator("h1, h2, h3").evaluate_all("all => all.map(h => h.tagName + ' ' + h.textContent)")
    assert headings == ["H1 Sequence Tutor Studio", "H2 Melody", "H2 Molecule", "H2 Last runs"]
    page.get_by_role("link", name="Open the melody studio").click()
    page.wait_for_url("**/melody")


def test_home_is_never_wider_than_the_window(page, address):
    open_at(page, address, 820, 844)
    for width in (820, 390):
        page.set_viewport_size({"width": width, "height": 844})
        at_home(page)
        page.wait_for_function(f"() => ({OVERFLOW})()[0] === 0")


@needs_viewer
def test_the_molecule_turns_until_it_is_told_to_stand(page, address):
    page.emulate_media(reduced_motion="no-preference")
    open_at(page, address)
    frame = page.frame_locator(".st-key-home-molecule iframe")
    turn = frame.get_by_role("button", name="Turn")
    expect(turn).to_have_attribute("aria-pressed", "true")
    canvas = frame.locator("canvas")
    before = canvas.evaluate(LOOK)
    until(page, lambda: canvas.evaluate(LOOK) != before)
    turn.click()
    expect(turn).to_have_attribute("aria-pressed", "false")

    def stands():
        before = canvas.evaluate(LOOK)
        page.wait_for_timeout(1000)
        return canvas.evaluate(LOOK) == before

    until(page, stands)


@needs_viewer
def test_the_molecule_does_not_turn_by_itself_where_motion_is_unwelcome(page, address):
    open_at(page, address)
    turn = page.frame_locator(".st-key-home-molecule iframe").get_by_role("button", name="Turn")
    expect(turn).to_have_attribute("aria-pressed", "false")
    turn.click()
    expect(turn).to_have_attribute("aria-pressed", "true")


@needs_viewer
def test_the_molecule_turns_on_the_pages_own_canvas_where_there_is_no_other(new_page, address):
    new_page.add_init_script(NO_OFFSCREEN)
    open_at(new_page, address)
    frame = new_page.frame_locator(".st-key-home-molecule iframe")
    expect(frame.locator("canvas")).to_be_visible()
    frame.get_by_role("button", name="Turn").click()
    look = frame.locator("canvas").evaluate(LOOK)
    until(new_page, lambda: frame.locator("canvas").evaluate(LOOK) != look)


@pytest.mark.parametrize("script", [NO_WEBGL, LESS_WEBGL])
def test_without_webgl_the_molecule_lies_flat(new_page, address, script):
    new_page.add_init_script(script)
    open_at(new_page, address)
    frame = new_page.frame_locator(".st-key-home-molecule iframe")
    expect(frame.get_by_role("img", name="The molecule, drawn in the plane").locator("svg")).to_be_visible()
    assert frame.locator("html").evaluate("html => html.scrollHeight - html.clientHeight") == 0
    if three_d.available():
        expect(frame.get_by_text("so the molecule lies flat")).to_be_visible()
    expect(frame.get_by_role("button")).to_have_count(0)


# ---------------------------------------------------------------- method

LATE = """
    import time
    import streamlit as st
    from pages.ui import document
    from pages.ui.style import sheets

    st.set_page_config(layout="wide")
    st.html(sheets().decode())
    draw_article = document._article

    def draw_late(text, places):
        time.sleep(1.5)  # the contents have long been there
        draw_article(text, places)

    document._article = draw_late
    formula = "+".join(f"x_{{{i}}}" for i in range(99))
    document.show(f"A formula, $x$\\n\\n$$\\n{formula}\\n$$\\n\\n## One\\n\\nText\\n\\n## Two\\n\\nMore", {})
"""  # as a busy server draws it: the article a while after its contents


def test_contents_wait_for_an_article_that_comes_late(browser, tmp_path):
    with served_page(LATE, tmp_path) as address, looked_at(browser, address) as page:
        page.goto(address)
        expect(page.locator("[aria-current=true]")).to_have_text("One")
        expect(page.locator(".st-key-article[data-ready]")).to_be_visible()
        expect(page.get_by_role("group", name="Formula")).to_be_visible()
        expect(page.get_by_test_id("stErrorElementStack")).to_have_count(0)


def at_method(page):
    """The method page, drawn to its end."""
    expect(page.get_by_role("heading", name="Two minutes of tuning molecules")).to_be_attached()
    expect(page.locator(".st-key-article[data-ready]")).to_be_visible()


def test_the_method_page_reads_well_and_each_link_leads_somewhere(new_page, address):
    """Lines of about 70 characters, its place kept, long tables folded; links to its sections, or to papers."""
    page = new_page
    watch_shifts(page)
    open_at(page, f"{address}/method")
    at_method(page)
    paragraph = page.locator(".st-key-article p", has_text="The figures of the race have a reason")
    assert 55 < paragraph.evaluate(LINES) < 80
    assert shifts(page) < 0.1
    race = page.get_by_role("cell", name="rloo, not annealed").first
    expect(race).to_be_hidden()
    page.get_by_text("Melodies: every learner").click()
    expect(race).to_be_visible()
    _links_lead_somewhere(page)


def _links_lead_somewhere(page):
    links = page.locator(".st-key-document a[href]").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    sections = [link for link in links if link.startswith("#")]
    assert len(sections) > 20
    assert [link for link in sections if not page.locator(f":is(h2, h3){link}").count()] == []
    assert "#learner-race" in sections, "a link from one document to another leads to its section"
    papers = [link for link in links if link not in sections]
    assert all(link.startswith("https://") for link in papers)
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Tutor strength").click()
    expect(page.get_by_role("heading", name="Tutor strength")).to_be_in_viewport()
    expect(page.locator("[aria-current=true]")).to_have_text("Tutor strength")


def test_a_cold_link_to_a_section_stays_there_and_on_a_phone_wide_tables_scroll_inside_themselves(new_page, address):
    page = new_page
    open_at(page, f"{address}/method#warm-start")
    at_method(page)
    expect(page.locator("#warm-start")).to_be_in_viewport()
    expect(page.locator("[aria-current=true]")).to_have_text("Warm start")
    page.wait_for_function("() => document.querySelector('.st-key-mini_frontier .main-svg')")
    expect(page.locator("#warm-start")).to_be_in_viewport()  # while the page grew

    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(f"() => ({OVERFLOW})()[0] === 0")
    wide = page.get_by_role("group", name="Table").first
    wide.focus()
    assert wide.evaluate("box => box === document.activeElement && box.scrollWidth > box.clientWidth")
    page.get_by_text("On this page").click()
    page.get_by_role("link", name="Two presets").click()
    expect(page.get_by_role("heading", name="Two presets")).to_be_in_viewport()
