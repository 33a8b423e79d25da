"""Accidents and odd browsers in the studios, in a real Chromium: each is told, and nothing else is lost."""

import shutil
from dataclasses import replace

import pytest

from seqtutor_core.config import TuningConfig
from seqtutor_core.runs import store
from tests.browsing import expect, needs_chromium, press, stage
from tests.looking import settle

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]

NO_COOKIES = "Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set() {} });"


@pytest.mark.parametrize("name", ["melody", "molecule"])
def test_every_tab_is_reached_when_there_are_runs(page, address, name):
    weights = {"key": 1.0} if name == "melody" else {"qed": 1.0}
    run = store.create_run(TuningConfig(name, name, weights=weights))
    run.write_status(replace(run.status, state="stopped"))  # one that waits would keep the next from starting
    page.goto(f"{address}/{name}")
    settle(page)
    for tab in ("Runs", "Frontier", "Curves"):
        page.get_by_role("tab", name=tab, exact=True).click()
        expect(page.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")

    page.goto(f"{address}/{name}?run={run.id}")
    settle(page)
    entries = page.evaluate("history.length")
    for link in ("Runs", name.capitalize()):
        page.get_by_role("link", name=link, exact=True).click()
        settle(page)
    assert page.url == f"{address}/{name}?run={run.id}"
    assert page.evaluate("history.length") == entries + 2, "one entry for each page, to go back by"


def test_a_policy_and_then_a_run_that_vanish_while_they_are_shown(new_page, address):
    page = new_page
    page.add_init_script(NO_COOKIES)
    page.goto(f"{address}/melody?seconds=5%20min")
    settle(page)
    press(page, "start")
    expect(page.get_by_text("No cookies").first).to_be_visible()
    choose, caption = page.get_by_test_id("roll-choose-C"), page.get_by_test_id("roll-caption")
    expect(choose).to_be_enabled()
    choose.click()
    expect(caption).to_contain_text("policy")
    press(page, "pause")
    expect(stage(page, "Paused")).to_be_visible()
    run = store.all_runs()[0]
    (run.folder / "policy.safetensors").write_bytes(b"no policy at all")
    expect(caption).to_contain_text("the newest cannot be read")
    expect(page.get_by_test_id("roll-play")).to_be_enabled()
    page.reload()  # nothing was heard here before
    expect(page.get_by_test_id("stAlert").filter(has_text="policy.safetensors is damaged").first).to_be_visible()
    expect(page.get_by_test_id("roll-choose-A")).to_be_enabled()
    pane = page.locator(".st-key-pane-sliders")
    place = pane.bounding_box()
    shutil.rmtree(run.folder)
    expect(page.get_by_test_id("stAlert").filter(has_text=run.id).first).to_be_visible()
    expect(stage(page, "Ready")).to_be_visible()
    assert pane.bounding_box() == place, "what went wrong lies over the panes"
    expect(page.locator(".st-key-start button").first).to_be_enabled()
