"""Who can use the pages, state by state, in a real Chromium: axe-core finds nothing, of any impact, light and dark."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from filelock import FileLock

from seqtutor_core import priors
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.config import TuningConfig
from seqtutor_core.runs import names, owner, store, tags
from seqtutor_core.runs.checkpoints import save_policy
from tests.browsing import CALM, expect, needs_chromium
from tests.looking import settle, violations

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]

GROUNDS = {"light": "rgb(252, 251, 248)", "dark": "rgb(20, 24, 27)"}
THEMED = """ground => getComputedStyle(document.querySelector('.stApp')).backgroundColor === ground"""
RIGHT, POPOVER = ".st-key-pane-right", "[data-testid=stPopoverBody]"
# Of the method page's thousands of texts, each of which takes time, those that differ in colour.
INKS = ", ".join(f".st-key-article {each}" for each in ("h2", "p:first-of-type", "p a", "code", "th"))
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
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{address}/{link}")
        settle(page)
        return page

    return visit


class States:
    """What is wrong in the states that a page is brought into, one after the other.

    Each look takes seconds: a page is not looked at as it opens where a later state shows the same and more.
    """

    def __init__(self, page: Any, opens: bool = True) -> None:
        self.page = page
        self.wrong: list[str] = []
        if opens:
            self.look("as it opens")

    def check(self) -> None:
        """Fail with everything that was found."""
        assert not self.wrong, "\n".join(self.wrong)

    def look(self, name: str, within: str = "html", dark: str = "") -> None:
        """Look at the page as it stands, or at a part of it, in the light and in the dark, there at less if given."""
        settle(self.page, 200)
        self.wrong += [f"{name}: {one}" for one in self._lasting(within=within)]
        self._wear("dark")
        self.wrong += [f"{name}, dark: {one}" for one in self._lasting("color-contrast", within=dark or within)]
        self._wear("light")

    def _lasting(self, *rules: str, within: str) -> list[str]:
        """Return what is wrong and still is at a second look: what is being drawn anew is pale for a moment."""
        if violations(self.page, *rules, within=within):
            settle(self.page)
            return violations(self.page, *rules, within=within)
        return []

    def _wear(self, scheme: str) -> None:
        """Change to the other theme."""
        self.page.emulate_media(color_scheme=scheme, **CALM)
        self.page.wait_for_function(THEMED, arg=GROUNDS[scheme])

    def tabs(self, *titles: str) -> None:
        """Look at each of these tabs of the right pane."""
        for title in titles:
            self.page.locator(RIGHT).get_by_role("tab", name=title, exact=True).click()
            self.look(title, RIGHT)


def test_home_and_method(opened):
    tuned("melody")
    States(opened("")).check()
    method = States(opened("method"), opens=False)
    method.look("as it opens", dark=INKS)
    method.page.set_viewport_size({"width": 820, "height": 1180})
    method.wrong += violations(method.page, within=".st-key-mini")
    method.check()


def test_the_runs_page(opened):
    one, two = tuned("melody"), tuned("molecule")
    names.rename_run(one, "<b>slow</b> $air$")
    tags.add_tag(two, "slow")
    states = States(opened(f"runs?chosen={one.id}"), opens=False)
    page = states.page
    for name in ("Rename", "Tag"):
        page.get_by_role("button", name=name, exact=True).click()
        states.look(name, POPOVER)
        page.keyboard.press("Escape")
    both = States(opened(f"runs?chosen={one.id}~{two.id}"))
    for name in ("Samples", "Reward against KL"):
        both.page.get_by_role("tab", name=name).click()
        both.look(name, "[role=tabpanel]")
    states.check()
    both.check()


def test_the_melody_studio_before_a_run(opened):
    states = States(opened("melody"))
    states.tabs("Frontier", "Table 1", "Score")
    states.check()


def test_a_living_run_of_somebody_else(opened):
    run = tuned("melody", "running")
    owner.claim(run)
    with FileLock(run.folder / "worker.lock"):
        states = States(opened(f"melody?run={run.id}"))
        expect(states.page.locator(".st-key-transport-owner")).to_contain_text("You watch")
        states.check()


def test_the_molecule_studio(opened):
    states = States(opened(f"molecule?run={tuned('molecule').id}&mol_target={ASPIRIN}"))
    page = states.page
    page.locator(".st-key-look-A-0 button").click()
    states.look("Detail", RIGHT)
    page.locator(".st-key-detail-kind").get_by_role("radio", name="In space").click()
    states.look("In space", RIGHT)
    states.tabs("Frontier", "Properties", "Runs")
    states.check()


def test_all_fields_that_only_molecules_have(opened):
    states = States(opened("molecule"), opens=False)
    states.page.locator(".st-key-pane-sliders summary").evaluate_all(
        "all => all.filter(one => !one.parentElement.open).forEach(one => one.click())"
    )
    states.look("everything open")
    states.check()
