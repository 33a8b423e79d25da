"""A score in a real browser: abcjs reads every note as it was meant, draws it, and its place never moves."""

import shutil

import pytest

from seqtutor_core.domains.melody.abc_notation import REMEDY, SCRIPT, abc, available
from seqtutor_core.domains.melody.audio import Piece
from tests.browsing import expect, needs_chromium, served_page

pytestmark = [
    *needs_chromium,
    pytest.mark.skipif(not available(), reason=f"{SCRIPT.name} is missing: {REMEDY}"),
]

PAGE = """
    import streamlit as st

    from pages.ui.melody import notation
    from seqtutor_core.domains.melody.audio import Piece

    st.set_page_config(layout="wide")
    missing = st.checkbox("Not fetched")
    notation.available = lambda: not missing
    bars = 20 if st.checkbox("Long") else 2
    title = "Kept" if st.checkbox("Keep") else "Tuned"
    notation.score(Piece((14, 1, 18, 1, 21, 1, 26, 1) * 2 * bars, title=title, bar=16), key="one", height=240)
    st.text(f"Below {bars}")
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "static").mkdir()
    shutil.copy(SCRIPT, folder / "static")
    with served_page(PAGE, folder, STREAMLIT_SERVER_ENABLE_STATIC_SERVING="true") as url:
        yield url


@pytest.fixture
def score(page, address):
    page.goto(address)
    found = page.get_by_test_id("score")
    found.locator("svg").wait_for()
    return found


def test_abcjs_reads_what_was_written(page, score):
    tokens = (14, 1, 1, 1, 15, 1, 18, 21, 1, 1, 1, 1, 1, 26, 1, 1, 1, 1, 1, 1, 0, 1, 17, 18, 5)
    for piece in (
        Piece(tokens, tonic="E", mode="minor", transpose=7, primer=(14, *[1] * 15)),
        Piece(tokens, bar=12, tonic="F#"),
        Piece(tokens, steps_per_beat=2, tonic="G#", transpose=-4),
        Piece(tokens, steps_per_beat=3, bar=12, tonic="C#"),
    ):
        events = page.evaluate("text => ABCJS.renderAbc('*', text)[0].setUpAudio({}).tracks[0]", abc(piece))
        step = (1.5 if piece.steps_per_beat == 3 else 1) / piece.steps_per_beat / 4  # whole notes
        assert [(e["pitch"], e["start"], e["duration"]) for e in events if e["cmd"] == "note"] == [
            (n.pitch, n.start * step, n.length * step) for n in piece.notes
        ]


def test_it_is_named_and_drawn_in_the_colours_of_the_page(page, score):
    expect(score).to_have_attribute("aria-label", "Score of Tuned: C major, 4/4, 16 notes in 2 bars")
    expect(page.get_by_role("img", name="Score of Tuned")).to_be_visible()
    expect(score).to_have_attribute("tabindex", "0")  # it scrolls by keys
    for scheme, text in (("light", "rgb(35, 38, 43)"), ("dark", "rgb(233, 230, 223)")):
        page.emulate_media(color_scheme=scheme)
        expect(score.locator("svg path").first).to_have_css("fill", text)


def test_its_place_stays_whatever_it_holds(page, score):
    below = page.get_by_text("Below")
    place = below.bounding_box()["y"]
    page.get_by_text("Long").click()
    expect(page.get_by_text("Below 20")).to_be_visible()
    page.wait_for_function("it => it.scrollHeight > 400", arg=score.element_handle())
    assert below.bounding_box()["y"] == place
    drawn = score.locator("svg").element_handle()
    score.evaluate("it => it.scrollTo(0, 90)")
    page.get_by_text("Keep").click()
    expect(page.get_by_role("img", name="Score of Kept")).to_be_visible()
    assert drawn.evaluate("svg => svg.isConnected")  # the same notes under another title stand as they were
    assert score.evaluate("it => it.scrollTop") == 90
    page.set_viewport_size({"width": 420, "height": 1400})
    page.wait_for_function(
        "it => it.querySelector('svg').getBoundingClientRect().width <= it.clientWidth && it.clientWidth < 420",
        arg=score.element_handle(),
    )
    assert score.bounding_box()["height"] == 240


def test_without_the_script_it_is_told_in_the_same_place(page, score):
    place = page.get_by_text("Below").bounding_box()["y"]
    page.get_by_text("Not fetched").click()
    expect(page.get_by_text("make notation")).to_be_visible()
    assert page.get_by_text("Below").bounding_box()["y"] == place
    page.route(f"**/{SCRIPT.name}", lambda route: route.fulfill(status=404))
    page.reload()
    expect(score).to_contain_text("make notation")
    assert page.get_by_text("Below").bounding_box()["y"] == place
