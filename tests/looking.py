"""How a page looks to those who use it: what moves, what a screen reader and a keyboard find. For tests and figures."""

from typing import Any

# Sums the layout shifts that follow no input, as the web vitals do, but over all of a page's life.
SHIFTS = """
window.shifted = { sum: 0, parts: [] };
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    window.shifted.sum += entry.value;
    for (const one of entry.sources)
      window.shifted.parts.push(`${entry.value.toFixed(3)} ${one.node?.className ?? one.node?.nodeName} ` +
        `${Math.round(one.previousRect.y)} to ${Math.round(one.currentRect.y)}`);
  }
}).observe({ type: 'layout-shift', buffered: true });
"""
STILL = """() => {
  const app = document.querySelector('[data-test-script-state]');
  return app?.dataset.testScriptState === 'notRunning' && !document.querySelector('[data-testid="stSkeleton"]');
}"""
FOCUS = """() => {
  let one = document.activeElement;
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  return one?.closest('[class*="st-key-"]')?.className ?? '';
}"""
NO_WEBGL = "HTMLCanvasElement.prototype.getContext = () => null;"
NO_OFFSCREEN = "OffscreenCanvas.prototype.getContext = () => null;"  # as some WebKit
LESS_WEBGL = (
    NO_OFFSCREEN
    + """
const whole = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, wishes) { return wishes ? null : whole.call(this, kind); };
"""
)  # a context, but not with what 3Dmol asks of one
# What axe-core finds in Streamlit's (1.67) own elements, which neither a style nor an argument reaches.
STREAMLITS = {
    # the place to drop a file on says that it is none, and has a name: a label on what has no role
    ("presentation-role-conflict", 'data-testid="stFileUploaderDropzone"'),
}


def watch_shifts(page: Any) -> None:
    """Sum layout shifts from the next document on."""
    page.add_init_script(SHIFTS)


def shifts(page: Any) -> float:
    """Return the cumulative layout shift so far, and begin anew."""
    found: float = page.evaluate("window.shifted.sum")
    page.evaluate("window.shifted = { sum: 0, parts: [] }")
    return found


def settle(page: Any, milliseconds: int = 1500) -> None:
    """Wait until the script has run and nothing has been drawn for a while."""
    page.wait_for_selector(".st-key-nav")
    page.wait_for_function(STILL, polling=100)  # milliseconds; by itself it looks at each frame, and so asks for frames
    page.wait_for_timeout(milliseconds)
    page.wait_for_function(STILL, polling=100)


def violations(page: Any, *rules: str, within: str = "html") -> list[str]:
    """Return what axe-core finds, of any impact: rule, impact, and each element. By these rules only, if given."""
    from axe_playwright_python.sync_playwright import Axe

    # axe is in the page alone: of a frame it would wait for an answer, for minutes where that draws in space
    options = {"resultTypes": ["violations"], "iframes": False, **({"runOnly": list(rules)} if rules else {})}
    found = Axe().run(page, context=within, options=options).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {' '.join(map(str, node['target']))} {node['html'][:200]}"
        for one in found
        for node in one["nodes"]
        if not any(rule == one["id"] and mark in node["html"] for rule, mark in STREAMLITS)
    ]


def tab_stops(page: Any, key: str, most: int = 60) -> int:
    """Return how often Tab is pressed from the document's beginning to a widget; one more than `most` for never."""
    page.evaluate("document.activeElement?.blur(); window.getSelection()?.removeAllRanges()")
    page.mouse.click(1, 1)
    for count in range(1, most + 1):
        page.keyboard.press("Tab")
        if f"st-key-{key} " in page.evaluate(FOCUS) + " ":
            return count
    return most + 1


def scrolls(page: Any) -> tuple[int, int]:
    """Return by how many pixels the page is higher and wider than the screen."""
    down, aside = page.evaluate("""() => {
      const main = document.querySelector('[data-testid="stMain"]');
      return [main.scrollHeight - main.clientHeight, document.documentElement.scrollWidth - window.innerWidth];
    }""")
    return down, max(aside, 0)


def top_of(page: Any, key: str) -> int:
    """Return where a widget begins below the screen's upper edge, in pixels."""
    return round(page.locator(f".st-key-{key}").first.bounding_box()["y"])
