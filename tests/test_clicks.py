"""Clicks that come faster than the server can draw, or to a busy page: each is heard once, and acted on to the end."""

import pytest

from tests.browsing import expect, needs_chromium, served_page, until

pytestmark = needs_chromium

COUNT = 24
SCRIPT = f"""
    import time
    from pathlib import Path

    import streamlit as st

    from pages.ui import clicks

    clicks.keep()


    def heard(name):
        st.session_state["last"] = name  # where Streamlit ends a callback for a newer request
        with open(Path(__file__).with_name("heard"), "a") as file:
            print(name, file=file)


    for number in range({COUNT}):
        st.button(f"Button {{number}}", on_click=heard, args=(number,))
    with st.container(border=True):  # the next page must not be drawn inside it
        st.fragment(lambda: st.text(time.time()), run_every=0.2)()
    time.sleep(0.1)
    st.text("drawn")
"""
BUTTONS = "[data-testid=stButton] button"
# Each click in a message of its own; those of one turn of the browser's loop would be sent together.
CLICK_ALL = """async (buttons) => {
  for (const button of document.querySelectorAll(buttons)) {
    button.click();
    await new Promise((done) => setTimeout(done, 4));
  }
}"""
# Busy for longer than the part waits: the request of the part is then due before the one of a key pressed meanwhile.
BE_BUSY = """() => void setTimeout(() => {
  for (const end = performance.now() + 500; performance.now() < end; );
})"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def address(folder):
    with served_page(SCRIPT, folder) as url:
        yield url


def test_every_click_is_heard(page, address, folder):
    page.goto(address)
    expect(page.get_by_text("drawn")).to_be_visible()
    expect(page.locator(BUTTONS)).to_have_count(COUNT)
    heard = folder / "heard"
    heard.unlink(missing_ok=True)  # of a first try, which would be counted in the second
    page.evaluate(CLICK_ALL, BUTTONS)
    until(page, lambda: heard.exists() and len(heard.read_text().split()) >= COUNT)
    assert sorted(map(int, heard.read_text().split())) == list(range(COUNT))
    page.wait_for_timeout(1000)  # in which the part is drawn alone, and then a click draws the page
    page.locator(BUTTONS).first.click()
    until(page, lambda: len(heard.read_text().split()) > COUNT)
    expect(page.get_by_text("drawn")).to_have_count(1)
    expect(page.locator(BUTTONS)).to_have_count(COUNT)


def test_a_click_is_heard_once_beside_a_part_that_draws_itself(page, address, folder):
    page.goto(address)
    expect(page.locator(BUTTONS)).to_have_count(COUNT)
    heard = folder / "heard"
    heard.unlink(missing_ok=True)
    for number in range(6):
        page.locator(BUTTONS).nth(number).focus()
        page.evaluate(BE_BUSY)
        page.keyboard.press("Enter")
        page.wait_for_timeout(700)
    assert list(map(int, heard.read_text().split())) == list(range(6))
