"""The curves in a real Chromium: a run is fed to them, and cursor, zoom and nodes stay."""

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from seqtutor_core.config import TuningConfig
from seqtutor_core.runs import store
from tests.browsing import expect, needs_chromium, served_page, until

pytestmark = needs_chromium

PAGE = """
    import streamlit as st
    from pages.ui import report, state
    from pages.ui.melody.spec import MELODY

    st.set_page_config(layout="wide")
    report.panel(MELODY, state.run(MELODY))
"""
# Counts what is added to or taken from the plots; other texts and attributes are no such change.
WATCH = """element => {
    element.kept = true
    window.redrawn = 0
    const count = changes => changes.forEach(c => window.redrawn += c.addedNodes.length + c.removedNodes.length)
    new MutationObserver(count).observe(element, {childList: true, subtree: true})
}"""
SHOWN_CHANGES = ".changes line:not([style*=none])"  # others are kept for sliders still to be moved
POINTS = "path => (path.getAttribute('d').match(/[ML]/g) ?? []).length"


def line(update: int, **more: Any) -> str:
    """A line of metrics, a second an update."""
    values = {
        "update": update,
        "seconds": float(update),
        "weights": {"key": 1.0, "leap": 0.5},
        "terms": {"key": update**0.5, "leap": -0.1 * update, "motif": 3.0},
        "reward": 3.0 * update,
        "kl": update**0.5,
        "j": math.log(1 + update),
        "entropy": 2.0,
        "distinct": 1.0,
        "steps_per_second": 1e4,
    }
    return json.dumps({**values, **more}) + "\n"


class Feed:
    """A run whose curves the test writes, alive while it does."""

    def __init__(self, **config: Any) -> None:
        self.run = store.create_run(TuningConfig("melody", "melody", weights={"key": 1.0}, **config))
        self.update = 0

    def __call__(self, count: int = 1, **more: Any) -> None:
        with open(self.run.folder / "metrics.jsonl", "a") as file:
            for _ in range(count):
                self.update += 1
                file.write(line(self.update, **more))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("curves")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served_page(PAGE, folder, SEQTUTOR_HOME=str(folder)) as url:
        yield url


@pytest.fixture
def feed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    monkeypatch.setenv("SEQTUTOR_HOME", str(folder))
    made = Feed()
    with FileLock(made.run.folder / "worker.lock"):
        yield made


def figure(page: Any, title: str) -> Any:
    return page.locator("figure").filter(has=page.locator(".title", has_text=title))


def points(page: Any, title: str, number: int = 0) -> int:
    return int(figure(page, title).locator(".lines path").nth(number).evaluate(POINTS))


def value(page: Any, title: str, number: int = 0) -> str:
    return str(figure(page, title).locator(".value").nth(number).inner_text())


def times(page: Any, title: str) -> list[str]:
    texts = figure(page, title).locator(".texts text:visible").all_text_contents()
    return [text for text in texts if text.endswith("s")]


def test_cursor_zoom_and_nodes_outlive_ten_seconds_of_feeding(page: Any, address: str, feed: Feed) -> None:
    feed(40)
    page.goto(f"{address}/?run={feed.run.id}")
    until(page, lambda: points(page, "Objective J") == 40)
    plots = page.locator(".plots")
    plots.evaluate(WATCH)

    frame = figure(page, "Reward, KL").locator(".frame")
    box = frame.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], middle, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    zoomed, moment = times(page, "Objective J"), figure(page, "Objective J").locator(".moment")
    page.mouse.move(box["x"] + 0.5 * box["width"], middle)
    expect(moment).not_to_be_empty()
    at, read = moment.text_content(), value(page, "Reward, KL")
    assert float(read) == pytest.approx(3 * float(at.removesuffix(" s")))

    for more in range(1, 11):
        feed()
        until(page, partial(lambda count: points(page, "Objective J") == count, 40 + more))
        assert (moment.text_content(), value(page, "Reward, KL"), times(page, "Objective J")) == (at, read, zoomed)
    assert page.evaluate("window.redrawn") == 0
    assert plots.evaluate("element => element.kept && element.isConnected")

    page.mouse.dblclick(box["x"] + 0.5 * box["width"], middle)
    expect(page.get_by_role("button", name="Show all")).to_be_hidden()
    assert times(page, "Objective J") != zoomed
    page.mouse.move(0, 0)
    expect(figure(page, "Reward, KL").locator(".value").first).to_have_text("150.0")  # the newest


