"""The 3D view in a real browser, on a page that Streamlit serves: it draws, turns, and asks no other machine."""

import shutil

import pytest

from seqtutor_core.chemistry import three_d
from tests.browsing import needs_chromium, served_page, until
from tests.looking import LESS_WEBGL, NO_WEBGL

pytestmark = [
    *needs_chromium,
    pytest.mark.skipif(not three_d.available(), reason=f"3Dmol-min.js is missing: {three_d.REMEDY}"),
]

SCRIPT = """
    import streamlit as st
    from seqtutor_core.chemistry.conformer import conformer
    from seqtutor_core.chemistry.three_d import view

    st.iframe(view(conformer("CC(=O)Oc1ccccc1C(=O)O"), "app/static/3Dmol-min.js", 400, 300), height=310)
    st.button("Again")
"""
# The picture as text, and how many of its pixels are not transparent.
LOOK = """canvas => {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const pen = copy.getContext("2d");
    pen.drawImage(canvas, 0, 0);
    const pixels = pen.getImageData(0, 0, copy.width, copy.height).data;
    let drawn = 0;
    for (let i = 3; i < pixels.length; i += 4) drawn += pixels[i] > 0;
    return [copy.toDataURL(), drawn / (copy.width * copy.height)];
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "static").mkdir()
    shutil.copy(three_d.SCRIPT, folder / "static")
    with served_page(SCRIPT, folder, STREAMLIT_SERVER_ENABLE_STATIC_SERVING="true") as url:
        yield url


@pytest.mark.parametrize("script", [NO_WEBGL, LESS_WEBGL])
def test_a_browser_that_cannot_draw_in_space_says_so(new_page, address, script):
    new_page.add_init_script(script)
    new_page.goto(address)
    new_page.frame_locator("iframe").get_by_text("WebGL is off").wait_for()


def test_the_view_draws_turns_and_stays_as_it_was_turned(page, address):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    canvas = page.frame_locator("iframe").locator("canvas")
    canvas.wait_for()
    until(page, lambda: 0.01 < canvas.evaluate(LOOK)[1] < 0.5)  # a molecule on a transparent ground
    before, _ = canvas.evaluate(LOOK)
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 190, steps=5)
    page.mouse.up()
    until(page, lambda: canvas.evaluate(LOOK)[0] != before)
    page.wait_for_timeout(500)
    turned, _ = canvas.evaluate(LOOK)
    page.get_by_role("button", name="Again").click()
    page.wait_for_timeout(1500)
    assert canvas.evaluate(LOOK)[0] == turned
    assert any(url.endswith("/app/static/3Dmol-min.js") for url in asked)
