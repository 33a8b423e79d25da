"""The pages without a browser: every control is drawn, settings reach the job, wrong ones are told."""

import gc
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import streamlit as st

from pages.ui import learning, mini, state
from pages.ui.melody.spec import MELODY
from pages.ui.molecule.spec import MOLECULE
from seqtutor_core import priors
from seqtutor_core.config import TuningConfig, learner_settings
from seqtutor_core.domains.melody import PAPER_TERMS, TERMS
from seqtutor_core.domains.mini import DEFAULT_WEIGHTS, text
from seqtutor_core.domains.mini.exact_task import mini_task
from seqtutor_core.domains.molecule.terms import PAPER_WEIGHTS
from seqtutor_core.exact import top_sequences
from seqtutor_core.learners import LEARNERS
from seqtutor_core.runs import store, trash
from tests.paging import choose_preset, opened, press, texts

pytestmark = pytest.mark.slow  # each test draws a page, most of a second

PAPER_REWARDS = {"melody": PAPER_TERMS, "molecule": PAPER_WEIGHTS}


@pytest.fixture
def melody(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    return opened("melody")


def test_the_page_draws_every_term_with_its_help(melody):
    page = melody.run()
    assert not page.exception
    for term in TERMS:
        slider = page.slider(key=term.name)
        assert slider.label == term.label
        assert term.help in slider.proto.help and term.unit in slider.proto.help


def test_settings_reach_the_job(melody, started):
    page = melody.run()
    page.slider(key="motif").set_value(2.5).run()
    page.select_slider(key="kl").set_value(2.0).run()
    page.select_slider(key="length").set_value(64).run()
    press(page, "start")
    (config,) = started
    assert config.weights["motif"] == 2.5
    assert config.kl_coefficient == 2.0
    assert config.settings["length"] == 64
    assert config.learner == "trajectory_balance"


def test_the_published_rules_are_for_published_learners(melody, started):
    page = melody.run()
    page.selectbox(key="learner").set_value("psi").run()
    page.segmented_control(key="preset").set_value("paper").run()
    page.selectbox(key="learner").set_value("rloo").run()
    assert page.segmented_control(key="preset").disabled
    assert "newest ones only" in page.selectbox(key="learner").proto.help
    press(page, "start")
    (config,) = started
    assert (config.learner, config.preset, config.learner_settings.learning_rate) == ("rloo", "default", 8e-3)


def test_every_learner_can_be_chosen():
    assert set(LEARNERS) == set(learning.LEARNERS)


@pytest.mark.parametrize(("name", "prefix"), [("melody", ""), ("molecule", "mol_")])
def test_the_learning_rate_is_the_learners_own_until_it_is_moved(tmp_path, monkeypatch, started, name, prefix):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    page = opened(name, **{prefix + "learner": "Psi"}).run()
    psi, paper = (learner_settings(name, "psi", rules).learning_rate for rules in ("default", "paper"))
    rate = prefix + "learning_rate"
    assert page.select_slider(key=rate).value == psi
    page.segmented_control(key=prefix + "preset").set_value("paper").run()
    assert page.select_slider(key=rate).value == paper
    page.segmented_control(key=prefix + "preset").set_value("default").run()
    for chosen in (psi, 8e-3, 1e-4):
        page.select_slider(key=rate).set_value(chosen).run()
        press(page, "start")
        assert started[-1].learner_settings.learning_rate == chosen
        assert started[-1].overrides == ({} if chosen == psi else {"learning_rate": chosen})
        (run,) = store.all_runs()
        run.write_status(replace(run.status, state="stopped"))
        trash.discard(run)
        page.run()
    page.selectbox(key=prefix + "learner").set_value("rloo").run()
    assert page.select_slider(key=rate).value == learner_settings(name, "rloo").learning_rate


def test_every_learners_own_rate_is_on_offer():
    for name in ("melody", "molecule"):
        for learner, its in LEARNERS.items():
            for rules in its.presets:
                assert learner_settings(name, learner, rules).learning_rate in state.RATE_STEPS


def marked(page):
    (pills,) = [each for each in page.pills if each.label == "Presets"]
    return pills.value


def test_presets_and_reset(melody):
    page = melody.run()
    assert marked(page) == "Paper's rewards"
    choose_preset(page, "Keep the rhythm")
    assert page.slider(key="rhythm").value > 0 and marked(page) == "Keep the rhythm"
    page.slider(key="rhythm").set_value(2.0).run()
    assert marked(page) is None
    choose_preset(page, "All off")
    assert {page.slider(key=t.name).value for t in TERMS} == {0.0}
    assert choose_preset(page, None) is page and marked(page) == "All off", "a click on the marked one changes nothing"
    press(page, "reset")
    assert {t.name for t in TERMS if page.slider(key=t.name).value == 1.0} == set(PAPER_TERMS)


@pytest.mark.parametrize("studio", [MELODY, MOLECULE], ids=lambda studio: studio.domain)
def test_sliders_come_back_to_where_presets_leave_them(tmp_path, monkeypatch, studio):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    page = opened(studio.domain).run()
    for preset in [None, *studio.reward_presets]:
        choose_preset(page, preset)
        for slider in page.slider:
            moves = [(each - slider.min) / slider.step for each in (*np.atleast_1d(slider.value), slider.max)]
            assert moves == pytest.approx(np.round(moves)), f"{preset}: {slider.key} between two of its values"


def test_each_slider_has_a_reset_that_is_there_when_it_is_moved(melody):
    page = melody.run()
    assert page.button(key="reset-motif").disabled
    page.slider(key="motif").set_value(3.0).run()
    assert not page.button(key="reset-motif").disabled and page.button(key="reset-leap").disabled
    press(page, "reset-motif")
    assert page.slider(key="motif").value == 1.0 and page.button(key="reset-motif").disabled


def test_every_change_can_be_taken_back_one_by_one(melody):
    page = opened("melody", motif="2.0").run()
    assert page.button(key="undo").disabled, "a link is no change"
    page.slider(key="motif").set_value(3.0).run()
    page.selectbox(key="learner").set_value("psi").run()
    page.select_slider(key="kl").set_value(2.0).run()
    choose_preset(page, "Calm")
    press(page, "reset")
    press(page, "undo")
    assert marked(page) == "Calm" and page.select_slider(key="kl").value == 2.0
    press(page, "undo")
    assert page.slider(key="motif").value == 3.0 and page.slider(key="rhythm").value == 0.0
    press(page, "undo")
    assert page.select_slider(key="kl").value == 4.0
    press(page, "undo")
    assert page.selectbox(key="learner").value == "trajectory_balance"
    assert page.select_slider(key="learning_rate").value == 8e-3, "it came with the learner and goes with it"
    press(page, "undo")
    assert page.slider(key="motif").value == 2.0 and page.button(key="undo").disabled
    assert not page.exception


@pytest.mark.parametrize(
    ("name", "prefix", "learner", "c"), [("melody", "", "psi", 0.5), ("molecule", "mol_", "g", 2.8)]
)
def test_one_preset_is_the_papers_own_way(tmp_path, monkeypatch, started, name, prefix, learner, c):
    """It sets rewards, c, learner, rules and prior together, says what to expect, and is one step to take back."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    page = opened(name).run()
    choose_preset(page, "Paper")
    assert marked(page) == "Paper" and "**As published:**" in texts(page.markdown)
    press(page, "start")
    (config,) = started
    assert (config.learner, config.preset, config.kl_coefficient) == (learner, "paper", c)
    assert config.prior == f"{name}-paper" and config.overrides == {}
    assert {term for term, weight in config.weights.items() if weight} == set(PAPER_REWARDS[name])
    press(page, "undo")
    assert page.selectbox(key=prefix + "prior").value == name
    assert "**As published:**" not in texts(page.markdown)


def test_nothing_to_learn_is_told(melody):
    page = melody.run()
    choose_preset(page, "All off")
    press(page, "start")
    assert any("every weight is 0" in e.value for e in page.error)
    assert store.all_runs() == []


@pytest.mark.parametrize("name", ["melody", "molecule"])
def test_an_unknown_run_in_the_link_is_told(tmp_path, monkeypatch, name):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    page = opened(name, run="no-such-run").run()
    assert not page.exception and not page.button(key="start").disabled
    assert any("no-such-run" in e.value for e in page.error)


def test_a_range_in_a_link_may_stand_in_either_order(tmp_path, monkeypatch, started):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    page = opened("melody")
    page.query_params["range"] = ["79", "55"]
    press(page.run(), "start")
    assert not page.error
    assert (started[0].settings["lowest"], started[0].settings["highest"]) == (55, 79)


def test_a_followed_link_changes_the_run_in_view(melody):
    one, two = (store.create_run(TuningConfig("melody", "melody", weights={"key": 1.0})) for _ in range(2))
    for run in (one, two, one):
        melody.query_params["run"] = run.id
        page = melody.run()
        assert run.id in texts(page.get("html"))


def test_what_a_busy_browser_still_asks_does_not_bring_back_the_run_that_was_left(melody):
    """As when who watches a run starts another: the browser learns the new link later than the page shows its run."""
    one, two = (store.create_run(TuningConfig("melody", "melody", weights={"key": 1.0})) for _ in range(2))
    melody.query_params["run"] = one.id
    page = melody.run()
    page.session_state["_views"]["melody"] = two.id  # as Start does
    for link, shown in ((one, two), (one, two), (two, two), (one, one)):  # the last is the browser's Back
        page.query_params["run"] = link.id
        assert shown.id in texts(page.run().get("html"))


def test_a_missing_prior_is_told(melody, monkeypatch):
    monkeypatch.setattr(priors, "load", partial(priors.load, root=Path("lost")))
    st.cache_resource.clear()
    st.cache_data.clear()
    page = melody.run()
    assert not page.exception
    assert any("lost" in e.value for e in page.error)


def test_home_and_method(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    for page in ("app", "method"):
        drawn = opened(page).run()
        assert not drawn.exception
        assert len(drawn.title) == 1
    assert gc.get_freeze_count() > 50_000  # what was imported; Streamlit collects after each run of a script


def test_the_exact_task_follows_its_slider(tmp_path, monkeypatch):
    """Moving c shows log Z, the sentence and the likeliest words of the exact solution at that c."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    page = opened("method").run()
    task = mini_task(DEFAULT_WEIGHTS)
    for c in (1.0, 0.2, 8.0):
        page.select_slider(key="mini_c").set_value(c).run()
        assert not page.exception
        exact = task.solve(c)
        shown = {m.label: m.value for m in page.metric}
        assert shown["log Z"] == f"{exact.log_z:.2f}"
        assert shown["J of prior"] == f"{exact.j_prior:.2f}"
        assert any(f"{exact.log_z - exact.j_prior:.2f} nats and no more" in m.value for m in page.markdown)
        prior, best = (list(table.value["Word"]) for table in page.table)
        assert prior == [text(word) for word in top_sequences(task.log_prior, 5)]
        assert best == [text(word) for word in top_sequences(exact.log_policy, 5)]


def test_the_frontier_is_drawn_as_it_is():
    """The tangent touches the curve at the best policy only, and begins at c log Z above KL 0."""
    exact = mini_task(DEFAULT_WEIGHTS).solve(0.7)
    drawn = {trace.name: trace for trace in mini.frontier_chart(exact).data}
    tangent, curve, best = (drawn[n] for n in ("J = log Z at this c, slope c", "frontier", "π* at this c"))
    assert tangent.y[0] == pytest.approx(0.7 * exact.log_z)
    assert (tangent.y[1] - tangent.y[0]) / (tangent.x[1] - tangent.x[0]) == pytest.approx(0.7)
    assert best.y[0] == pytest.approx(tangent.y[0] + 0.7 * best.x[0])
    gaps = [tangent.y[0] + 0.7 * kl - reward for kl, reward in zip(curve.x, curve.y, strict=True)]
    assert 0 < min(gaps) < 0.01
    assert curve.x[gaps.index(min(gaps))] == pytest.approx(best.x[0], abs=0.3)


def test_rules_and_budget_for_an_expensive_reward_reach_the_job(tmp_path, monkeypatch, started):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    page = opened("molecule", mol_calls="10", mol_kl="2.0", mol_stages="qed=40").run()
    page.segmented_control(key="mol_preset").set_value("expensive").run()
    press(page, "start")
    assert "a stage ends at a reward or after a number of calls" in texts(page.error)
    page.text_area(key="mol_stages").set_value("").run()
    press(page, "start")
    assert "10 calls is less than one batch of 64" in texts(page.error)
    page.number_input(key="mol_calls").set_value(500).run()
    press(page, "add-mol_stages")
    press(page, "start")
    (config,) = started
    assert (config.preset, config.calls, config.kl_coefficient) == ("expensive", 500, 2.0)
    assert config.learner_settings.learning_rate == learner_settings("molecule", preset="expensive").learning_rate
    (stage,) = config.stages
    assert stage.calls == 1000
    assert stage.weights == {name: weight for name, weight in config.weights.items() if weight}


def test_rules_that_a_learner_does_not_have_are_told(melody):
    page = melody.run()
    page.segmented_control(key="preset").set_value("paper").run()
    assert "Balance has no rules called As published" in texts(page.caption)
