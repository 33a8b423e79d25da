"""A served app and a real browser, for the tests that look at pages."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seqtutor_core.doctor import browser as find_browser
from seqtutor_core.runs import store

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

ROOT = Path(__file__).parents[1]
PATIENCE = 120_000  # milliseconds
expect.set_options(timeout=PATIENCE)
# What pulses, fades and turns is drawn sixty times a second without a GPU, on cores that the tests need.
CALM = {"reduced_motion": "reduce"}
SCREEN = {"width": 1500, "height": 1400}  # pixels
# Each window of Chromium draws two pages for what drops down from its address bar, which takes half a second of a core.
# The list stands in place of Playwright's own, and keeps of it what would ask other machines or paint late.
WITHOUT = (
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,PaintHolding,HttpsUpgrades,MediaRouter,AimEnabled,"
    "OptimizationHints,NetworkTimeServiceQuerying,PreconnectToSearch"
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--disable-features={WITHOUT}"]
needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed: sudo apt-get install chromium"),
]


@contextmanager
def served(script: Path, folder: Path, **environment: str) -> Iterator[str]:
    """The address of a script served by Streamlit; its log is folder/log."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    with open(folder / "log", "w") as log:
        known = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        server = subprocess.Popen(command, cwd=ROOT, env=known, stdout=log, stderr=log)
        try:
            _wait_for(f"http://localhost:{port}/_stcore/health", server, folder / "log")
            yield f"http://localhost:{port}"
        finally:
            server.terminate()
            server.wait(timeout=20)


@contextmanager
def served_page(script: str, folder: Path, **environment: str) -> Iterator[str]:
    """The address of a page given by its source, written to the folder."""
    page = folder / "page.py"
    page.write_text(textwrap.dedent(script))
    with served(page, folder, **environment) as url:
        yield url


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:  # not there yet, or too busy to answer
            time.sleep(0.25)
    pytest.fail(f"the server did not answer:\n{log.read_text()}")


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        yield opened
        opened.close()


class Watch:
    """What a page asked for and what went wrong on it."""

    def __init__(self, page: Any) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def check(self, address: str) -> None:
        """No script error, and nothing asked of another machine, since the last check."""
        errors, requests = self.errors[:], self.requests[:]
        self.errors.clear()
        self.requests.clear()
        assert errors == []
        assert [url for url in requests if not url.startswith((address, "blob:", "data:", "about:"))] == []


@contextmanager
def window(browser: Any, **settings: Any) -> Iterator[Any]:
    """A blank page in the window of somebody who was never here before."""
    context = browser.new_context(**{"viewport": SCREEN, **CALM, **settings})
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    yield opened
    context.close()


@contextmanager
def looked_at(browser: Any, address: str, **settings: Any) -> Iterator[Any]:
    """A blank page in a window of its own, and at its end a look at what went wrong on it."""
    with window(browser, **settings) as opened:
        watch = Watch(opened)
        yield opened
    watch.check(address)


class Tab:
    """A page that the tests of a file use in turn: what the first has loaded is compiled, a third of an opening."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.watch = Watch(page)

    @contextmanager
    def turn(self, address: str) -> Iterator[Any]:
        """The page, blank, of usual size and as if nobody had been here; at its end a look at what went wrong."""
        self.page.set_viewport_size(SCREEN)
        self.page.emulate_media(color_scheme="light", **CALM)
        yield self.page
        self.page.unroute_all()
        if self.page.url.startswith(address):
            self.page.evaluate("localStorage.clear()")
        for other in self.page.context.pages:
            if other is not self.page:
                other.close()
        self.page.goto("about:blank")
        self.page.context.clear_cookies()
        self.watch.check(address)


def press(page: Any, key: str) -> None:
    """Click the button of a key; one with help has a hidden twin."""
    page.locator(f".st-key-{key} button").first.click()


def stage(page: Any, text: str) -> Any:
    """The transport's words for what the run in view does."""
    return page.locator(".readout .stage").filter(has_text=text)


def until(page: Any, condition: Callable[[], Any]) -> None:
    """Wait for what the page does not show; fails when it does not come."""
    for _ in range(PATIENCE // 200):
        if condition():
            return
        page.wait_for_timeout(200)
    pytest.fail("it did not happen")


def end_runs() -> None:
    """Kill the workers that a test left behind."""
    for run in store.all_runs():
        if run.alive and run.status.pid:
            os.kill(run.status.pid, signal.SIGKILL)
