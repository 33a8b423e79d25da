"""Who can use the pages, state by state, in a real Chromium: axe-core finds nothing, of any impact, light and dark."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from filelock import FileLock

from seqtutor_core import priors
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.config import TuningConfig
from seqtutor_core.runs import names, owner, store, tags
from seqtutor_core.runs.checkpoints import save_policy
from tests.browsing import CALM, expect, needs_chromium, press
from tests.looking import settle, violations

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]

GROUNDS = {"light": "rgb(252, 251, 248)", "dark": "rgb(20, 24, 27)"}
THEMED = """ground => getComputedStyle(document.querySelector('.stApp')).backgroundColor === ground"""
RIGHT, POPOVER = ".st-key-pane-right", "[data-testid=stPopoverBody]"
# Of the method page's thousands of texts, each of which takes time, those that differ in colour.
INKS = ", ".join(f".st-key-article {each}" for each in ("h2", "p:first-of-type", "p a", "code", "th"))
# What is drawn in a table, in the middle of its empty end.
TABLE = """() => {
  const canvas = document.querySelector('[data-testid=stDataFrame] canvas');
  return canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height - 9, 1, 1).data.slice(0, 3).join(', ');
}"""
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
GAUGE = {"at_most": 0.9, "at_least": 0.7, "j": 9.0, "j_error": 0.4, "j_prior": -50.0, "j_prior_error": 6.0, "n": 256,
         "log_z_at_least": 16.0, "log_z_at_most": 18.0, "gap": 7.0, "reward": 51.0, "kl": 3.5, "entropy": 1.5,
         "distinct": 1.0, "collapsed": False, "delta": 0.01, "sources": {}, "kl_coefficient": 4.0,
         "sentence": "At most 90% of the reachable improvement over the prior."}  # fmt: skip


def tuned(domain: str, state: str = "finished") -> store.Run:
    """Return a run that learned for some seconds, with a policy, a gauge, samples, best sequences and curves."""
    network = priors.load(domain).network
    run = store.create_run(TuningConfig(domain, domain, weights={"key" if domain == "melody" else "qed": 40.0}))
    numbers: dict[str, Any] = dict.fromkeys(("reward", "kl", "j", "entropy", "distinct", "steps_per_second"), 0.5)
    numbers |= {"weights": {}, "terms": dict.fromkeys(run.config.weights, 0.5), "kl_coefficient": 4.0}
    lines = [{**numbers, "update": n, "seconds": n / 2, **({"gauge": GAUGE} if n == 4 else {})} for n in range(9)]
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    save_policy(run.folder / "policy.safetensors", network.state_dict(), network.settings, {"seconds": 4.0})
    if domain == "molecule":
        best = {"tokens": [*MOSES.encode(ASPIRIN), MOSES.end], "terms": {}, "update": 1, "seconds": 1.0}
        (run.folder / "best.jsonl").write_text(json.dumps(best) + "\n")
    run.write_status(replace(run.status, state=state, seconds=4.0))
    return run


@pytest.fixture
def opened(page: Any, address: str) -> Callable[[str], Any]:
    """A function that opens a link, with reduced motion: what fades in has no contrast yet."""

    def visit(link: str) -> Any:
        page.goto("about:blank")  # which another theme costs nothing
        page.set_viewport_size({"width": 1440, "height": 900})
        page.emulate_media(color_scheme="light", **CALM)
        page.goto(f"{address}/{link}")
        settle(page)
        return page

    return visit


class States:
    """What is wrong in the states that a page is brought into, one after the other.

    A look takes a second, and another theme several, for it draws the page anew: so all states are looked at in the
    light, and then in the dark.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.scheme = "light"
        self.wrong: list[str] = []

    def check(self) -> None:
        """Fail with everything that was found."""
        assert not self.wrong, "\n".join(self.wrong)

    def schemes(self) -> Iterator[str]:
        """Wear one theme after the other, the light, which a page opens with, and the dark."""
        yield "light"
        self.darken()
        yield "dark"

    def darken(self) -> None:
        """Change to the dark theme, in which only contrast can be another."""
        self.scheme = "dark"
        self.page.emulate_media(color_scheme="dark", **CALM)
        self.page.wait_for_function(THEMED, arg=GROUNDS["dark"])

    def look(self, name: str, within: str = "html") -> None:
        """Look at the page as it stands, or at a part of it; twice: what is being drawn anew is pale for a moment."""
        rules = ["color-contrast"] if self.scheme == "dark" else []
        settle(self.page, 200)
        if violations(self.page, *rules, within=within):
            settle(self.page)
            found = violations(self.page, *rules, within=within)
            self.wrong += [f"{name}, {self.scheme}: {one}" for one in found]

    def tabs(self, *titles: str) -> None:
        """Look at each of these tabs of the right pane."""
        for title in titles:
            self.page.locator(RIGHT).get_by_role("tab", name=title, exact=True).click()
            self.look(title, RIGHT)

    def own_reward(self, term: str) -> None:
        """Look at what an own reward's file says of itself, with a try of it."""
        self.page.get_by_role("button", name="File of Own reward").click()
        press(self.page, f"test-{term}")
        expect(self.page.locator(POPOVER)).to_contain_text("About ")
        self.look("own reward", POPOVER)
        self.page.keyboard.press("Escape")


