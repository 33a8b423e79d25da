"""Previews and the frontier: what is drawn follows the weights, what is shown is what was found."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from pages.ui.charts import GREEN, TUNED
from pages.ui.frontier import REACH, Point, around, comparable_runs, frontier_figure, numbered
from pages.ui.melody.spec import MELODY
from pages.ui.molecule.spec import MOLECULE
from pages.ui.previews import Draw, PreviewRequest
from seqtutor_core.chemistry.property_query import Measurement
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule, expected_properties
from seqtutor_core.frontier import Frontier, frontier
from seqtutor_core.objective import Objective
from seqtutor_core.preview import FEW, draw_preview
from seqtutor_core.runs import names, store
from seqtutor_core.runs.names import generated_name
from tests import running
from tests.test_smc import OBJECTIVE, PRIOR, WEIGHTS, C, exact, generator
from tests.tiny import Tiny


class Late(Tiny):
    """The same rewards, all paid with the last token."""

    terminal_reward = True

    def score(self, tokens, lengths=None, only=None):
        paid = torch.zeros_like(values := super().score(tokens))
        paid[:, -1] = values.sum(1)
        return paid


LATE = Objective(Late(), WEIGHTS, C)

# ---------------------------------------------------------------- what is drawn


def test_drawn_sequences_earn_what_the_best_policy_earns():
    found = draw_preview(PRIOR, OBJECTIVE, n=20_000, seed=1)
    reward = OBJECTIVE.reward(Tiny().score(found.tokens).sum(1))
    assert reward.mean().item() == pytest.approx(exact()[1], abs=0.05)
    assert torch.equal(found.tokens, found.samples.tokens[found.rows])


def test_some_are_evenly_spread_over_those_drawn():
    found = draw_preview(PRIOR, OBJECTIVE, n=64)
    assert torch.equal(found.some(8), found.rows[::8])
    assert found.some(6).tolist() == found.rows[[0, 10, 21, 32, 42, 53]].tolist()


def test_the_best_are_distinct_and_the_heaviest_first():
    found = draw_preview(PRIOR, OBJECTIVE, n=64)
    best = found.best(5)
    weights = found.samples.log_weights[best].tolist()
    assert weights == sorted(weights, reverse=True)
    assert weights[0] == found.samples.log_weights.max().item()
    assert len(found.samples.tokens[best].unique(dim=0)) == 5


def test_without_weights_it_is_the_prior():
    """Every particle counts the same, and they are what the prior samples from that seed."""
    found = draw_preview(PRIOR, OBJECTIVE.replace(weights={}), n=64, seed=3)
    assert found.samples.effective_sample_size == pytest.approx(64)
    assert found.rows.tolist() == list(range(64))
    assert torch.equal(found.samples.tokens, PRIOR.sample(64, generator(3)).tokens)
    assert found.samples.log_z == pytest.approx(0)


def test_the_same_rollout_is_weighed_under_any_weights():
    rollout = PRIOR.sample(64, generator(4))
    for objective in (LATE.replace(weights={"rise": 1.0}), LATE.replace(weights={"close": 2.0}, c=3.0)):
        samples = draw_preview(PRIOR, objective, n=64, rollout=rollout).samples
        assert torch.equal(samples.tokens, rollout.tokens)
        reward = objective.reward(Tiny().score(rollout.tokens).sum(1))
        torch.testing.assert_close(samples.log_weights, reward / objective.c)


def test_it_is_rough_when_few_particles_count():
    assert draw_preview(PRIOR, LATE.replace(c=0.05), n=64).rough
    assert not draw_preview(PRIOR, LATE.replace(c=50.0), n=64).rough


def test_exact_samples_where_all_is_paid_at_the_end():
    found = draw_preview(PRIOR, LATE.replace(c=2.0), n=4096, seed=2)
    log_z = exact(2.0)[0]
    assert len(found.exact) / 4096 == pytest.approx(math.exp(log_z - 3.5 / 2.0), rel=0.1)
    reward = found.samples.reward[found.exact].mean().item()
    assert reward == pytest.approx(exact(2.0)[1], abs=5 * found.samples.reward.std().item() / len(found.exact) ** 0.5)
    assert len(draw_preview(PRIOR, OBJECTIVE.replace(c=2.0), n=64).exact) == 0


def test_expected_figures_by_hand():
    def one(smiles, error="", **values):
        return ScoredMolecule(Measurement(smiles, "" if error else smiles, error, "", values), 0.0, ())

    found = [one("C", log_p=1.0, qed=0.2), one("x", "bad"), one("CC", log_p=3.0, qed=0.6)]
    assert expected_properties(found, [0.2, 0.2, 0.6]) == pytest.approx({"valid": 0.8, "log_p": 2.5, "qed": 0.5})
    assert expected_properties(found[1:2], [1.0]) == {"valid": 0}


# ---------------------------------------------------------------- the frontier


def test_the_grid_is_logarithmic_around_c():
    grid = around(4.0)
    assert (grid[0], grid[REACH], grid[-1], len(grid)) == (0.5, 4.0, 32.0, 2 * REACH + 1)
    assert all(b / a == pytest.approx(2**0.25) for a, b in pairwise(grid))


CURVE = Frontier(
    torch.tensor([1.0, 2.0, 4.0]),
    torch.tensor([9.0, 8.0, 5.0]),
    torch.tensor([3.0, 2.5, 1.0]),
    torch.tensor([FEW - 1, FEW, 10 * FEW]),
)


def drawn(*points):
    figure = frontier_figure(CURVE, 1, points)
    return {trace.name: trace for trace in figure.data}, figure


def test_the_tangent_touches_the_curve_with_slope_c():
    traces, _ = drawn(Point("prior", 0.0, 4.0, symbol="circle"))
    tangent, here = traces["slope c = 2"], traces["B preview at your c"]
    assert (tangent.x, tangent.y) == ((0.0, 3.0), (3.0, 9.0)), "through KL 2.5, reward 8"
    assert (here.x, here.y) == ((2.5,), (8.0,))


def test_where_few_particles_count_the_curve_is_dotted():
    traces, _ = drawn()
    assert traces["frontier"].y == (None, 8.0, 5.0)
    assert traces["frontier, unsure"].y == (9.0, 8.0, 5.0)
    assert traces["frontier, unsure"].line.dash == "dot"


def test_points_are_named_and_one_far_below_hangs_at_the_edge():
    traces, figure = drawn(Point("run a", 3.5, 8.5), Point("prior", 0.0, -200.0, symbol="circle"))
    assert (traces["run a"].x, traces["run a"].y, traces["run a"].showlegend) == ((3.5,), (8.5,), False)
    low, high = figure.layout.yaxis.range
    assert low < traces["prior"].y[0] == 5.0 - 0.5 * 4.0 < high
    assert traces["prior"].marker.symbol == "triangle-down"
    assert "reward -200.0" in traces["prior"].hovertemplate
    assert figure.layout.xaxis.range[1] > 3.5


# ---------------------------------------------------------------- runs on it


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """Makes runs that have ended and were measured."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))

    def make(reward, weights, lines=(), **changes):
        run = store.create_run(TuningConfig(**{"domain": "melody", "prior": "melody", "weights": weights, **changes}))
        summary = {"reward": reward, "kl": 2.0, "kl_coefficient": 4.0}
        run.write_status(replace(run.status, state="finished", summary=summary, ended=1.0))
        (run.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return run

    return make


def wanted(studio, weights, **settings):
    draw = Draw(studio.domain, studio.domain, "{}", 0, ())
    domain = build_domain(studio.domain, studio.objective_settings(settings))
    return PreviewRequest(draw, Objective(domain, weights, 4.0))


def test_runs_with_the_same_rewards_stand_on_the_frontier(ended):
    """Whatever their c, tempo and learner; and with the weights that they ended with."""
    same = ended(50.0, {"key": 1.0, "leap": 0.0}, learner="rloo", settings={"tempo": 90.0})
    ended(51.0, {"key": 2.0})
    ended(52.0, {"key": 1.0}, settings={"length": 64})
    ended(53.0, {"key": 1.0}, primer=(14, 1))
    moved = {"update": 1, "weights": {"key": 1.0, "motif": 0.0}}
    steered = ended(54.0, {"motif": 3.0}, [moved])
    store.create_run(TuningConfig("melody", "melody", weights={"key": 1.0}))  # not measured yet
    points = comparable_runs(MELODY, wanted(MELODY, {"key": 1.0}))
    assert {(p.reward, p.kl) for p in points} == {(50.0, 2.0), (54.0, 2.0)}
    assert points[-1].name == f"{generated_name(same.id)}: REINFORCE, c = 4"
    names.rename_run(steered, "<b>%{x}</b>")
    (renamed, _) = points = comparable_runs(MELODY, wanted(MELODY, {"key": 1.0}), viewed=steered.id)
    assert renamed.name.startswith("C <b>%{x}</b>: ")
    assert [(point.letter, point.colour) for point in numbered(points)] == [("C", TUNED), ("1", GREEN)]
    traces, _ = drawn(renamed)
    trace = traces["C &lt;b&gt;%{x}&lt;/b&gt;" + renamed.name.removeprefix("C <b>%{x}</b>")]
    assert "%{x}" not in trace.hovertemplate, "a name is no template"
    assert (trace.mode, trace.text) == ("markers+text", ("C",))


def test_many_runs_have_no_numbers():
    points = [Point(f"run {k}", float(k), 1.0) for k in range(10)]
    assert [point.letter for point in numbered(points[:9])] == list("123456789")
    assert numbered(points) == points


def test_a_real_run_stands_on_the_frontier_with_weights_that_no_float32_holds(tmp_path, monkeypatch):
    """1.2 came back from the worker as 1.2000000476837158, and the run was not found."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    prior, weights = running.tiny_prior(tmp_path), {"key": 1.2, "motif": 0.1}
    run = running.executed(running.small(prior, weights=weights, updates=2, device="cpu"))
    assert run.metrics()[0][-1]["weights"]["key"] == 1.2
    draw = Draw("melody", str(prior), "{}", 0, ())
    domain = build_domain("melody", MELODY.objective_settings(run.config.settings))
    (point,) = comparable_runs(MELODY, PreviewRequest(draw, Objective(domain, weights, 4.0)))
    assert point.name.startswith(generated_name(run.id))


def test_a_run_of_another_domain_or_version_is_left_out(ended):
    ended(50.0, {"key": 1.0}, settings={"no_such_setting": 1})
    ended(51.0, {"qed": 1.0}, domain="molecule", prior="molecule")
    assert comparable_runs(MELODY, wanted(MELODY, {"key": 1.0})) == []
    (point,) = comparable_runs(MOLECULE, wanted(MOLECULE, {"qed": 1.0}))
    assert point.reward == 51.0


def test_judged_settings_are_whole_and_leave_out_how_it_sounds():
    assert MELODY.objective_settings({"tempo": 90.0, "key": 5, "instrument": 73}) == MELODY.objective_settings({})
    assert MELODY.objective_settings({"mode": "minor"}) != MELODY.objective_settings({})
    shapes = MOLECULE.objective_settings({})["shapes"]
    assert MOLECULE.objective_settings({"shapes": shapes}) == MOLECULE.objective_settings({})
    assert shapes["molecular_weight"]["kind"] == "range"


def test_the_chart_reads_what_the_frontier_gives():
    samples = draw_preview(PRIOR, OBJECTIVE, n=256).samples
    curve = frontier(samples, around(C))
    point = curve.reward[REACH].item() / C - curve.kl[REACH].item()
    assert point == pytest.approx(samples.log_z), "on the tangent J is log Z"
