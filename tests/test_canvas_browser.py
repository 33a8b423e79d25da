"""The app on a system without a library that RDKit draws with, in a real Chromium: all but drawings works."""

from collections.abc import Iterator

import pytest

from tests.browsing import ROOT, expect, looked_at, needs_chromium, press, served
from tests.looking import settle
from tests.test_canvas import REMEDY, needs_drawings, on_linux, without_a_library

pytestmark = [*needs_chromium, needs_drawings, on_linux]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app as such a system serves it."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("home", "log", "lacking")}
    lacking = without_a_library(folders["lacking"])
    with served(ROOT / "app.py", folders["log"], SEQTUTOR_HOME=str(folders["home"]), **lacking) as url:
        yield url


def look_at(page, address, path):
    """Open a page cold, and see no error on it."""
    page.goto(f"{address}/{path}")
    settle(page)
    expect(page.locator(".stException")).to_have_count(0)


def test_pages_stand_without_drawings(browser, bare):
    with looked_at(browser, bare) as page:
        look_at(page, bare, "")
        expect(page.get_by_text("This machine: drawings,")).to_be_visible()
        for path in ("melody", "method", "runs"):
            look_at(page, bare, path)
            expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_the_molecule_page_says_so_and_everything_else_works(browser, bare):
    with looked_at(browser, bare) as page:
        look_at(page, bare, "molecule?mol_target=CCO&mol_required_smarts=C")
        expect(page.get_by_test_id("stAlert")).to_have_count(1)
        expect(page.get_by_test_id("stAlert")).to_contain_text("without libXrender.so.1")
        expect(page.get_by_test_id("stAlert")).to_contain_text(REMEDY)
        expect(page.locator(".st-key-cards-B img[alt^='no drawing of']")).to_have_count(4)
        press(page, "look-A-0")
        detail = page.locator(".st-key-detail")
        expect(detail.get_by_text("Properties")).to_be_visible()
        expect(detail.locator("img[alt^='no drawing of']")).to_be_visible()
        press(page, "start")
        expect(page.locator(".st-key-cards-C img[alt^='no drawing of']")).to_have_count(4)
        press(page, "stop")