def test_home_and_method(opened):
    tuned("melody")
    home = States(opened(""))
    for _ in home.schemes():
        home.look("as it opens")
    home.check()
    method = States(opened("method"))
    method.look("as it opens")
    method.page.set_viewport_size({"width": 820, "height": 1180})
    method.look("narrow", ".st-key-mini")
    method.darken()
    method.look("inks", INKS)
    method.check()


def test_the_runs_page(opened):
    one, two = tuned("melody"), tuned("molecule")
    names.rename_run(one, "<b>slow</b> $air$")
    tags.add_tag(two, "slow")
    states = States(opened(f"runs?chosen={one.id}"))
    page = states.page
    for _ in states.schemes():
        for name in ("Rename", "Tag"):
            page.get_by_role("button", name=name, exact=True).click()
            states.look(name, POPOVER)
            page.keyboard.press("Escape")
    states.check()
    both = States(opened(f"runs?chosen={one.id}~{two.id}"))
    for _ in both.schemes():
        both.look("as it stands")
        for name in ("Samples", "Reward against KL"):
            page.get_by_role("tab", name=name).click()
            both.look(name, "[role=tabpanel]")
        assert f"rgb({both.page.evaluate(TABLE)})" == GROUNDS[both.scheme], "a table wears the theme too"
    both.check()


def test_the_melody_studio_before_a_run(opened):
    states = States(opened("melody?own=8&own_file=arch.py"))
    for _ in states.schemes():
        states.look("as it stands")
        states.tabs("Frontier", "Table 1", "Score")
        states.own_reward("own")
    states.check()


def test_a_living_run_of_somebody_else(opened):
    run = tuned("melody", "running")
    owner.claim(run)
    with FileLock(run.folder / "worker.lock"):
        states = States(opened(f"melody?run={run.id}"))
        expect(states.page.locator(".st-key-transport-owner")).to_contain_text("You watch")
        for _ in states.schemes():
            states.look("as it opens")
        states.check()


def test_the_molecule_studio(opened):
    states = States(opened(f"molecule?run={tuned('molecule').id}&mol_target={ASPIRIN}"))
    page = states.page
    states.look("as it opens")
    page.locator(".st-key-look-A-0 button").click()
    for _ in states.schemes():
        page.locator(RIGHT).get_by_role("tab", name="Detail", exact=True).click()
        for kind in ("Drawn", "In space"):
            page.locator(".st-key-detail-kind").get_by_role("radio", name=kind).click()
            states.look(kind, RIGHT)
        states.tabs("Frontier", "Properties", "Runs")
    states.look("as it stands")
    states.check()


def test_all_fields_that_only_molecules_have(opened):
    """With the newest ones in use: a geometric mean with a term left out, an own reward, a budget of calls, stages."""
    mean = "mol_combination=Geometric%20mean&mol_log_p=20&mol_own=8&mol_own_file=nitrogen_share.py"
    states = States(opened(f"molecule?{mean}&mol_calls=1000&mol_stages=qed%3D40,%20until%3D30"))
    page = states.page
    expect(page.locator(".st-key-combination-complaint")).to_contain_text("Left out")
    page.locator(".st-key-pane-sliders summary").evaluate_all(
        "all => all.filter(one => !one.parentElement.open).forEach(one => one.click())"
    )
    for _ in states.schemes():
        states.look("everything open")
        states.own_reward("mol_own")
        press(page, "draw-target")
        expect(page.get_by_role("dialog").get_by_role("button", name="Use")).to_be_visible()
        states.look("a draw dialog", "[role=dialog]")
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
    states.check()
