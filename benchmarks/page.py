"""How soon a cold browser shows the melody page, and a moved slider its new value; medians, seconds.

python -m benchmarks.page [--runs 5]: needs Chromium.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.browsing import ROOT, chromium, served


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    first: list[float] = []
    later: list[float] = []
    moved: list[float] = []
    for _ in range(options.runs):
        with (
            tempfile.TemporaryDirectory() as folder,
            served(ROOT / "app.py", Path(folder), SEQTUTOR_HOME=folder) as url,
        ):
            first.append(_open(url, moved))  # a new server, a new browser
            later.append(_open(url, []))
    for label, values in (
        ("melody page ready, new server, new browser", first),
        ("melody page ready, running server, new browser", later),
        ("slider moved to its part redrawn", moved),
    ):
        print(f"{label}: {statistics.median(values):.2f} s (from {min(values):.2f} to {max(values):.2f})")


def _open(url: str, moved: list[float]) -> float:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1500, "height": 1400})
        began = time.perf_counter()
        page.goto(f"{url}/melody")
        page.get_by_test_id("roll-canvas").first.wait_for(timeout=120_000)
        took = time.perf_counter() - began
        page.get_by_text("The paper's Table 1, measured").wait_for()
        page.wait_for_timeout(1000)
        began = time.perf_counter()
        page.locator(".st-key-motif").get_by_role("slider").press("ArrowRight")
        page.locator(".st-key-motif").get_by_text("1.1").wait_for()
        page.get_by_text("Table 1").wait_for()
        moved.append(time.perf_counter() - began)
        return took


if __name__ == "__main__":
    main()
