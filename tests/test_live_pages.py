"""What both pages show of a run and ask of it, without a browser: gauge, tutor strength, KL budget, warm start."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

import pages.ui.melody.stage as melody_stage
from pages.ui import changes, curves, gauge_panel, interpolation, sampling
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.evaluation import rollouts, term_sums
from seqtutor_core.objective import Objective
from seqtutor_core.rollout import divergence
from seqtutor_core.runs import run_loop, store
from seqtutor_core.runs.cadence import Cadence
from seqtutor_core.runs.policies import objective_of, policy_of
from tests.paging import opened, texts
from tests.running import execute, executed, small

pytestmark = pytest.mark.slow  # each test draws a page, most of a second

PREFIX = {"melody": "", "molecule": "mol_"}
BOTH = pytest.mark.parametrize("name", list(PREFIX))
GAUGED = Cadence(0.0, gauge_first=0.0, gauge_every=0.0, gauge_share=1e9, gauge_samples=64, final_samples=64)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def prior():
    """The shipped one: pages show figures that its card has."""
    return Path("melody")


def worked(config):
    return executed(config, GAUGED)


def molecules(**changes):
    values = {"weights": {"qed": 40.0, "validity": 20.0}, "updates": 2, "device": "cpu", **changes}
    return TuningConfig(
        "molecule", "molecule", overrides={"batch": 16, "minibatch": 16, "replay_steps": 4096}, **values
    )


def finished(name, prior):
    return worked(small(prior, updates=2) if name == "melody" else molecules())


def asked(run):
    return [json.loads(line) for line in (run.folder / "controls.jsonl").read_text().splitlines()]


# ---------------------------------------------------------------- the gauge


@BOTH
def test_a_run_shows_how_far_it_has_come_and_goes_on_showing_it(name, prior):
    run = finished(name, prior)
    gauge = run.status.summary["gauge"]
    page = opened(name, run=run.id).run()
    assert not page.exception
    assert gauge["sentence"] in texts(page.markdown)
    assert "Measured at the end on 64" in texts(page.caption)
    if gauge["at_most"] is not None:
        assert gauge_panel.bar(gauge) in texts(page.get("html"))
    bounded = name == "molecule"  # QED and validity are
    assert all((gauge[each] is not None) == bounded for each in ("log_z_at_most", "at_least"))

    last = run.metrics()[0][-1]
    run.write_status(replace(run.status, state="stopped", summary=None))
    page = opened(name, run=run.id).run()
    assert last["gauge"]["sentence"] in texts(page.markdown)
    assert f"Measured after {last['seconds']:.0f} s on 64" in texts(page.caption)
    assert "optimal" not in texts([*page.markdown, *page.caption, *page.warning]).lower()


def test_a_page_opened_again_while_its_run_measures_itself_comes_right(prior, monkeypatch):
    """At once what was learned, its gauge once that is measured; seen from within the measuring."""
    seen, fed, players = [], [], []
    sample, feed = run_loop.sample_policy, curves.chart
    run = store.create_run(small(prior, updates=3))

    def sample_meanwhile(tuner, n):
        for _ in range(2):  # the first is closed again
            players.append(opened("melody", run=run.id).run())
            seen.append((texts(players[-1].get("html")), tracks[-1][2]))
        return sample(tuner, n)

    def chart(studio, run_id, lines, calls):
        fed.append([line["update"] for line in lines])
        feed(studio, run_id, lines, calls)

    tracks = []
    monkeypatch.setattr(run_loop, "sample_policy", sample_meanwhile)
    monkeypatch.setattr(curves, "chart", chart)
    monkeypatch.setattr(melody_stage, "piano_rolls", lambda given, key: tracks.append(given))
    with FileLock(run.folder / "worker.lock"):
        assert execute(run, GAUGED) == 0
    for strip, c in seen:
        assert 'data-state="running"' in strip and "Measuring 64 samples of the tuned policy" in strip
        assert c.roll is not None and c.caption.startswith("policy of second")
    assert fed == [[1, 2, 3]] * 2
    page = players[-1].run()  # as its clock does
    assert 'data-state="finished"' in texts(page.get("html")) and fed[-1] == [1, 2, 3]
    assert "Measured at the end on 64" in texts(page.caption) and tracks[-1][2].roll is not None
    assert not page.exception


def test_the_bar_leads_from_the_prior_to_what_is_reachable():
    drawn = gauge_panel.bar({"at_most": 0.625, "j_prior": -39.2, "j": 14.4, "j_error": 0.2, "log_z_at_least": 46.5})
    assert 'aria-valuenow="62"' in drawn and "width: 62.5%" in drawn
    assert "prior: J -39.2" in drawn and "now: J 14.4 ± 0.4" in drawn and "J 46.5 or more" in drawn
    assert "background: #7A5BA6;" in drawn


def test_the_bar_is_paler_where_only_the_upper_end_reaches():
    """From 40 % to 62.5 %, which is at 64 % of what is filled."""
    ends = {"at_most": 0.625, "at_least": 0.4, "log_z_at_least": 46.5, "log_z_at_most": 47.25}
    gauge = {"j_prior": -39.2, "j": 14.4, "j_error": 0.2, **ends}
    drawn = gauge_panel.bar(gauge)
    assert "width: 62.5%" in drawn and "#7A5BA6 64.0%, #7A5BA666 0" in drawn and "reachable: J 46.5 to 47.2" in drawn
    assert "gradient" not in gauge_panel.bar({**gauge, "at_least": 0.0})


def test_a_collapse_is_an_alarm_that_says_what_to_change(prior):
    run = finished("melody", prior)
    summary = run.status.summary
    run.write_status(replace(run.status, summary={**summary, "gauge": {**summary["gauge"], "collapsed": True}}))
    assert any("raise c" in w.value and "KL budget" in w.value for w in opened("melody", run=run.id).run().warning)
    run.write_status(replace(run.status, summary=summary))
    collapsed = summary["gauge"]["collapsed"]
    assert any("collapsed" in w.value for w in opened("melody", run=run.id).run().warning) == collapsed


def test_a_run_without_a_gauge_says_why(prior):
    overrides = {"batch": 8, "minibatch": 8, "replay_steps": 512, "random_primer": True}
    run = worked(small(prior, updates=1, learner="psi", overrides=overrides))
    assert "random note" in texts(opened("melody", run=run.id).run().caption)


def test_a_gauge_from_before_a_change_says_so(prior):
    run = finished("melody", prior)
    lines = run.metrics()[0]
    old = {"changed": ["weights.key"], "seconds": 9.0}
    run.write_status(replace(run.status, summary=None))
    assert gauge_panel.newest(run, lines) == (lines[-1]["gauge"], f"after {lines[-1]['seconds']:.0f} s")
    found, when = gauge_panel.newest(run, [*lines, old])
    assert found == lines[-1]["gauge"] and when.endswith("before a slider was moved,")
    assert gauge_panel.newest(run, [old]) == (None, "")


# ---------------------------------------------------------------- tutor strength


@BOTH
def test_the_strength_mixes_what_is_drawn_and_says_what_it_earns(name, prior):
    run = finished(name, prior)
    page = opened(name, run=run.id).run()
    slider = page.slider(key=PREFIX[name] + "strength")
    assert (slider.value, slider.min, slider.max) == (1.0, 0.0, 1.5)
    config, c = run.config, run.config.kl_coefficient
    domain = build_domain(config.domain, config.settings)
    domain.set_active_terms(config.weights)
    for s in (0.0, 1.5):
        page.slider(key=PREFIX[name] + "strength").set_value(s).run()
        assert not page.exception
        (rollout,) = rollouts(policy_of(run).interpolate(s), interpolation.SAMPLES, interpolation.SEED)
        terms, kl = term_sums(domain, rollout).mean(0).tolist(), divergence(rollout)[0].mean().item()
        reward = sum(config.weights.get(term.name, 0.0) * mean for term, mean in zip(domain.terms, terms, strict=True))
        assert f"reward **{reward:.1f}**, KL **{kl:.2f}**, J **{reward / c - kl:.2f}**" in texts(page.caption)
    assert kl > 0


def test_without_a_policy_the_strength_waits_in_its_place(prior):
    run = store.create_run(small(prior))
    assert opened("melody", run=run.id).run().slider(key="strength").disabled


def test_what_is_drawn_follows_the_strength(prior):
    run = finished("melody", prior)
    tuned, settings = (run.id, sampling.written(run)), json.dumps({"length": 16})

    def drawn(strength=None):
        policy = None if strength is None else (*tuned, strength)
        return sampling._draw("melody", settings, str(prior), policy, (64, 7), ())

    assert drawn(0.0) == drawn()
    (policy,) = rollouts(replace(policy_of(run), space=build_domain("melody", {"length": 16})), 64, 7)
    assert drawn(1.0) == policy.tokens.tolist()
    assert drawn(1.5) != drawn(1.0) != drawn(0.0)


def test_a_living_run_has_measured_itself(prior):
    run = finished("melody", prior)
    last = run.metrics()[0][-1]
    with FileLock(run.folder / "worker.lock"):
        run.write_status(replace(run.status, state="running"))
        objective = objective_of(run.config, [last])
        found = interpolation.measure_at(run, 1.0, objective)
    assert found.reward == pytest.approx(last["reward"], rel=1e-5)
    assert objective.j(*found) == pytest.approx(last["j"], rel=1e-4)


def test_a_point_for_the_frontier(prior):
    run = finished("melody", prior)
    objective = Objective(build_domain("melody"), {"key": 2.0, "motif": 0.0}, 4.0)
    point = interpolation.point(strength_of(1.0), run, objective)
    other = interpolation.point(strength_of(0.5), run, objective)
    assert (point.label, other.label) == ("this run", "this run, strength 0.5")
    assert point.kl > other.kl > 0
    assert point.reward == interpolation.measure_at(run, 1.0, objective.replace(weights={"key": 1.0})).reward * 2


def strength_of(value):
    """A studio at a strength."""
    from pages.ui.melody.spec import MELODY

    return replace(MELODY, defaults={**MELODY.defaults, "strength": value})


# ---------------------------------------------------------------- KL budget and warm start


@BOTH
def test_a_budget_and_a_warm_start_reach_the_job(name, started):
    page = opened(name).run()
    keys = [PREFIX[name] + key for key in ("keep_kl_budget", "kl_budget", "warm_start", "start")]
    assert keys[1] not in {slider.key for slider in page.select_slider}
    page.button(key="start").click().run()
    run = store.all_runs()[0]
    run.write_status(replace(run.status, state="stopped"))
    page.run()
    page.toggle(key=keys[0]).set_value(True).run()
    page.select_slider(key=keys[1]).set_value(12.0).run()
    page.toggle(key=keys[2]).set_value(True).run()
    assert "only where c begins" in texts(page.caption)
    page.button(key="start").click().run()
    assert [(config.kl_budget, config.warm_start) for config in started] == [(None, False), (12.0, True)]
    kept = store.all_runs()[0].config
    assert (kept.kl_budget, kept.warm_start) == (12.0, True)
    page.button(key="reset").click().run()
    assert not page.toggle(key=keys[0]).value and not page.toggle(key=keys[2]).value


@BOTH
def test_a_budget_travels_in_the_link(name, started):
    link = {"keep_kl_budget": "true", "kl_budget": "4.0", "warm_start": "true", "strength": "0.5"}
    page = opened(name, **{PREFIX[name] + key: value for key, value in link.items()}).run()
    assert page.select_slider(key=PREFIX[name] + "kl_budget").value == 4.0
    assert "only where c begins" in texts(page.caption)
    page.button(key="start").click().run()
    (config,) = started
    assert (config.kl_budget, config.warm_start) == (4.0, True)


@pytest.mark.parametrize("wrong", ["-3", "nan", "5000", "many", "0"])
def test_a_wrong_budget_in_the_link_counts_for_nothing(wrong, started):
    page = opened("melody", keep_kl_budget="true", kl_budget=wrong, strength=wrong).run()
    assert not page.exception
    assert page.select_slider(key="kl_budget").value == 8.0
    page.button(key="start").click().run()
    assert [config.kl_budget for config in started] == [8.0]


@BOTH
def test_a_living_run_is_given_a_budget_and_loses_it_again(name, prior):
    run = store.create_run(small(prior) if name == "melody" else molecules())
    keep, nats, c = (PREFIX[name] + key for key in ("keep_kl_budget", "kl_budget", "kl"))
    with FileLock(run.folder / "worker.lock"):
        page = opened(name, run=run.id).run()
        page.button(key="take-over").click().run()
        page.toggle(key=keep).set_value(True).run()
        page.select_slider(key=nats).set_value(2.0).run()
        page.select_slider(key=c).set_value(2.0).run()
        page.toggle(key=keep).set_value(False).run()
    wanted = [{"kl_budget": 8.0}, {"kl_budget": 2.0}, {"kl_budget": 2.0}, {"kl_budget": 0.0, "kl_coefficient": 2.0}]
    assert [{key: value for key, value in line.items() if key not in ("time", "stop")} for line in asked(run)] == wanted


def test_the_rate_that_a_living_run_learns_with_is_shown(prior):
    """Where it is not the page's: here it was steered to, by another page perhaps."""
    run = worked(small(prior, updates=2))
    path, said = run.folder / "metrics.jsonl", "The living run learns with 0.002."
    with FileLock(run.folder / "worker.lock"):
        run.write_status(replace(run.status, state="running"))
        assert said not in texts(opened("melody", run=run.id).run().caption)
        path.write_text(path.read_text().replace('"learning_rate": 0.008', '"learning_rate": 0.002'))
        assert said in texts(opened("melody", run=run.id).run().caption)


