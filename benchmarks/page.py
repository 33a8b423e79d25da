"""How soon a cold browser shows the melody page, and a moved slider its value and its preview; medians, seconds.

python -m benchmarks.page [--runs 5]: needs Chromium.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.browsing import ROOT, chromium, served

Times = defaultdict[str, list[float]]
MOVES = 5  # of a slider, on each page
SOUND = "([audio, before]) => audio.hasAttribute('src') && audio.src !== before"
PICTURES = "[...document.querySelectorAll('.st-key-preview img')].map(one => one.alt).join()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    times: Times = defaultdict(list)
    for _ in range(options.runs):
        with (
            tempfile.TemporaryDirectory() as folder,
            served(ROOT / "app.py", Path(folder), SEQTUTOR_HOME=folder) as url,
        ):
            _open(url, "melody page ready, new server, new browser", times)
            _open(url, "melody page ready, running server, new browser", times)
            _previews(url, times)
    for label, values in times.items():
        print(f"{label}: {statistics.median(values):.2f} s (from {min(values):.2f} to {max(values):.2f})")


def _open(url: str, label: str, times: Times) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1500, "height": 1400})
        began = time.perf_counter()
        page.goto(f"{url}/melody")
        page.get_by_test_id("roll-canvas").first.wait_for(timeout=120_000)
        times[label].append(time.perf_counter() - began)
        page.get_by_text("The paper's Table 1, measured").wait_for(timeout=120_000)
        page.wait_for_timeout(1000)
        began = _move(page, "motif")
        page.locator(".st-key-motif").get_by_text("1.1").wait_for()
        page.get_by_text("Table 1").wait_for()
        times["slider moved to its new value shown"].append(time.perf_counter() - began)


def _previews(url: str, times: Times) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1500, "height": 1400})
        page.set_default_timeout(120_000)
        page.goto(f"{url}/melody")
        page.get_by_text("The paper's Table 1, measured").wait_for()
        for _ in range(MOVES):
            _melody(page, times)
        page.goto(f"{url}/molecule")
        page.get_by_text("Take away everything").wait_for()
        for _ in range(MOVES):
            _molecules(page, times)


def _move(page: Any, name: str) -> float:
    """A slider's next step; when it was pressed. Streamlit waits 0.2 s for more before it tells the server."""
    began = time.perf_counter()
    page.locator(f".st-key-{name}").get_by_role("slider").press("ArrowRight")
    return began


def _melody(page: Any, times: Times) -> None:
    page.wait_for_timeout(1500)
    box = page.locator(".st-key-preview")
    audio = box.get_by_test_id("roll-audio").element_handle()
    src = audio.evaluate("audio => audio.src")
    began = _move(page, "motif")
    page.wait_for_function("([audio, before]) => audio.src !== before", arg=[audio, src], polling=10)
    times["melody slider moved to the preview's roll"].append(time.perf_counter() - began)
    page.wait_for_function(SOUND, arg=[audio, src], polling=10)
    times["melody slider moved to the preview's sound"].append(time.perf_counter() - began)


def _molecules(page: Any, times: Times) -> None:
    page.wait_for_timeout(1500)
    before = page.evaluate(PICTURES)
    began = _move(page, "mol_log_p")
    page.wait_for_function(f"before => {PICTURES} !== before", arg=before, polling=10)
    times["molecule slider moved to the preview's drawings"].append(time.perf_counter() - began)


if __name__ == "__main__":
    main()
