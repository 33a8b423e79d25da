"""The molecule page's centre and right pane without a browser: rows that follow a run, filters, kept ones, detail."""

import copy
import json
import re
from itertools import pairwise

import pytest
import torch
from filelock import FileLock

from pages.ui.molecule.distributions import distributions, in_words, means
from pages.ui.molecule.filters import AS_DRAWN, Order, filter_and_sort
from pages.ui.molecule.scored import BEST, KEPT, PREVIEW, PRIOR, TUNED
from pages.ui.molecule.selection import Look
from pages.ui.molecule.stage import TABLE
from seqtutor_core import kept, priors
from seqtutor_core.chemistry import neighbours, three_d
from seqtutor_core.chemistry.property_query import Measurement
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule
from seqtutor_core.runs import store
from seqtutor_core.runs.checkpoints import save_policy
from tests.paging import choose_preset, opened, press, texts

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
VALUES = {
    "log_p": 1.0, "qed": 0.5, "sa_score": 2.0, "molecular_weight": 300.0, "tpsa": 60.0,
    "rotatable_bonds": 4.0, "fraction_sp3": 0.3, "heavy_atoms": 22.0,
}  # fmt: skip


@pytest.fixture
def molecule(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    return opened("molecule")


def row(page, name):
    """The SMILES of a row of the centre, "" for what is no molecule."""
    return page.session_state["_mol_shown"][name][1]


def heads(page):
    """What stands above the rows."""
    return " ".join(html.proto.body for html in page.get("html") if "row-head" in html.proto.body)


def one(smiles, reward=0.0, error="", **values):
    return ScoredMolecule(Measurement(smiles, "" if error else smiles, error, "", values), reward, ())


# ---------------------------------------------------------------- prior, preview and tuned policy


@pytest.mark.slow
def test_the_tuned_row_follows_the_policy_of_a_living_run(molecule):
    """From one seed: what has learned nothing writes what the prior writes, and every newer policy something else."""
    run = store.create_run(TuningConfig("molecule", "molecule", "trajectory_balance", weights={"qed": 40.0}))
    molecule.query_params["run"] = run.id
    policy = copy.deepcopy(priors.load("molecule").network)
    torch.nn.init.zeros_(policy.policy.weight)
    torch.nn.init.zeros_(policy.policy.bias)
    with FileLock(run.folder / "worker.lock"):
        page = molecule.run()
        assert not page.exception and not page.error
        assert len(row(page, "A")) == len(row(page, "B")) == 4 and row(page, "C") == []
        assert "no policy yet" in heads(page)
        rows = []
        for second, shift in ((0.4, 0.0), (3.4, 1.0), (6.6, -1.0)):
            torch.nn.init.constant_(policy.policy.bias[:8], shift)
            save_policy(run.folder / "policy.safetensors", policy.state_dict(), policy.settings, {"seconds": second})
            page = page.run()
            rows.append(row(page, "C"))
            assert f"policy of second {second:.0f}" in heads(page)
    assert rows[0] == row(page, "A")
    assert rows[0] != rows[1] != rows[2] != rows[0]


@pytest.mark.slow
def test_a_table_of_a_living_policy_stays_until_others_are_asked_for(molecule):
    run = store.create_run(TuningConfig("molecule", "molecule", "trajectory_balance", weights={"qed": 40.0}))
    molecule.query_params["run"] = run.id
    molecule.session_state["mol_view"], molecule.session_state["mol_shape"] = TUNED, TABLE
    policy = copy.deepcopy(priors.load("molecule").network)
    rows = []
    with FileLock(run.folder / "worker.lock"):
        for second, shift in ((0.4, 0.0), (3.4, 1.0)):
            torch.nn.init.constant_(policy.policy.bias[:8], shift)
            save_policy(run.folder / "policy.safetensors", policy.state_dict(), policy.settings, {"seconds": second})
            molecule.run()
            rows.append(row(molecule, "C"))
            assert "policy of second 0 · *Another*" in texts(molecule.caption)
        press(molecule, "another")
        assert "policy of second 3 · *Another*" in texts(molecule.caption)
    assert rows[0] == rows[1] != row(molecule, "C")
    assert not molecule.exception


def test_another_seed_is_another_draw_of_all(molecule):
    page = molecule.run()
    before = row(page, "A"), row(page, "B")
    press(page, "another")
    after = row(page, "A"), row(page, "B")
    assert before[0] != after[0] and before[1] != after[1]


def test_the_board_is_ranked_by_the_sliders_and_grown_from_the_runs_beginning(molecule):
    settings = {"prefix": "CC"}
    run = store.create_run(TuningConfig("molecule", "molecule", weights={"qed": 40.0}, settings=settings))
    entries = [
        {"tokens": [*MOSES.encode(s), MOSES.end], "terms": {}, "update": 1, "seconds": 1.0} for s in ("O", "CCCCCCCCC")
    ]
    (run.folder / "best.jsonl").write_text("".join(json.dumps(e) + "\n" for e in entries))
    molecule.query_params["run"] = run.id
    molecule.session_state["mol_view"] = BEST
    page = molecule.run()
    assert sorted(row(page, "Best"), key=len) == ["CCO", "CCCCCCCCCCC"]
    choose_preset(page, "All off")
    page.slider(key="mol_heavy_atoms").set_value(50.0).run()
    assert row(page, "Best") == ["CCCCCCCCCCC", "CCO"]
    points = [c.value.split()[0] for c in page.caption if c.value.split()[1:2] == ["points"]]
    assert points == ["6.2", "0.0"], "of undecane 11 heavy atoms, 7 below 18 on a soft edge of 8: 50 / 8; of ethanol 3"


@pytest.mark.parametrize("view", [TUNED, BEST, KEPT])
def test_an_empty_source_says_what_will_be_there(molecule, view):
    molecule.session_state["mol_view"] = view
    page = molecule.run()
    assert not page.exception
    assert any(word in texts(page.caption) for word in ("Press Start", "Nothing is kept yet"))


# ---------------------------------------------------------------- kept


def test_a_kept_molecule_is_there_in_another_session_until_it_is_dropped(molecule):
    page = molecule.run()
    smiles = row(page, "A")[1]
    press(page, "star-A-1")
    assert [k.content for k in kept.all_kept("molecule")] == [{"smiles": smiles, "origin": "A"}]
    assert page.button(key="star-A-1").label == "★ Drop A 2"
    later = opened("molecule")
    later.session_state["mol_view"] = KEPT
    later = later.run()
    assert row(later, "Kept") == [smiles]
    press(later, "star-Kept-0")
    assert kept.all_kept("molecule") == []
    assert "Nothing is kept yet" in texts(later.caption)


def test_a_kept_file_of_something_else_does_no_harm(molecule):
    kept.keep("molecule", {"smiles": 3})
    kept.keep("molecule", {"tokens": [1]})
    kept.keep("molecule", {"smiles": "no molecule"})
    molecule.session_state["mol_view"] = KEPT
    page = molecule.run()
    assert not page.exception


# ---------------------------------------------------------------- filters

MOLECULES = [
    one("CCO", 3.0, log_p=0.0),
    one("CCCCO", 5.0, log_p=0.8),
    one("x", error="bad"),
    one("c1ccccc1", 4.0, log_p=1.7),
]


@pytest.mark.parametrize(
    ("order", "left"),
    [
        (Order(), ["CCCCO", "c1ccccc1", "CCO"]),
        (Order(rising=True), ["CCO", "c1ccccc1", "CCCCO"]),
        (Order(by="log_p"), ["c1ccccc1", "CCCCO", "CCO"]),
        (Order(by=AS_DRAWN, only_valid=False), ["CCO", "CCCCO", "c1ccccc1", "x"]),
        (Order(limits=(("log_p", (0.5, 1.0)),)), ["CCCCO"]),
        (Order(limits=(("log_p", (0.5, 2.0)), ("qed", (0.0, 1.0)))), []),
        (Order(smarts="[OX2H]"), ["CCCCO", "CCO"]),
    ],
)
def test_what_the_filters_leave(order, left):
    assert [found.smiles for found in filter_and_sort(MOLECULES, order)] == left


def qeds(page):
    """Those under the cards."""
    return [float(found) for found in re.findall(r"QED ([\d.]+) ·", texts(page.caption))]


def test_limits_are_shown_and_taken_away(molecule):
    molecule.session_state["mol_view"] = PRIOR
    molecule.session_state["_mol_limits"] = {"qed": (0.9, 1.0)}
    molecule.session_state["mol_pane"] = "Properties"
    page = molecule.run()
    assert not page.exception
    assert min(qeds(page)) >= 0.9
    (chart,) = [json.loads(c.proto.spec) for c in page.get("plotly_chart") if c.key.startswith("distributions")]
    assert [(s["x0"], s["x1"]) for s in chart["layout"]["shapes"]] == [(0.9, 1.0)]
    press(page, "unlimit-qed")
    assert page.session_state["_mol_limits"] == {}
    page.toggle(key="rising").set_value(True).run()
    assert min(qeds(page)) < 0.9


@pytest.mark.parametrize(("typed", "told"), [("[NX3;H2", "[NX3;H2"), ("c1ccccc1\nCO", "2 substructures to filter by")])
def test_a_wrong_substructure_in_the_filter_is_told(molecule, typed, told):
    molecule.session_state["mol_view"] = PRIOR
    page = molecule.run()
    page.text_input(key="with-smarts").input(typed).run()
    assert not page.exception
    assert told in texts(page.error)


def test_a_substructure_that_only_looks_empty_filters_nothing(molecule):
    molecule.session_state["mol_view"] = PRIOR
    page = molecule.run()
    before = qeds(page)
    page.text_input(key="with-smarts").input("\u200b").run()
    assert not page.exception and not page.error
    assert qeds(page) == before


# ---------------------------------------------------------------- properties


def test_distributions_are_shares_and_told_in_words():
    sets = {
        PRIOR: [one("a", 2.0, **VALUES), one("b", 4.0, **VALUES), one("c", error="bad")],
        PREVIEW: [one("a", 2.0, **VALUES)] * 2,
        TUNED: [one("d", error="bad")],
    }
    traces = distributions(MOSES, sets).data
    assert len(traces) == 8 * 4
    for trace in traces:
        assert all(a < b for a, b in pairwise(trace.x))
        expected = {PRIOR: 1.0, PREVIEW: 1.0, TUNED: 0.0, "Training, MOSES": 1.0}[trace.name]
        assert sum(trace.y) == pytest.approx(expected, abs=0.01)
    table = {row["mean"]: (row[PRIOR], row[PREVIEW], row[TUNED]) for row in means(sets)}
    assert table["points"] == ("2", "2", "0")
    assert table["valid"] == ("67%", "100%", "0%")
    assert table["distinct"] == ("100%", "50%", "100%")
    assert table["QED"] == ("0.5", "0.5", "–")
    assert "mean QED, A Prior 0.5, B Preview 0.5, C Tuned –" in in_words(sets)


# ---------------------------------------------------------------- the molecule looked at


def test_a_click_opens_the_detail_and_previous_and_next_walk_through_what_is_shown(molecule):
    page = molecule.run()
    shown = [smiles for name in ("A", "B") for smiles in row(page, name) if smiles]
    slot = row(page, "A").index(shown[1])
    press(page, f"look-A-{slot}")
    assert page.session_state["mol_pane"] == "Detail"
    assert page.code[0].value == shown[1]
    press(page, "detail-next")
    assert page.code[0].value == shown[2]
    for _ in range(3):
        press(page, "detail-previous")
    assert page.code[0].value == shown[-1], "from the first to the last"


def test_a_molecule_looked_at_becomes_the_target(molecule):
    page = molecule.run()
    press(page, "look-A-0" if row(page, "A")[0] else "look-A-1")
    smiles = page.code[0].value
    press(page, "detail-Resemble it")
    assert page.text_input(key="mol_target").value == smiles
    assert page.slider(key="mol_similarity").value == 100.0


def looking(page, smiles):
    page.session_state["_mol_look"] = Look(smiles, "", 0)
    page.session_state["mol_pane"] = "Detail"
    return page.run()


def test_a_look_without_viewer_and_index_says_how_to_get_them(molecule, monkeypatch):
    monkeypatch.setattr(three_d, "available", lambda: False)
    molecule.session_state["detail-kind"] = "In space"
    page = looking(molecule, ASPIRIN)
    assert not page.exception
    assert three_d.REMEDY in texts(page.info)
    assert neighbours.COMMAND in texts(page.caption)
    [reasons, properties] = [table.value for table in page.table]
    known = dict(zip(properties["property"], properties["value"], strict=True))
    assert (known["polar surface in Å²"], known["number of heavy atoms"]) == ("63.6", "13")
    assert float(known["weight in Da"]) == pytest.approx(180.2, abs=0.1)
    usual = dict(zip(properties["property"], properties["95 % of MOSES"], strict=True))
    assert usual["weight in Da"].endswith("below")
    points = sum(float(paid) for paid in reasons["points"])
    assert f"Why it scores {points:.1f}" in texts(page.markdown)


def test_what_cannot_have_a_shape_in_space_says_so(molecule):
    if not three_d.available():
        pytest.skip(f"the viewer is not installed: {three_d.REMEDY}")
    molecule.session_state["detail-kind"] = "In space"
    page = looking(molecule, "C" * 200)
    assert not page.exception
    assert "200 heavy atoms is too large" in texts(page.info)
