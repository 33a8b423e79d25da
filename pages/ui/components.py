"""The sources of components that are drawn in the browser, from assets/components."""

from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "assets" / "components"
VIEWER = "app/static/3Dmol-min.js"
"""Where this app serves the script that turns molecules."""


def source(*names: str) -> str:
    """Return files one after another: several JavaScript files become one module, in the order listed."""
    return "\n".join((SOURCES / name).read_text(encoding="utf-8") for name in names)
