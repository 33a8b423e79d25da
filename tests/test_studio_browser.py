"""The studios on one screen, in a real Chromium: what is in view, what moves, who can use it, at each width."""

import re

import pytest

from seqtutor_core import kept
from seqtutor_core.runs import store
from tests.browsing import expect, needs_chromium, press, stage, until
from tests.looking import scrolls, settle, shifts, tab_stops, top_of, violations, watch_shifts

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]

STUDIOS = ("melody", "molecule")


@pytest.fixture
def sized(page):
    """A function that opens a link at a size."""

    def visit(link, width=1440, height=900):
        page.set_viewport_size({"width": width, "height": height})
        page.goto(link)
        settle(page)
        return page

    return visit


@pytest.fixture
def cold(new_page):
    """A function that opens a link in a browser that has nothing of it, its layout shifts watched."""

    def visit(link):
        new_page.set_viewport_size({"width": 1440, "height": 900})
        watch_shifts(new_page)
        new_page.goto(link)
        settle(new_page)
        return new_page

    return visit


@pytest.mark.parametrize("name", STUDIOS)
def test_a_studio_is_one_screen(cold, address, name):
    page = cold(f"{address}/{name}")
    assert shifts(page) < 0.1
    assert scrolls(page) == (0, 0)
    app = page.get_by_test_id("stAppViewContainer")
    assert app.evaluate("app => { app.scrollTo(99, 99); return [app.scrollLeft, app.scrollTop]; }") == [0, 0]
    assert top_of(page, "start") < 120
    assert tab_stops(page, "start") <= 10
    for pane in ("pane-sliders", "pane-centre", "pane-right"):
        box = page.locator(f"div:has(> .st-key-{pane})").last.bounding_box()
        assert box["y"] + box["height"] <= 900


def test_nothing_moves_while_the_list_of_runs_loads(cold, address):
    assert shifts(cold(f"{address}/runs")) < 0.1


@pytest.mark.parametrize("name", STUDIOS)
def test_a_phone_shows_one_pane_at_a_time(sized, address, name):
    page = sized(f"{address}/{name}", 390, 844)
    assert scrolls(page)[1] == 0
    panes = ["pane-centre", "pane-sliders", "pane-right"]
    for view, shown in zip(("Result", "Sliders", "Curves"), panes, strict=True):
        page.get_by_role("radio", name=view, exact=True).click()
        for pane in panes:
            expect(page.locator(f".st-key-{pane}")).to_be_visible(visible=pane == shown)
        start = page.locator(".st-key-start button:visible").bounding_box()
        assert 600 < start["y"] < 844, "the transport is where the thumb is"
    assert violations(page) == []


def test_each_width_is_laid_out_on_purpose(sized, address):
    page = sized(f"{address}/melody", 820, 1180)
    for width, height in [(820, 1180), (720, 450), (1920, 1080), (2560, 1440)]:
        page.set_viewport_size({"width": width, "height": height})
        settle(page, 500)
        down, aside = scrolls(page)
        assert aside == 0, width
        assert (down == 0) == (width >= 1200), width
        left, centre, right = (
            page.locator(f"div:has(> .st-key-{pane})").last.bounding_box()
            for pane in ("pane-sliders", "pane-centre", "pane-right")
        )
        assert left["x"] + left["width"] <= centre["x"], width
        assert centre["x"] + centre["width"] <= right["x"] or centre["y"] + centre["height"] <= right["y"], width
        buttons = [page.locator(f".st-key-{key} button").first.bounding_box() for key in ("start", "pause", "stop")]
        assert len({box["y"] for box in buttons}) == 1, width
        assert buttons[0]["x"] + buttons[0]["width"] <= buttons[1]["x"], width


def test_keys_start_pause_and_stop_a_run_but_not_while_one_types(cold, address):
    page = cold(f"{address}/molecule")
    page.locator(".st-key-mol_target input").first.focus()
    page.keyboard.type("CS")
    page.wait_for_timeout(500)
    assert not store.all_runs()
    page.goto(f"{address}/melody?seconds=5%20min")
    settle(page)
    shifts(page)
    page.keyboard.press("Alt+S")
    expect(page.locator(".readout[data-state=waiting], .readout[data-state=running]")).to_be_visible()
    expect(stage(page, "Tuning")).to_be_visible()
    seconds: set[str] = set()
    page.get_by_test_id("roll-choose-C").click()

    def followed():
        found = re.search(r"policy of second (\d+)", page.get_by_test_id("roll-caption").inner_text())
        seconds.update(found.groups() if found else ())
        return len(seconds) >= 2

    until(page, followed)
    page.keyboard.press("Alt+P")
    expect(stage(page, "Paused")).to_be_visible()
    page.keyboard.press("Alt+X")
    expect(stage(page, "Stopped")).to_be_visible()
    assert shifts(page) < 0.05, "nothing moves while a run lives"


def test_what_is_kept_survives_a_reload(sized, address):
    page = sized(f"{address}/melody")
    press(page, "keep-A")
    until(page, lambda: kept.all_kept("melody"))
    page.reload()
    settle(page)
    page.get_by_role("radio", name="★ Kept").click()
    card = page.locator("[class*=st-key-kept-] button").first
    card.click()
    expect(page.get_by_test_id("roll-player")).to_have_attribute("data-playing", "★")