def test_a_range_that_grows_and_a_moved_slider_bring_no_nodes(page: Any, address: str, feed: Feed) -> None:
    feed(2, reward=0.0)
    page.goto(f"{address}/?run={feed.run.id}")
    until(page, lambda: points(page, "Reward, KL") == 2)
    page.locator(".plots").evaluate(WATCH)
    for count, reward in enumerate((1.0, 2.0, 30.0, 400.0), 3):
        feed(reward=reward, changed=["weights.key"])
        until(page, partial(lambda wanted: points(page, "Reward, KL") == wanted, count))
    expect(figure(page, "Reward, KL").locator(SHOWN_CHANGES)).to_have_count(4)
    assert page.evaluate("window.redrawn") == 0


def test_a_weight_moved_from_zero_begins_a_line_and_moves_nothing(page: Any, address: str, feed: Feed) -> None:
    feed(5)
    page.goto(f"{address}/?run={feed.run.id}")
    until(page, lambda: points(page, "Reward by term") == 5)
    entropy = figure(page, "Entropy, distinct")
    before = entropy.bounding_box()
    assert figure(page, "Reward by term").locator("li:visible").count() == 2
    feed(1, weights={"key": 1.0, "leap": 0.5, "motif": 2.0}, changed=["weights.motif"])
    expect(figure(page, "Reward by term").locator("li:visible")).to_have_count(3)
    expect(figure(page, "Reward by term").get_by_role("button", name="Motifs 6.00")).to_be_visible()
    expect(figure(page, "Objective J").locator(SHOWN_CHANGES)).to_have_count(1)
    assert entropy.bounding_box() == before


def test_a_resumed_run_loses_what_was_undone_and_another_run_clears(page: Any, address: str, feed: Feed) -> None:
    feed(20)
    page.goto(f"{address}/?run={feed.run.id}")
    until(page, lambda: points(page, "Objective J") == 20)
    feed.update = 9  # of the checkpoint it goes on from
    feed(2)
    until(page, lambda: points(page, "Objective J") == 11)

    page.locator(".curves").focus()
    page.keyboard.press("Home")
    expect(page.locator(".spoken")).to_contain_text("1 s: J 0.69")
    page.keyboard.press("+")
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    other = Feed()
    other(3)
    page.goto(f"{address}/?run={other.run.id}")
    until(page, lambda: points(page, "Objective J") == 3)
    expect(page.get_by_role("button", name="Show all")).to_be_hidden()


def test_a_budget_of_calls_is_the_axis_from_the_first_call_on(page: Any, address: str, feed: Feed) -> None:
    counted = Feed(calls=400)
    with FileLock(counted.run.folder / "worker.lock"):
        counted(calls=100, best=5.0, kl=-0.001)
        page.goto(f"{address}/?run={counted.run.id}")
        until(page, lambda: points(page, "Best ten so far") == 1)
        line_of_one = figure(page, "Best ten so far").locator(".lines path")
        assert line_of_one.evaluate("path => path.getTotalLength() === 0 && path.getAttribute('d').endsWith('h0')")
        assert value(page, "Reward, KL", 1) == "0.00"
        for calls in (200, 300):
            counted(calls=calls, best=calls / 10)
        until(page, lambda: points(page, "Best ten so far") == 3)
    assert [times(page, "Best ten so far")[end] for end in (0, -1)] == ["0 calls", "400 calls"]
    box = figure(page, "Reward, KL").locator(".frame").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2)
    expect(figure(page, "Best ten so far").locator(".moment")).to_have_text("200 calls")
    assert value(page, "Best ten so far") == "20.00"


def test_the_places_are_there_before_a_run_and_a_hidden_line_stays_hidden(page: Any, address: str, feed: Feed) -> None:
    page.goto(f"{address}/?run={feed.run.id}")
    expect(page.locator("figure")).to_have_count(4)
    before = [each.bounding_box() for each in page.locator(".frame").all()]
    feed(3)
    until(page, lambda: points(page, "Reward, KL") == 3)
    assert [each.bounding_box() for each in page.locator(".frame").all()] == before
    reward = figure(page, "Reward, KL").get_by_role("button", name="reward")
    reward.click()
    expect(reward).to_have_attribute("aria-pressed", "false")
    feed()
    until(page, lambda: points(page, "Objective J") == 4)
    assert points(page, "Reward, KL") == 0
