"""What people meet in the browser: where things stand, what moves, who can use it, how soon it answers.

python -m benchmarks.browser [looks] [speed]: needs Chromium; both parts unless one is named. Prints tables, and writes
benchmarks/results/browser.json.
"""

import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import looking
from tests.browsing import PATIENCE, ROOT, chromium, press, served

RESULTS = Path(__file__).parent / "results" / "browser.json"
PAGES = ("", "melody", "molecule", "runs", "method")
SIZES = ((390, 844), (820, 1180), (1440, 900), (1920, 1080), (2560, 1440))
MOVES = 7  # of a slider
RUN = 60  # seconds
BESIDE = 15  # seconds into a run, when sliders are moved beside it
MARK = "name => performance.getEntriesByName(name).at(-1)?.startTime ?? 0"
# What a card says, its reward too: a small step may leave the same molecules.
CARDS = """(cards => [cards.innerText, ...[...cards.querySelectorAll('img')].map(one => one.alt)].join())(
  document.querySelector('.st-key-cards-B'))"""
# What is added to or taken from the curves' plots.
NODES = """element => {
  window.redrawn = 0;
  const count = changes => changes.forEach(one => window.redrawn += one.addedNodes.length + one.removedNodes.length);
  new MutationObserver(count).observe(element, { childList: true, subtree: true });
}"""

Row = dict[str, Any]


def main(parts: list[str]) -> None:
    machine = f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, headless Chromium"
    measure_parts({"looks": looks, "speed": speed}, parts, RESULTS, machine)


def measure_parts(
    measures: Mapping[str, Callable[[], list[Row]]], parts: Collection[str], results: Path, machine: str
) -> None:
    """Measure the parts named, or all if none is; print their tables and keep them beside what `results` has."""
    kept = json.loads(results.read_text()) if results.exists() else {}
    kept["machine"] = machine
    for part, measure in measures.items():
        if part in parts or not parts:
            kept[part] = measure()
            results.write_text(json.dumps(kept, indent=1) + "\n")
            table(kept[part])


@contextmanager
def app() -> Iterator[tuple[str, Any]]:
    """The app with a new home, and a browser."""
    with (
        tempfile.TemporaryDirectory() as home,
        served(ROOT / "app.py", Path(home), SEQTUTOR_HOME=home) as url,
        chromium() as browser,
    ):
        yield url, browser


def table(rows: list[Row]) -> None:
    """Print rows as Markdown."""
    print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join("–" if value is None else str(value) for value in row.values()) + " |")


# ---------------------------------------------------------------- looks


def looks() -> list[Row]:
    """Each page at each width, light and dark, before any run."""
    rows = []
    with app() as (url, browser):
        _visit(browser, url, "melody", (1440, 900), "light")  # the server imports and loads once
        for page in PAGES:
            for size in SIZES:
                light, dark = (_visit(browser, url, page, size, scheme) for scheme in ("light", "dark"))
                rows.append(light | {"axe, light": light["axe"], "axe, dark": dark["axe"]})
                del rows[-1]["axe"]
                print(rows[-1], file=sys.stderr)
    return rows


def _visit(browser: Any, url: str, name: str, size: tuple[int, int], scheme: str) -> Row:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    looking.watch_shifts(page)
    page.goto(f"{url}/{name}")
    looking.settle(page)
    studio = name in ("melody", "molecule")
    down, aside = looking.scrolls(page)
    found = looking.violations(page)
    for one in found:
        print(f"{name or 'home'} {size[0]} {scheme}: {one}", file=sys.stderr)
    row = {
        "page": name or "home",
        "width": size[0],
        "scrolls down, px": down,
        "scrolls aside, px": aside,
        "layout shift": round(looking.shifts(page), 3),
        "Start at, px": looking.top_of(page, "start") if studio else None,
        "tab stops to Start": looking.tab_stops(page, "start") if studio else None,
        "axe": len(found),
    }
    context.close()
    return row


