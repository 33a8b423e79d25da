"""Gauges of a living run: what the worker writes, when it measures, and that learning does not feel it."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from seqtutor_core import priors
from seqtutor_core.config import Change, TuningConfig
from seqtutor_core.domains.molecule import Molecule
from seqtutor_core.errors import SettingError
from seqtutor_core.evaluation import rollouts
from seqtutor_core.gauge import Gauge, measure_policy, measure_prior
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.rollout import Rollout
from seqtutor_core.runs import gauge_monitor
from seqtutor_core.runs.cadence import DEFAULT, Cadence
from seqtutor_core.runs.gauge_monitor import SEED, GaugeMonitor, gauge_to_json, why_no_gauge
from seqtutor_core.runs.policies import objective_of, policy_of
from seqtutor_core.runs.store import Run, load_policy
from seqtutor_core.tuning import Tuner, iterate
from tests.running import executed, small, tiny_prior
from tests.tiny import Tiny, tiny_tuner

N = 64


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_prior(tmp_path_factory.mktemp("priors"))


def worked(config: TuningConfig, gauge_every: float = 0.0) -> Run:
    """A run with a gauge so many seconds after it began or after the one before: after every update, or never."""
    cadence = Cadence(
        metrics_every=0.0,
        gauge_first=gauge_every,
        gauge_every=gauge_every,
        gauge_share=math.inf,
        gauge_share_changed=math.inf,
        gauge_samples=N,
        final_samples=2 * N,
    )
    return executed(config, cadence)


def directly(run: Run, n: int, seed: int | None = None) -> dict[str, Any]:
    """The gauge of a finished run, without a worker; with a seed, from the policy's sequences of that seed."""
    config, policy = run.config, policy_of(run)
    objective = objective_of(config, [])
    against = measure_prior(Policy(policy.space, policy.prior), objective, n, SEED, config.primer)
    drawn = None if seed is None else Rollout.concat([*rollouts(policy, n, seed, config.primer)])
    found = measure_policy(policy, against, n, SEED + 1, config.primer, drawn)
    return gauge_to_json(found, n, config.kl_coefficient)


# ---------------------------------------------------------------- what is written


@pytest.mark.parametrize("primer", [(), (14, 1, 18, 1)])
def test_a_worker_writes_what_the_gauge_says(prior: Path, primer: tuple[int, ...]) -> None:
    run = worked(small(prior, updates=3, primer=primer))
    lines = run.metrics()[0]
    assert [line["gauge"]["n"] for line in lines] == [N] * 3
    for gauge in (line["gauge"] for line in lines):
        assert gauge["j"] == pytest.approx(gauge["reward"] / 4 - gauge["kl"])
        assert gauge["gap"] == pytest.approx(max(0.0, gauge["log_z_at_least"] - gauge["j"]))
        assert gauge["j_prior"] == lines[0]["gauge"]["j_prior"]
    assert [len(gauge["sources"]) for gauge in (line["gauge"] for line in lines)] == [4] * 3
    assert lines[-1]["gauge"] == directly(run, N)
    summary = run.status.summary
    assert summary is not None and summary["gauge"] == directly(run, 2 * N, run.config.seed)
    assert summary["j"] == pytest.approx(summary["gauge"]["j"], abs=1e-4)  # both are over the same sequences


