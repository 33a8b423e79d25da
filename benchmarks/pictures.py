"""Take the pictures of docs/pictures: both studios with a living run, as a browser shows them.

python -m benchmarks.pictures [melody] [molecule]: needs Chromium; both unless one is named.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browsing import PATIENCE, ROOT, chromium, press, served, stage
from tests.looking import settle

PICTURES = ROOT / "docs" / "pictures"
SIZE = {"width": 1440, "height": 900}
SECOND = 25  # of learning, from which on the picture is taken
LEARNED = "least => document.querySelector('.readout .stage').textContent.match(/Tuning: (\\d+) of/)?.[1] >= least"
STUDIOS = ("melody", "molecule")


def main(names: list[str]) -> None:
    for name in names or STUDIOS:
        with (
            tempfile.TemporaryDirectory() as home,
            served(ROOT / "app.py", Path(home), SEQTUTOR_HOME=home) as url,
            chromium() as browser,
        ):
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.set_default_timeout(PATIENCE)
            page.goto(f"{url}/{name}")
            _take(page, name)


def _take(page: Any, name: str) -> None:
    """Start a run, let it learn, and write what the screen shows then."""
    settle(page)
    press(page, "start")
    if name == "melody":
        page.get_by_test_id("roll-choose-C").click()
    page.wait_for_function(LEARNED, arg=SECOND)
    page.screenshot(path=PICTURES / f"{name}.png")
    press(page, "stop")
    stage(page, "Stopped").wait_for()


if __name__ == "__main__":
    main(sys.argv[1:])
