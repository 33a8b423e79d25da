"""The molecule page without a browser: settings reach the job, wrong ones are told, filters and drawings are right."""

import json
import re

import pytest
import streamlit as st
import torch

from pages.ui.molecule.constraints import uploaded
from pages.ui.molecule.desirability import BASE, HEIGHT, WIDTH, axis, curve, words
from pages.ui.molecule.export import rows
from seqtutor_core import priors
from seqtutor_core.chemistry import inputs, remote
from seqtutor_core.chemistry.property_query import Measurement
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.molecule.desirability import Desirability
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule
from seqtutor_core.domains.molecule.terms import PAPER_WEIGHTS, TERMS
from seqtutor_core.errors import InputError
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.runs import store
from tests.paging import choose_preset, opened, press, texts

pytestmark = pytest.mark.slow  # each test draws a page, most of a second

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture
def molecule(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    return opened("molecule")


# ---------------------------------------------------------------- settings


def test_the_page_draws_every_term_with_its_help(molecule):
    page = molecule.run()
    assert not page.exception
    assert not page.error
    for term in TERMS:
        slider = page.slider(key=f"mol_{term.name}")
        assert slider.label == term.label
        assert term.help in slider.help


def test_settings_reach_the_job(molecule, started):
    page = molecule.run()
    page.slider(key="mol_similarity").set_value(160.0).run()
    page.select_slider(key="mol_kl").set_value(2.0).run()
    page.text_input(key="mol_target").input(f"  {ASPIRIN} aspirin").run()
    page.text_area(key="mol_required_smarts").input("c1ccccc1\nC(=O)O").run()
    page.text_area(key="mol_forbidden_smarts").input("[N+]").run()
    page.multiselect(key="mol_catalogues").set_value(["PAINS"]).run()
    page.text_input(key="mol_prefix").input("c1ccc(").run()
    page.selectbox(key="mol_tpsa_kind").set_value("lower").run()
    page.number_input(key="mol_tpsa_high").set_value(120.0).run()
    press(page, "start")
    (config,) = started
    assert (config.domain, config.prior, config.kl_coefficient) == ("molecule", "molecule", 2.0)
    assert config.weights["similarity"] == 160.0
    assert config.settings["target"] == (ASPIRIN,)
    assert config.settings["required"] == ("c1ccccc1", "C(=O)O")
    assert config.settings["forbidden"] == ("[N+]",)
    assert config.settings["catalogues"] == ("PAINS",)
    assert config.settings["prefix"] == "c1ccc("
    assert config.settings["shapes"]["tpsa"] == {"kind": "lower", "low": 40.0, "high": 120.0, "soft": 40.0}
    assert json.loads(json.dumps(config.settings)), "a run keeps its settings as JSON"


def test_the_paper_preset_and_reset(molecule):
    page = molecule.run()
    choose_preset(page, "Paper's rewards")
    assert {t.name: page.slider(key=f"mol_{t.name}").value for t in TERMS} == {
        t.name: PAPER_WEIGHTS.get(t.name, 0.0) for t in TERMS
    }
    choose_preset(page, "Brain")
    assert page.selectbox(key="mol_log_p_kind").value == "range"
    choose_preset(page, "Paper's rewards")
    assert page.selectbox(key="mol_log_p_kind").value == "raw", "the paper rewards log P as it is"
    press(page, "reset")
    assert {t.name: page.slider(key=f"mol_{t.name}").value for t in TERMS} == {t.name: t.default for t in TERMS}


def test_studios_keep_their_settings_apart(molecule):
    page = molecule.switch_page("pages/melody.py").run()
    page.select_slider(key="kl").set_value(0.5).run()
    page = page.switch_page("pages/molecule.py").run()
    assert page.select_slider(key="mol_kl").value == 1.0
    page.select_slider(key="mol_kl").set_value(8.0).run()
    page = page.switch_page("pages/melody.py").run()
    assert page.select_slider(key="kl").value == 0.5
    page = page.switch_page("pages/molecule.py").run()
    assert page.select_slider(key="mol_kl").value == 8.0


@pytest.mark.parametrize(
    ("term", "drawer"),
    [
        ("similarity", "Resemble a molecule"),
        ("similarity_2", "Resemble others too"),
        ("isomer", "Formula and element"),
        ("required", "Substructures"),
        ("forbidden", "Substructures"),
    ],
)
def test_a_weight_opens_what_it_asks_for(molecule, term, drawer):
    def open_ones(page):
        return {each.label for each in page.expander if each.proto.expanded}

    before = open_ones(molecule.run())
    assert drawer not in before
    page = molecule.slider(key=f"mol_{term}").set_value(100.0).run()
    assert open_ones(page) == before | {drawer}
    assert "nothing to go by; give" in texts(page.error)


# ---------------------------------------------------------------- wrong input


@pytest.mark.parametrize("key", ["mol_target", "mol_prefix", "mol_required_smarts", "mol_forbidden_smarts"])
@pytest.mark.parametrize("text", ["\u200b", "\ufeff \u200b", "c1ccccc1\u2028CCO"])
def test_what_only_looks_empty_or_like_one_line_costs_nothing(molecule, key, text):
    page = molecule.run()
    kind = page.text_area if key.endswith("smarts") else page.text_input
    kind(key=key).input(text).run()
    assert not page.exception


@pytest.mark.parametrize(
    ("kind", "key", "text", "told"),
    [
        ("text_input", "mol_target", "c1ccc(C", "never closed: '(' at position 6"),
        ("text_input", "mol_target", "C(C)(C)(C)(C)C", "more than its valence allows"),
        ("text_input", "mol_prefix", "c1cc[Si]", "'[Si]' at position 5"),
        ("text_area", "mol_required_smarts", "c1ccccc1\n[NX3;H2", "line 2"),
        ("text_area", "mol_forbidden_smarts", "xyz", "line 1"),
    ],
)
def test_a_wrong_text_is_told_where_it_stands_and_costs_nothing(molecule, started, kind, key, text, told):
    page = molecule.run()
    page.slider(key="mol_qed").set_value(80.0).run()
    getattr(page, kind)(key=key).input(text).run()
    assert not page.exception
    assert told in texts(page.error)
    assert getattr(page, kind)(key=key).value == text
    before = len(page.error)
    press(page, "start")
    assert len(page.error) == before + 1, "Start says it too"
    assert started == []
    assert page.slider(key="mol_qed").value == 80.0


def test_a_range_upside_down_is_told_and_kept(molecule, started):
    page = molecule.run()
    page.number_input(key="mol_molecular_weight_low").set_value(900.0).run()
    assert "from 900 to 400 is upside down" in texts(page.error)
    press(page, "start")
    assert "Weight: the range from 900" in texts(page.error)
    assert started == []
    assert page.number_input(key="mol_molecular_weight_low").value == 900.0
    page.number_input(key="mol_molecular_weight_high").set_value(950.0).run()
    assert not page.error


def test_similarity_needs_a_target(molecule, started):
    page = molecule.run()
    page.slider(key="mol_similarity").set_value(100.0).run()
    press(page, "start")
    assert "Like the target has a weight" in texts(page.error)
    assert started == []


def test_a_salt_is_taken_apart_and_counts_at_a_press(molecule):
    page = molecule.run()
    page.text_input(key="mol_target").input(f"{ASPIRIN}.[Na]").run()
    assert f"Kept the largest of 2 fragments, {ASPIRIN}" in texts(page.caption)
    press(page, "count-similarity")
    assert page.slider(key="mol_similarity").value == 100.0
    assert "count-similarity" not in {b.key for b in page.button}


def test_a_prior_of_another_vocabulary_is_told(molecule, monkeypatch):
    load = priors.load
    monkeypatch.setattr(priors, "load", lambda name, **more: load("melody", **more))
    st.cache_resource.clear()
    st.cache_data.clear()
    page = molecule.run()
    assert not page.exception
    assert texts(page.error).count("writes 38 tokens that are not the 25 wanted here") == 1, "once is enough"
    st.cache_resource.clear()
    st.cache_data.clear()


def test_a_prior_that_writes_no_molecules_is_shown_as_such(molecule, monkeypatch):
    torch.manual_seed(0)
    untrained = RecurrentNetwork(NetworkSettings(len(MOSES.vocabulary), hidden=8)).eval()
    monkeypatch.setattr(priors, "load", lambda name, **more: priors.Prior("untrained", untrained, {}))
    st.cache_resource.clear()
    st.cache_data.clear()
    page = molecule.run()
    assert not page.exception
    assert not page.error
    assert texts(page.caption).count("no molecule") >= 1
    st.cache_resource.clear()
    st.cache_data.clear()


def test_a_file_is_read_once_and_so_is_what_is_wrong_with_it(monkeypatch):
    reading = []

    def upload(data, name, corpus):
        reading.append(name)
        return inputs.upload(data, name, corpus)

    monkeypatch.setattr(remote, "upload", upload)
    lines = b"C once\n" * 50
    first = uploaded(lines, "many.smi", "moses")
    assert len(first.molecules) == 50 and uploaded(bytes(lines), "many.smi", "moses") is first
    for _ in range(3):
        with pytest.raises(InputError, match="no molecule that can be read"):
            uploaded(b"xx once\n", "none.smi", "moses")
    assert reading == ["many.smi", "none.smi"]


# ---------------------------------------------------------------- runs


def a_run(**changes):
    run = store.create_run(TuningConfig("molecule", "molecule", weights={"qed": 40.0, "validity": 20.0}, **changes))
    line = {
        "update": 1, "seconds": 2.0, "reward": 40.0, "kl": 0.5, "j": 9.5, "entropy": 0.6, "distinct": 1.0,
        "steps_per_second": 2000.0, "terms": {t.name: 0.0 for t in TERMS}, "weights": {t.name: 0.0 for t in TERMS},
        "changed": [], "figures": {"valid": 0.51, "unique": 0.9, "novel": 0.8, "scaffolds": 17.0},
        "alarms": [{"title": "Validity fell from 95% to 51%", "advice": "Raise the weight of Valid."}],
    }  # fmt: skip
    (run.folder / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    return run


def test_alarms_are_shown(molecule):
    run = a_run()
    molecule.query_params["run"] = run.id
    page = molecule.run()
    assert not page.exception
    assert "**Validity fell from 95% to 51%.** Raise the weight of Valid." in texts(page.warning)


def test_a_run_is_shown_on_its_own_page_only(molecule):
    tune = store.create_run(TuningConfig("melody", "melody", weights={"key": 1.0}))
    molecule.query_params["run"] = tune.id
    page = molecule.run()
    assert f"the run {tune.id} is not one of molecules" in texts(page.error)
    assert not any(tune.id in m.value for m in page.markdown)


def test_a_living_run_of_the_other_domain_keeps_nobody_from_starting(molecule, started):
    store.create_run(TuningConfig("melody", "melody", weights={"key": 1.0}))  # waiting: just launched
    page = press(molecule.run(), "start")
    assert not page.exception and not page.error and [config.domain for config in started] == ["molecule"]


# ---------------------------------------------------------------- drawings, rows


def one(smiles, reward=0.0, **values):
    return ScoredMolecule(Measurement(smiles, smiles, "", "", values), reward, ())


def test_columns_of_a_file_are_reward_and_properties():
    found = [one("CCO", 3.0, log_p=0.0), one("CCCCO", 5.0, log_p=0.8)]
    named = [(row.name, dict(row.values)) for row in rows(found)]
    assert named == [
        ("molecule 1", {"reward": 3.0, "log_p": 0.0}),
        ("molecule 2", {"reward": 5.0, "log_p": 0.8}),
    ]


def test_the_curve_is_the_desirability():
    known = Desirability("range", 200.0, 400.0, 100.0)
    low, high = axis("moses", "molecular_weight", known)
    assert low <= 100 <= 500 <= high
    svg = curve("moses", "molecular_weight", known)
    [points] = re.findall(r'points="([^"]+)"', svg)
    drawn = [tuple(map(float, pair.split(","))) for pair in points.split()]
    for x, y in drawn:
        weight = low + (high - low) * x / WIDTH
        wish = max(0.0, min(1.0, (weight - 100) / 100, (500 - weight) / 100))
        assert y == pytest.approx(BASE - (BASE - 4) * wish, abs=0.3)
    assert f'viewBox="0 0 {WIDTH} {HEIGHT}"' in svg
    assert "200 to 400" in svg


def test_the_ground_of_a_negated_term_lies_on_its_side():
    """SA scores run from 1 to 10 and pile up near 2.3; the term is minus the score, so the pile is near the end."""
    heights = [
        float(h)
        for h in re.findall(r'height="([\d.]+)"/>', curve("moses", "synthetic_accessibility", Desirability("raw")))
    ]
    assert heights.index(max(heights)) > len(heights) / 2


def test_shapes_in_words():
    assert words(Desirability("raw")) == "As it is"
    assert words(Desirability("higher", 1.0, 3.0)) == "above 3"
    assert words(Desirability("lower", 1.0, 3.0)) == "below 1"
    assert words(Desirability("range", 0.5, 2.0)) == "0.5 to 2"


# ---------------------------------------------------------------- the other prior


def test_the_prior_brings_its_tokens_and_what_it_cannot_write_is_told(molecule, started):
    page = molecule.run()
    page.text_input(key="mol_target").input("C[C@H]([NH3+])C(=O)[O-]").run()
    told = texts(page.caption)
    assert "The prior cannot write [NH3+], [O-]" in told and "the prior molecule-zinc can write it" in told
    page.text_input(key="mol_prefix").input("C[NH+]").run()
    assert "the prior molecule-zinc can write it" in texts(page.error)
    page.text_input(key="mol_formula").input("C2H8NO3P").run()
    page.selectbox(key="mol_element").set_value("I").run()
    for element in "PI":
        assert f"The prior cannot write {element}; the prior molecule-zinc can." in texts(page.caption)
    page.selectbox(key="mol_prior").set_value("molecule-zinc").run()
    assert not page.exception and not page.error
    assert "cannot write" not in texts(page.caption)
    press(page, "start")
    (config,) = started
    assert (config.prior, config.settings["corpus"], config.settings["prefix"]) == ("molecule-zinc", "zinc", "C[NH+]")


def test_a_geometric_mean_leaves_out_what_has_no_shape_until_it_is_given_one(molecule, started):
    page = molecule.run()
    page.selectbox(key="mol_combination").select("geometric_mean").run()
    assert "Easy to make: a geometric mean needs values" in texts(page.caption)
    page.button(key="shape-mol_combination").click().run()
    assert "a geometric mean needs" not in texts(page.caption)
    press(page, "start")
    (config,) = started
    assert config.combination == "geometric_mean"
    assert config.settings["shapes"]["synthetic_accessibility"]["kind"] == "gaussian_higher"