def test_a_gauge_that_fails_is_told_and_ends_nothing(prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [SettingError("no target"), RuntimeError("not enough memory"), torch.OutOfMemoryError("no room")]
    left = [*problems, MemoryError()]

    def broken(*_: Any) -> Gauge:
        raise left.pop(0)

    monkeypatch.setattr(gauge_monitor, "measure_policy", broken)
    run = worked(small(prior, updates=3))
    assert left == []
    assert run.state == "finished"
    assert run.status.summary is not None and run.status.summary["gauge"] is None
    assert "reward" in run.status.summary
    assert ["gauge" in line for line in run.metrics()[0]] == [False] * 3
    told = [line["message"].removeprefix("there is no gauge: ") for line in run.metrics()[0]]
    assert told == [str(problem) for problem in problems]
    assert run.status.message == "there is no gauge: out of memory"


def test_random_beginnings_have_no_gauge(prior: Path) -> None:
    config = small(prior, updates=2, learner="psi", overrides={"batch": 8, "minibatch": 8, "random_primer": True})
    assert "random note" in why_no_gauge(config)
    run = worked(config)
    assert ["gauge" in line for line in run.metrics()[0]] == [False] * 2
    assert run.status.summary is not None and run.status.summary["gauge"] is None
    assert run.status.message == ""
    assert why_no_gauge(small(prior, learner="psi", overrides={"random_primer": True}, primer=(14, 1))) == ""


# ---------------------------------------------------------------- learning does not feel it


def test_a_run_learns_the_same_with_and_without(prior: Path) -> None:
    unlike = ("seconds", "steps_per_second", "time", "gauge")
    seen = []
    for seconds in (0.0, math.inf):
        run = worked(small(prior, updates=4), gauge_every=seconds)
        lines = run.metrics()[0]
        assert sum("gauge" in line for line in lines) == (4 if seconds == 0 else 0)
        figures = [{name: value for name, value in line.items() if name not in unlike} for line in lines]
        seen.append((figures, load_policy(run).state_dict()))
    (with_it, weights), (without, others) = seen
    assert with_it == without
    assert all(torch.equal(weights[name], others[name]) for name in weights)


def test_molecules_remember_nothing_of_a_gauge() -> None:
    """Scaffolds that a run has seen cost; those that only the gauge saw do not. Nor is the prior drawn twice."""
    weights = {"validity": 20.0, "qed": 40.0, "scaffold_diversity": 5.0}
    rule = {"batch": 16, "minibatch": 16, "replay_steps": 4096}
    config = TuningConfig(
        "molecule", "molecule", weights=weights, kl_coefficient=4.0, updates=4, overrides=rule, device="cpu", seed=1
    )
    network = priors.load("molecule").network
    one, other = (Tuner(config, Molecule(), network) for _ in range(2))
    gauge = GaugeMonitor(one)
    for each in (one, other):
        iterate(each)
    first = gauge.measure(N)
    drawn = gauge.prior_rollout
    assert first is not None and len(first["sources"]) == 2
    assert one.domain.state_dict() == other.domain.state_dict()
    generators = (each.sampler.generators for each in (one, other))
    assert all(torch.equal(a.get_state(), b.get_state()) for a, b in zip(*generators, strict=True))
    for each in (one, other):
        each.apply(Change(kl_coefficient=8.0))
    second = gauge.measure(N)
    assert gauge.prior_rollout is drawn
    assert second is not None
    assert second["j_prior"] == pytest.approx(first["j_prior"] / 2, rel=0.02)  # but for what scaffolds cost by now
    a, b = iterate(one), iterate(other)
    assert torch.equal(a.tokens, b.tokens) and a.metrics.reward == b.metrics.reward


# ---------------------------------------------------------------- when


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def timed(clock: Clock, monkeypatch: pytest.MonkeyPatch, budget: float | None = None) -> GaugeMonitor:
    """A gauge of the tiny task that takes a second."""
    tuner = tiny_tuner("psi", 4, {"rise": 1.0})
    tuner.adaptive_kl.target_kl = budget
    gauge = GaugeMonitor(tuner, clock=clock)

    def slow(*arguments: Any) -> Gauge:
        clock.now += 1.0
        return measure_policy(*arguments)

    monkeypatch.setattr(gauge_monitor, "measure_policy", slow)
    return gauge


def due_after(gauge: GaugeMonitor, clock: Clock, seconds: float) -> bool:
    """Whether it is due then and not just before."""
    start = clock.now
    clock.now = start + seconds - 0.01
    early = gauge.due
    clock.now = start + seconds + 0.01
    return gauge.due and not early


def test_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    gauge = timed(clock, monkeypatch)
    assert due_after(gauge, clock, DEFAULT.gauge_first)
    gauge.measure(N)
    assert due_after(gauge, clock, 1.0 / DEFAULT.gauge_share) and 1.0 / DEFAULT.gauge_share > DEFAULT.gauge_every
    gauge.measure(N)
    gauge.tuner.apply(Change(weights={"rise": 2.0}))
    assert due_after(gauge, clock, 1.0 / DEFAULT.gauge_share_changed)
    gauge.measure(N)
    gauge.tuner.apply(Change(kl_coefficient=2.0))
    assert due_after(gauge, clock, 1.0 / DEFAULT.gauge_share_changed)
    gauge.measure(N)
    gauge.tuner.apply(Change(learning_rate=0.01))
    assert due_after(gauge, clock, 1.0 / DEFAULT.gauge_share)


def test_a_c_that_a_budget_moves_hastens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    gauge = timed(clock, monkeypatch, budget=1.0)
    clock.now = DEFAULT.gauge_first
    first = gauge.measure(N)
    gauge.tuner.objective = gauge.tuner.objective.replace(c=2.0)
    assert due_after(gauge, clock, 1.0 / DEFAULT.gauge_share)
    second = gauge.measure(N)
    assert first is not None and second is not None
    assert second["j_prior"] == pytest.approx(first["j_prior"] / 2)
    assert second["kl_coefficient"] == 2.0


def test_the_priors_gauge_holds_until_the_objective_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Objective] = []

    def counted(prior: Policy, objective: Objective, *more: Any) -> Any:
        asked.append(objective)
        return measure_prior(prior, objective, *more)

    monkeypatch.setattr(gauge_monitor, "measure_prior", counted)
    gauge = GaugeMonitor(tiny_tuner("psi", 4, {"rise": 1.0}))
    for change in (Change(), Change(), Change(weights={"close": 1.0}), Change(kl_coefficient=2.0), Change()):
        gauge.tuner.apply(change)
        gauge.measure(N)
    rise, close = (Objective(Tiny(), {name: 1.0}, 1.0) for name in ("rise", "close"))
    assert asked == [rise, close, close.replace(c=2.0)]
    gauge.measure(2 * N)
    assert len(asked) == 4
