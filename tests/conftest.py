"""Settings of every test, and the served app with a browser for those that look at pages.

tests.browsing is imported by the fixtures that need it: the tests of the core run where no browser's package is.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from seqtutor_core.config import TuningConfig
from seqtutor_core.runs import launcher, store

# tiny networks gain nothing from a second thread, and busy threads of several processes starve each other
torch.set_num_threads(1)
pytest.register_assert_rewrite("tests.browsing")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests of commands as slow; let those that drive a browser, and fail, try once more; begin with slow files.

    So the quick files come last, and no core waits long while another ends.
    """
    slow = set()
    for item in items:
        if "cli" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
        if item.get_closest_marker("browser") or item.get_closest_marker("slow"):
            slow.add(item.path)
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def served_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The app's address and its user's folder; served once, for a server loads torch and the priors first."""
    from tests.browsing import ROOT, served

    folder = tmp_path_factory.mktemp("home")
    with served(ROOT / "app.py", tmp_path_factory.mktemp("log"), SEQTUTOR_HOME=str(folder), SEQTUTOR_SLOTS="1") as url:
        yield url, folder


@pytest.fixture(scope="module")
def home(served_app: tuple[str, Path]) -> Path:
    """The user's folder of the served app, emptied for each file of tests."""
    folder = served_app[1]
    for each in folder.iterdir():
        shutil.rmtree(each, ignore_errors=True) if each.is_dir() else each.unlink()
    return folder


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of the test's own, which is not there yet; for tests that need no served app."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def address(served_app: tuple[str, Path], home: Path) -> str:
    """Where the app is served."""
    return served_app[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from tests.browsing import chromium

    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def tab(browser: Any) -> Iterator[Any]:
    """A window that the tests of a file use in turn."""
    from tests.browsing import Tab, window

    with window(browser) as opened:
        yield Tab(opened)


@pytest.fixture
def page(tab: Any, address: str) -> Iterator[Any]:
    """A blank page without a past; the test fails for a script error or a request that leaves the machine."""
    with tab.turn(address) as opened:
        yield opened


@pytest.fixture
def new_page(browser: Any, address: str) -> Iterator[Any]:
    """The same in a window of its own: for scripts that run before a page's own, which stay with a window."""
    from tests.browsing import looked_at

    with looked_at(browser, address) as opened:
        yield opened


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[TuningConfig]:
    """What a page asked to start, without a worker."""
    configs: list[TuningConfig] = []

    def start(config: TuningConfig, claim: Callable[[store.Run], None]) -> store.Run:
        configs.append(config)
        run = store.create_run(config)
        claim(run)
        return run

    monkeypatch.setattr(launcher, "start", start)
    return configs


@pytest.fixture
def own_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test looks into the same run folders as the app, and leaves no living run."""
    from tests.browsing import end_runs

    monkeypatch.setenv("SEQTUTOR_HOME", str(home))
    yield
    end_runs()
