"""A page without a browser: opened, pressed and read."""

from collections.abc import Iterable
from html import unescape
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[1]


def opened(page: str, **link: str) -> AppTest:
    """A page of the app by its link, not yet run; its links need the app around it."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    if page != "app":
        app.switch_page(f"pages/{page}.py")
    for parameter, value in link.items():
        app.query_params[parameter] = value
    return app


def press(page: AppTest, key: str) -> AppTest:
    """Click a button by its key."""
    return page.button(key=key).click().run()


def choose_preset(page: AppTest, name: str | None) -> AppTest:
    """Click the pill of a studio's reward preset; None: the marked one."""
    (pills,) = [each for each in page.pills if each.label == "Presets"]
    return pills.set_value(name).run()


def texts(elements: Iterable[Any]) -> str:
    """What elements say, as one text: literal characters of Markdown as they are shown."""
    return unescape(" ".join(element.value for element in elements)).replace("\u200b", "")
