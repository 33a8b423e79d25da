"""The page of all runs in a real Chromium: two runs ticked, overlaid and tagged, a reload, their settings."""

import json
from dataclasses import replace
from typing import Any

import pytest

from seqtutor_core.config import TuningConfig
from seqtutor_core.runs import names, store
from tests.browsing import expect, needs_chromium
from tests.looking import settle

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]
ROW = 35  # pixels; the table is a canvas


def ended(name: str, c: float) -> None:
    run = store.create_run(TuningConfig("melody", "melody", weights={"key": 1.0}, kl_coefficient=c))
    run.write_status(replace(run.status, state="finished"))
    names.rename_run(run, name)
    numbers: dict[str, Any] = dict.fromkeys(("reward", "kl", "j", "entropy", "distinct", "steps_per_second"), 0.5)
    lines = [{**numbers, "update": n, "seconds": n / 2, "weights": {}, "terms": {}} for n in range(9)]
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_two_runs_are_ticked_overlaid_and_survive_a_reload_and_one_is_used_again(page, address):
    ended("<b>bold</b> $x$", 2.0)
    ended("Slow air", 8.0)
    page.goto(f"{address}/runs")
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_visible()
    settle(page, 500)  # the table lays its columns out
    for row in (1, 2):
        table.click(position={"x": 17, "y": ROW * row + ROW // 2})
        expect(page.get_by_role("button", name=f"Delete {row} run")).to_be_visible()

    def overlaid() -> None:
        legend = page.locator(".js-plotly-plot .legendtext")
        expect(legend).to_have_text(["1 Slow air", "2 <b>bold</b> $x$"])
        expect(page.locator(".js-plotly-plot .scatterlayer .js-line")).to_have_count(8)
        expect(page.get_by_role("heading", name="What differs in their settings")).to_be_visible()

    overlaid()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_disabled()  # both have ended
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("textbox", name="New tag").fill("<i>slow</i>")
    page.get_by_role("textbox", name="New tag").press("Enter")
    expect(page.get_by_role("button", name="Remove <i>slow</i>")).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    overlaid()
    table.click(position={"x": 17, "y": ROW + ROW // 2})
    page.get_by_role("button", name="Use these settings").click()
    expect(page.get_by_role("heading", name="Melody studio")).to_be_attached()
    page.wait_for_url("**/melody?*kl=2.0*")