# ---------------------------------------------------------------- speed


def speed() -> list[Row]:
    """How soon each studio answers, idle and beside a living run."""
    rows: list[Row] = []
    with app() as (url, browser):
        for name, parts in {"melody": (_melody, _tuned_melody), "molecule": (_molecule, _tuned_molecules)}.items():
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(PATIENCE)
            looking.watch_shifts(page)
            page.goto(f"{url}/{name}?{'mol_' * (name == 'molecule')}seconds=1%20min")
            looking.settle(page)
            rows += [{"studio": name, **row} for row in _studio(page, *parts)]
            page.close()
    return rows


def _studio(page: Any, moved: Callable[[Any], Row], tuned: Callable[[Any], str]) -> list[Row]:
    """A whole run: `moved` moves a slider and times what follows, `tuned` says which C is shown."""
    rows = _summed(page, moved, "idle")
    looking.shifts(page)
    began = time.perf_counter()
    press(page, "start")
    page.wait_for_selector(".readout:is([data-state=waiting], [data-state=running])")
    rows.append(_row("Start to the first sign of life, s", time.perf_counter() - began))
    shown = [before := tuned(page)]
    while shown[-1] == before:
        page.wait_for_timeout(50)
        shown.append(tuned(page))
    rows.append(_row("Start to the first tuned one, s", time.perf_counter() - began))
    page.locator(".curves figure").first.evaluate(NODES)
    shown = shown[-1:]
    beside: list[Row] = []
    while page.locator(".readout").get_attribute("data-state") in ("waiting", "running"):
        page.wait_for_timeout(250)
        if tuned(page) != shown[-1]:
            shown.append(tuned(page))
        if not beside and time.perf_counter() - began > BESIDE:
            beside = _summed(page, moved, "beside a run")
    rows.append(_row(f"times C changed in {RUN} s", len(shown) - 1))
    rows.append(_row("redrawn chart nodes", page.evaluate("window.redrawn")))
    rows.append(_row("layout shift while it ran", looking.shifts(page)))
    return [*rows, *beside]


def _tuned_melody(page: Any) -> str:
    return str(page.evaluate(MARK, "sequence-tutor-shown-C"))


def _tuned_molecules(page: Any) -> str:
    found = re.search(r"policy of second \d+", page.locator(".st-key-pane-centre").inner_text())
    return found[0] if found else ""


def _row(what: str, value: float) -> Row:
    return {"what": what, "value": round(value, 3)}


def _summed(page: Any, moved: Callable[[Any], Row], when: str) -> list[Row]:
    """The medians of several moves."""
    times = [moved(page) for _ in range(MOVES)]
    return [_row(f"{name}, {when}, s", statistics.median(one[name] for one in times)) for name in times[0]]


def _move(page: Any, name: str) -> float:
    """Move a slider by one step; when, in the page's milliseconds. Streamlit waits 0.2 s for more moves."""
    page.locator(f".st-key-{name}").get_by_role("slider").focus()
    began: float = page.evaluate("performance.now()")
    page.keyboard.press("ArrowRight")
    return began


def _melody(page: Any) -> Row:
    page.wait_for_timeout(1500)
    began = _move(page, "motif")
    times = {}
    for what, mark in {"slider to preview": "shown", "slider to sound": "ready"}.items():
        name = f"sequence-tutor-{mark}-B"
        page.wait_for_function(f"([name, began]) => (({MARK})(name)) > began", arg=[name, began], polling=10)
        times[what] = (page.evaluate(MARK, name) - began) / 1000
    return times


def _molecule(page: Any) -> Row:
    page.wait_for_timeout(1500)
    before = page.evaluate(CARDS)
    began = _move(page, "mol_log_p")
    page.wait_for_function(f"before => {CARDS} !== before", arg=before, polling=10)
    return {"slider to preview": (page.evaluate("performance.now()") - began) / 1000}


if __name__ == "__main__":
    main(sys.argv[1:])
