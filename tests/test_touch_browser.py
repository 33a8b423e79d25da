"""The studios on a phone, by fingers: what they begin on is not what they set, and what they choose is shown."""

import re

import pytest

from tests.browsing import expect, looked_at, needs_chromium, until

pytestmark = needs_chromium

PHONE = {
    "viewport": {"width": 412, "height": 839},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
MOVES = 12
LONG = 200  # pixels


@pytest.fixture
def phone(browser, address):
    with looked_at(browser, address, **PHONE) as opened:
        yield opened


def swipe(page, place, across, down):
    """Move a finger from the middle of an element, in so many pixels."""
    box = place.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers = page.context.new_cdp_session(page)
    for i in range(MOVES + 1):
        kind = "touchMove" if i else "touchStart"
        point = {"x": x + across * i / MOVES, "y": y + down * i / MOVES}
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        page.wait_for_timeout(16)  # milliseconds: a frame
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    fingers.detach()


def scrolled(page):
    """How far the page is scrolled, in pixels."""
    return page.get_by_test_id("stMain").evaluate("main => main.scrollTop")


def turn(page, view):
    page.get_by_role("radio", name=view, exact=True).tap()


def test_a_finger_that_scrolls_sets_no_slider(phone, address):
    phone.goto(f"{address}/melody")
    turn(phone, "Sliders")
    row = phone.locator(".st-key-row-term-extremes")
    for part in ("[data-orientation] > [data-rac]", "[data-rac][style*=left]"):  # its track, its thumb
        swipe(phone, row.locator(part).first, 2, -LONG)
        until(phone, lambda: scrolled(phone) > LONG / 2)
        phone.get_by_test_id("stMain").evaluate("main => main.scrollTop = 0")
    swipe(phone, row.locator("[data-rac][style*=left]"), 60, 2)
    phone.wait_for_url(re.compile("extremes="))
    assert phone.url.count("=") == 1, "the slider that was dragged, and no other"


def test_a_finger_that_scrolls_zooms_no_chart(phone, address):
    phone.goto(f"{address}/melody")
    turn(phone, "Curves")
    phone.get_by_role("tab", name="Frontier").tap()
    chart = phone.locator(".js-plotly-plot")
    expect(chart.locator(".xtick").first).to_be_visible()
    ticks = chart.locator(".xtick").all_inner_texts()
    swipe(phone, chart.locator(".nsewdrag"), 3, -LONG)
    until(phone, lambda: scrolled(phone) > LONG / 4)
    assert chart.locator(".xtick").all_inner_texts() == ticks


def test_a_molecule_that_is_tapped_is_shown_closely(phone, address):
    phone.goto(f"{address}/molecule")
    phone.locator("[class*='st-key-card-A-'] [data-testid=stButton] button").first.tap()
    expect(phone.get_by_role("radio", name="Curves")).to_have_attribute("aria-checked", "true")
    expect(phone.get_by_role("tab", name="Detail")).to_have_attribute("aria-selected", "true")
    expect(phone.get_by_text("Why it scores")).to_be_visible()