def test_the_moving_c_is_shown(prior):
    run = worked(small(prior, updates=3, kl_budget=0.5))
    last = run.metrics()[0][-1]
    assert last["kl_coefficient"] != 4.0
    moved = f'<span class="label">c</span><span class="value">{last["kl_coefficient"]:.2f}</span>'
    assert moved in texts(opened("melody", run=run.id).run().get("html"))
    assert '<span class="label">c</span>' not in texts(
        opened("melody", run=finished("melody", prior).id).run().get("html")
    )


def test_the_strength_is_a_point_on_the_frontier():
    """Where the page asks for what the run was rewarded for; at strength 1 the run itself is there."""
    page = opened("molecule", run=worked(molecules()).id).run()
    page.session_state["mol_pane"] = "Frontier"
    page.run()

    def mixed():
        (chart,) = [json.loads(each.proto.spec) for each in page.get("plotly_chart") if each.key == "frontier"]
        return [t for t in chart["data"] if t["name"].startswith("C this run, strength")]

    assert not mixed()
    page.slider(key="mol_strength").set_value(0.5).run()
    (point,) = mixed()
    assert point["name"] == "C this run, strength 0.5"
    reward = float(point["hovertemplate"].split("reward ")[1].split("<")[0])
    below = reward < point["y"][0] - 0.05  # hangs at the lower edge; the hover rounds to a tenth
    assert point["marker"]["symbol"] == ("triangle-down" if below else "star")
    page.text_input(key="mol_target").set_value("CCO").run()
    assert not mixed()


