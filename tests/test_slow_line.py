"""A line so slow that a drawing has not left before the next begins, and one that is cut."""

import pytest

from tests.browsing import expect, needs_chromium, served_page, window

pytestmark = needs_chromium

RUNS = 4
# Each run of the page has more to say than the one before, and begins while messages wait to be sent. The big block is
# one that Streamlit would send again as a reference to what the browser has.
SCRIPT = f"""
    import streamlit as st
    import streamlit.runtime.runtime as runtime
    from pages.ui.page import fragment

    runtime.MESSAGE_FLUSH_INTERVAL_SECS = 2.0  # read at each turn of the server's loop
    count = st.session_state["count"] = st.session_state.get("count", 0) + 1


    def ticking():
        for number in range(3 * count):
            st.text(f"line {{number}}")
        st.code("steady " * 4000)
        ticks = st.session_state["ticks"] = st.session_state.get("ticks", 0) + 1
        if ticks % 5 == 0 and count < {RUNS}:
            st.rerun()


    fragment(ticking, every=0.3)
    st.text(f"run {{count}}")
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served_page(SCRIPT, tmp_path_factory.mktemp("page")) as url:
        yield url


def test_the_page_never_goes_empty(page, address):
    page.goto(address)
    expect(page.get_by_text(f"line {3 * RUNS - 1}")).to_be_visible()
    expect(page.get_by_text(f"run {RUNS}")).to_be_visible()


BUSY = """
    import time

    import streamlit as st

    from pages.ui.style import sheets

    st.html(sheets().decode())
    if st.button("Wait"):
        time.sleep(3)
    st.text("drawn")
"""


def test_a_page_says_that_the_server_is_away_and_nothing_while_it_works(browser, tmp_path):
    with window(browser) as page:
        with served_page(BUSY, tmp_path) as url:
            page.goto(url)
            expect(page.get_by_text("drawn")).to_be_visible()
            page.get_by_role("button", name="Wait").click()
            expect(page.get_by_test_id("stStatusWidget")).to_have_count(1)
            expect(page.get_by_test_id("stStatusWidget")).to_be_hidden()
        expect(page.get_by_text("Connecting")).to_be_visible()
        expect(page.get_by_text("Connecting")).to_be_in_viewport(ratio=1)
