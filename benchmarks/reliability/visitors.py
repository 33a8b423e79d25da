"""Visitors who use all pages at a time, each in a window of their own, for some minutes: errors, waits, memory."""

import asyncio
import random
import statistics
import time
from collections import defaultdict
from typing import Any

from playwright import async_api as playwright

from benchmarks.browser import CARDS, MARK, Row
from benchmarks.server import PAGES, megabytes, server
from seqtutor_core.doctor import browser as find_browser
from tests.browsing import ARGUMENTS, PATIENCE

BROWSERS = 20
SECONDS = 300.0
WARMING = 60_000  # milliseconds for the first page of a new server
READS = (0.5, 4.0)  # seconds that a visitor looks at what there is
WRONG = '[data-testid="stException"], [data-testid="stAlertContentError"]'
START, ENDED = ".st-key-start button:visible", "() => document.querySelector('.st-key-start button:not([disabled])')"
MELODY = f"() => ({MARK})('sequence-tutor-shown-B')"


class Waits:
    """How long each part of a page was waited for, and what went wrong."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.errors: defaultdict[str, list[str]] = defaultdict(list)

    async def measure(self, what: str, page: Any, act: Any) -> None:
        """Await the act and note how long it took; what it raises, or the page says, is an error."""
        began = time.perf_counter()
        try:
            await act
            if wrong := await page.locator(WRONG).all_inner_texts():
                self.errors[what] += wrong
        except playwright.Error as error:
            self.errors[what].append(str(error).splitlines()[0])
        self.seconds[what].append(time.perf_counter() - began)

    def rows(self) -> list[Row]:
        """Return a row for each part."""
        return [
            {
                "what": what,
                "times": len(took),
                "median, s": round(statistics.median(took), 2),
                "slowest, s": round(max(took), 2),
                "errors": len(self.errors[what]),
            }
            for what, took in self.seconds.items()
        ]


def visitors(browsers: int, seconds: float) -> list[Row]:
    """Return the waits of so many visitors over so many seconds, and the server's memory before and after."""
    waits = Waits()
    with server() as (url, process):
        before, after = asyncio.run(_visits(waits, url, process, browsers, seconds))
    for what, errors in waits.errors.items():
        print(what, *dict.fromkeys(errors), sep="\n  ")
    memory = {"what": "server's memory, MB: first, last", "times": None, "median, s": before, "slowest, s": after}
    return [*waits.rows(), {**memory, "errors": sum(map(len, waits.errors.values()))}]


async def _visits(waits: Waits, url: str, process: int, browsers: int, seconds: float) -> tuple[int, int]:
    """Let the visitors come; return the server's megabytes once its first pages are drawn, and at the end."""
    async with playwright.async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        first = await chromium.new_page()
        for name in PAGES:
            await first.goto(f"{url}/{name}", timeout=WARMING)
            await first.wait_for_function(PAGES[name], polling=100, timeout=PATIENCE)
        await first.close()
        before, until = megabytes(process), time.monotonic() + seconds
        await asyncio.gather(*(_visitor(waits, chromium, url, number, until) for number in range(browsers)))
        await chromium.close()
        return round(before), round(megabytes(process))


async def _visitor(waits: Waits, chromium: Any, url: str, number: int, until: float) -> None:
    """Open pages and move sliders until it is time; the first visitor tunes all the time."""
    chance = random.Random(number)
    context = await chromium.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: waits.errors["scripts of pages"].append(str(error)))
    while time.monotonic() < until:
        name = "melody" if number == 0 else chance.choice([*PAGES])
        await waits.measure(f"page {name or 'home'}", page, _opened(page, url, name))
        if number == 0:
            await waits.measure("a run from Start to its end", page, _tuned(page))
        elif name in ("melody", "molecule"):
            for _ in range(chance.randint(1, 4)):
                await waits.measure(f"slider to preview, {name}", page, _moved(page, name))
                await asyncio.sleep(chance.uniform(*READS))
        await asyncio.sleep(chance.uniform(*READS))
    await context.close()


async def _opened(page: Any, url: str, name: str) -> None:
    link = "?seconds=10%20s" if name == "melody" else ""
    await page.goto(f"{url}/{name}{link}")
    await page.wait_for_function(PAGES[name], polling=100)


async def _moved(page: Any, name: str) -> None:
    """Press a key on a slider until another preview is shown."""
    shown = MELODY if name == "melody" else f"() => {CARDS}"
    slider = page.locator(f".st-key-{'motif' if name == 'melody' else 'mol_log_p'}").get_by_role("slider")
    before = await page.evaluate(shown)
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
        await slider.focus()
        await page.keyboard.press(key)
        try:
            await page.wait_for_function(f"before => ({shown})() !== before", arg=before, polling=100, timeout=20_000)
            return
        except playwright.TimeoutError:  # a small step may leave the same molecules
            continue
    raise playwright.Error("no other preview came of five presses")


async def _tuned(page: Any) -> None:
    await page.locator(START).click()
    await page.wait_for_function(f"() => !({ENDED})()", polling=100)
    await page.wait_for_function(ENDED, polling=100)