def test_a_move_whose_callback_was_lost_steers_all_the_same(prior, monkeypatch):
    run = store.create_run(small(prior))
    steer, calls = changes._steer, []

    def lost_once(studio, change):
        calls.append(change)
        return steer(studio, change) if len(calls) > 1 else None

    with FileLock(run.folder / "worker.lock"):
        page = opened("melody", run=run.id).run()
        page.button(key="take-over").click().run()
        monkeypatch.setattr(changes, "_steer", lost_once)
        page.slider(key="key").set_value(3.0).run()
        assert [change["weights"]["key"] for change in calls] == [3.0, 3.0]
        page.run()
    assert len(calls) == 2 and [line["weights"]["key"] for line in asked(run)] == [3.0]


def test_what_is_taken_back_is_taken_back_in_the_living_run(prior):
    run = store.create_run(small(prior))
    with FileLock(run.folder / "worker.lock"):
        page = opened("melody", run=run.id).run()
        page.button(key="take-over").click().run()
        page.slider(key="key").set_value(3.0).run()
        page.select_slider(key="kl").set_value(2.0).run()
        page.button(key="undo").click().run()
        page.button(key="undo").click().run()
        assert page.slider(key="key").value == 1.0 and page.button(key="undo").disabled
    weights, c, c_before, weights_before = asked(run)
    assert (weights["weights"]["key"], weights_before["weights"]["key"]) == (3.0, 1.0)
    assert (c["kl_coefficient"], c_before["kl_coefficient"]) == (2.0, 4.0)
