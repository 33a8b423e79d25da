"""How soon a page can be used, on a cold server and on a warm one, and whether the server's memory grows.

python -m benchmarks.server [start] [memory]: needs Chromium; both parts unless one is named. Cold counts from the start
of the server's process, warm from the address being opened in a browser that has never been here. Usable: the page is
drawn, nothing moves in it any more, and a studio shows its first preview. Prints tables, and writes
benchmarks/results/server.json.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.browser import CARDS, MARK, Row, measure_parts
from tests.browsing import PATIENCE, ROOT, chromium, playwright, served
from tests.looking import STILL

RESULTS = Path(__file__).parent / "results" / "server.json"
PAGES = {
    "": STILL,
    "melody": f"() => ({MARK})('sequence-tutor-shown-B') > 0 && ({STILL})()",
    "molecule": f"() => document.querySelector('.st-key-cards-B img') && ({STILL})()",
    "runs": STILL,
}
STARTS = 5  # of the server, for each page
VISITS = 50
PREVIEWS = 200
PRESSES = 4  # of a key, a quarter of the patience each, until a preview comes of it
LOOKS = 10  # at the memory, in each part
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


def main(parts: list[str]) -> None:
    machine = f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}, headless Chromium"
    measure_parts({"start": start, "memory": memory}, parts, RESULTS, machine)


# ---------------------------------------------------------------- start


def start() -> list[Row]:
    """Return for each page the medians of seconds until it can be used, and of the server's CPU seconds until then."""
    rows = []
    with chromium() as browser:
        for name in PAGES:
            cold, warm, busy = [], [], []
            for _ in range(STARTS):
                began = time.perf_counter()
                with server() as (url, process):
                    _visit(browser, url, name)
                    cold.append(time.perf_counter() - began)
                    busy.append(_cpu_seconds(process))
                    began = time.perf_counter()
                    _visit(browser, url, name)
                    warm.append(time.perf_counter() - began)
            figures = {"cold, s": cold, "of which CPU of the server, s": busy, "warm, s": warm}
            medians = {what: round(statistics.median(each), 2) for what, each in figures.items()}
            rows.append({"page": name or "home", **medians})
            print(rows[-1], file=sys.stderr)
    return rows


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """The app with a new home: its address, and the number of its process."""
    with (
        tempfile.TemporaryDirectory() as home,
        served(ROOT / "app.py", Path(home), SEQTUTOR_HOME=home) as url,
    ):
        port = url.rpartition(":")[2]
        [process] = [child for child in _children(os.getpid()) if port.encode() in _command(child)]
        yield url, process


def _visit(browser: Any, url: str, name: str) -> None:
    """Open a page as somebody who has never been here, until it can be used."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{url}/{name}")
    page.wait_for_selector(".st-key-nav")
    page.wait_for_function(PAGES[name], polling=20)
    context.close()


def _children(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _command(process: int) -> list[bytes]:
    return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---------------------------------------------------------------- memory


def memory() -> list[Row]:
    """Return the server's memory along visits and previews, and what each added after the first fifth of them."""
    rows = []
    with chromium() as browser, server() as (url, process):
        for name in ("melody", "molecule"):
            along = [megabytes(process)]
            for i in range(VISITS):
                _visit(browser, url, name)
                if (i + 1) % (VISITS // LOOKS) == 0:
                    along.append(megabytes(process))
            rows.append(_grown("visits", name, along, VISITS))
            rows.append(_grown("previews", name, _previews(browser, url, name, process), PREVIEWS))
    return rows


def _previews(browser: Any, url: str, name: str, process: int) -> list[float]:
    """Move a slider again and again, each time until its preview is shown; the memory along the way."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(f"{url}/{name}")
    page.wait_for_function(PAGES[name], polling=20)
    along = [megabytes(process)]
    shown = f"(({MARK})('sequence-tutor-shown-B'))" if name == "melody" else CARDS
    slider = page.locator(f".st-key-{'motif' if name == 'melody' else 'mol_log_p'}").get_by_role("slider")
    for i in range(PREVIEWS):
        _move(page, slider, "ArrowRight" if i // 5 % 2 == 0 else "ArrowLeft", shown)
        if (i + 1) % (PREVIEWS // LOOKS) == 0:
            along.append(megabytes(process))
    page.close()
    return along


def _move(page: Any, slider: Any, key: str, shown: str) -> None:
    """Press a key on a slider until another preview is shown: on a busy machine a press may meet a page being drawn."""
    before = page.evaluate(shown)
    for _ in range(PRESSES):
        slider.focus()
        page.keyboard.press(key)
        with suppress(playwright.TimeoutError):
            page.wait_for_function(f"before => {shown} !== before", arg=before, polling=20, timeout=PATIENCE / 4)
            return
    raise RuntimeError(f"no other preview came of {PRESSES} presses")


def megabytes(process: int) -> float:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE_SIZE / 1e6


def _grown(what: str, page: str, along: list[float], count: int) -> Row:
    settled = along[LOOKS // 5 :]
    each = 1000 * (settled[-1] - settled[0]) / (count * (LOOKS - LOOKS // 5) / LOOKS)
    return {
        "what": f"{count} {what}",
        "page": page,
        "MB at first": round(along[0]),
        "after a fifth": round(settled[0]),
        "at last": round(along[-1]),
        "KB each, after a fifth": round(each),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
