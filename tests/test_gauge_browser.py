"""How far a run has come, and what the page asks of it, in a real Chromium: gauge, tutor strength, KL budget."""

import re

import pytest

from seqtutor_core.runs import store
from tests.browsing import (
    expect,
    needs_chromium,
    press,
    stage,
    until,
)
from tests.looking import settle

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]


def started(page, address, query):
    """A run of the melody page with these settings, learning."""
    page.goto(f"{address}/melody{query}")
    settle(page)
    press(page, "start")
    expect(stage(page, "Tuning")).to_be_visible()
    return store.all_runs()[0]


def mixed(page):
    """Reward and KL at the tutor's strength, as the page says them."""
    text = page.locator(".st-key-stage, .st-key-pane-centre").get_by_text("At this strength").first.inner_text()
    return [float(number) for number in re.findall(r"(?:reward|KL) (-?[0-9.]+)", text)]


def slide(page, key, presses, button):
    """Move a slider by the keyboard."""
    handle = page.locator(f".st-key-{key}").get_by_role("slider")
    for _ in range(presses):
        handle.press(button)


def test_a_run_says_how_far_it_has_come_and_the_tutor_can_speak_softer(page, address):
    run = started(page, address, "?seconds=10%20s")
    meter = page.locator(".readout").get_by_role("meter")
    expect(meter).to_be_visible()  # while it lives
    expect(page.get_by_text(re.compile("At most .* of the reachable improvement"))).to_be_visible()
    expect(stage(page, "Finished")).to_be_visible()
    gauge = run.status.summary["gauge"]
    expect(page.get_by_text("Measured at the end on 2,048 melodies")).to_be_visible()
    expect(meter).to_have_attribute("aria-valuenow", f"{100 * gauge['at_most']:.0f}")
    assert page.locator("body").inner_text().lower().count("optimal") == 0

    until(page, lambda: mixed(page)[1] > 0.1)
    reward, kl = mixed(page)
    slide(page, "strength", 10, "ArrowLeft")
    page.wait_for_url(re.compile("strength=0.5"))
    until(page, lambda: mixed(page)[1] < 0.9 * kl)
    assert mixed(page)[0] < reward
    slide(page, "strength", 20, "ArrowRight")
    until(page, lambda: mixed(page)[1] > kl)

    page.reload()
    expect(meter).to_be_visible()
    expect(page.locator(".st-key-row-strength")).to_contain_text("1.50")


def test_a_budget_moves_c_and_outlasts_a_reload(page, address):
    run = started(page, address, "?seconds=1%20min&keep_kl_budget=true&kl_budget=3.0")
    assert run.config.kl_budget == 3.0
    until(page, lambda: run.metrics()[0] and run.metrics()[0][-1]["kl_coefficient"] != 4.0)
    expect(page.locator(".readout .label").get_by_text("c", exact=True)).to_be_visible()
    page.get_by_text("Learning", exact=True).click()
    slide(page, "kl_budget", 1, "ArrowRight")
    until(page, lambda: run.metrics()[0][-1]["kl_budget"] == 4.0)
    page.reload()
    page.get_by_text("Learning", exact=True).click()
    expect(page.locator(".st-key-row-kl_budget")).to_contain_text("4")
    page.locator(".st-key-keep_kl_budget label").first.click()
    until(page, lambda: run.metrics()[0][-1]["kl_budget"] is None and run.metrics()[0][-1]["kl_coefficient"] == 4.0)
    expect(page.locator(".st-key-kl_budget")).to_have_count(0)
