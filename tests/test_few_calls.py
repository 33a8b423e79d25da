"""Few calls: what is counted, what is drawn, and runs that are measured in calls."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor

from pages.ui import readout
from pages.ui.curves import chart_data
from pages.ui.melody.spec import MELODY
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.errors import SettingError
from seqtutor_core.evaluated import Evaluated, auc, top_curve
from seqtutor_core.objective import Objective
from seqtutor_core.stages import Stage
from seqtutor_core.tuning import Tuner, few_calls, iterate, tune
from seqtutor_core.tuning.calls import BARREN
from tests.running import executed, small
from tests.running import tiny_prior as folder_of_prior
from tests.tiny import Tiny, tiny_prior

FEW: dict[str, Any] = {"batch": 8, "minibatch": 8, "updates": 2, "memory": 20, "learning_rate": 1e-2}
BOTH = {"rise": 1.0, "close": 1.0}


class Counting(Tiny):
    """The tiny task, which remembers what it was asked to score."""

    def __init__(self) -> None:
        self.scored: list[tuple[int, ...]] = []

    def score(self, tokens: Tensor, lengths: Tensor | None = None, only: object = None) -> Tensor:
        self.scored += map(tuple, tokens.tolist())
        return super().score(tokens, lengths, only)

    def cross(self, one: Any, other: Any, random: Random) -> list[int]:
        return [*one[:2], *other[2:]]


def tuner_of(domain: Tiny | None = None, **settings: Any) -> Tuner:
    usual: dict[str, Any] = {"weights": BOTH, "preset": "expensive", "overrides": FEW, "kl_coefficient": 1.0}
    config = TuningConfig(domain="tiny", prior="", device="cpu", **{**usual, **settings})
    return Tuner(config, domain or Counting(), tiny_prior())


def filled(rewards: list[float]) -> tuple[Evaluated, Objective]:
    """A store with a sequence for each reward, and the objective that gives them."""
    store, n = Evaluated(), len(rewards)
    sums = torch.tensor([[each, 0.0] for each in rewards])
    store.add([str(i) for i in range(n)], torch.arange(n).unsqueeze(1), torch.ones(n, dtype=torch.long), sums)
    return store, Objective(Tiny(), {"rise": 1.0}, 1.0)


# ---------------------------------------------------------------- what was evaluated


def test_a_call_is_a_new_and_valid_sequence() -> None:
    store = Evaluated()
    tokens, lengths, sums = torch.arange(8).reshape(4, 2), torch.full((4,), 2), torch.arange(8.0).reshape(4, 2)
    assert store.new(["a", "", "b", "a"]) == [0, 2]
    assert store.add(["a", "", "b", "a"], tokens, lengths, sums) == 2
    assert store.add(["b", "c", "", ""], tokens, lengths, sums) == 1
    assert store.count == 3
    assert store.sums(["b", "c"]).tolist() == [[4.0, 5.0], [2.0, 3.0]]


def test_the_store_grows_and_comes_back() -> None:
    store, objective = filled([float(i) for i in range(3000)])
    assert store.best(objective) == sum(range(2990, 3000)) / 10
    other = Evaluated()
    other.load_state_dict(store.state_dict(2000))
    assert other.count == 2000
    assert other.best(objective) == sum(range(1990, 2000)) / 10
    assert other.new(["1999", "2000"]) == [1]
    assert Evaluated().best(objective) is None


def test_of_many_calls_the_best_are_kept_and_all_are_counted() -> None:
    """Also as of before the last calls; what is forgotten costs no second call."""
    everything, objective = filled([float(i * 7919 % 5000) for i in range(5000)])
    store, tokens, lengths = Evaluated(kept=100), torch.arange(5000).unsqueeze(1), torch.ones(50, dtype=torch.long)
    for first in range(0, 5000, 50):
        rows = slice(first, first + 50)
        before = store.state_dict()
        store.add([str(i) for i in range(5000)[rows]], tokens[rows], lengths, everything.store["sums"][rows])
        store.prune(objective)
        assert len(store) <= 200
    assert store.count == 5000 and store.new(["0", "4999", "5000"]) == [2]
    assert store.best(objective) == everything.best(objective) == sum(range(4990, 5000)) / 10
    assert {4999.0, 4900.0} <= {*store.rewards(objective).tolist()}

    as_before = store.state_dict(4950)
    assert as_before["key"].equal(before["key"]) and as_before["count"] == 4950
    assert {*as_before["call"].tolist()} <= {*before["call"].tolist()}
    other = Evaluated(kept=100)
    other.load_state_dict(store.state_dict())
    assert len(other) == len(store) and other.best(objective) == store.best(objective)
    assert other.new(["0", "4999", "5000"]) == [2]


def test_a_state_of_a_version_that_kept_all_is_taken_over() -> None:
    store, objective = filled([float(i) for i in range(3000)])
    state = store.state_dict()
    del state["call"], state["crossed"]
    other = Evaluated(kept=100)
    other.load_state_dict(state)
    assert other.count == len(other) == 3000 and other.new(["2999", "3000"]) == [1]
    other.prune(objective)
    assert len(other) == 100 and other.best(objective) == store.best(objective)
    with pytest.raises(ValueError, match="not that of 3000 calls"):
        other.load_state_dict({**state, "length": state["length"][1:]})


def test_the_best_are_drawn_by_rank() -> None:
    """Of three, ranks weigh 1 / 1.03, 1 / 2.03 and 1 / 3.03; a fourth is beyond the capacity."""
    store, objective = filled([0.0, 3.0, 1.0, 2.0])
    generator = torch.Generator().manual_seed(0)
    first = Counter(store.draw(1, 3, objective, generator).tokens[0][0] for _ in range(4000))
    weights = [1 / 1.03, 1 / 2.03, 1 / 3.03]
    for token, weight in zip((1, 3, 2), weights, strict=True):
        assert first[token] / 4000 == pytest.approx(weight / sum(weights), abs=0.03)
    assert first[0] == 0
    drawn = store.draw(10, 3, objective, generator)
    assert sorted(drawn.reward.tolist()) == [1.0, 2.0, 3.0], "each once"


def test_pairs_are_of_two_of_the_best_and_the_better_ones_more_often() -> None:
    store, objective = filled([0.0, 3.0, 1.0, 2.0])
    pairs = store.draw_pairs(2000, 3, objective, torch.Generator().manual_seed(0))
    seen = Counter(token for pair in pairs for [token] in pair)
    assert all(one != other for one, other in pairs)
    assert seen[1] > seen[3] > seen[2] > seen[0] == 0


def test_the_curve_and_its_area_by_hand() -> None:
    """A hundred scores of 0.2 and a hundred of 0.6: trapezoids 10 and 40, then 200 calls filled up with 0.6."""
    curve = top_curve([0.2] * 100 + [0.6] * 100)
    assert [calls for calls, _ in curve] == [100, 200]
    assert [value for _, value in curve] == pytest.approx([0.2, 0.6])
    assert auc(curve, 400) == pytest.approx((10 + 40 + 120) / 400)
    early = top_curve([0.2] * 99 + [0.6] * 11)
    assert [value for _, value in early] == pytest.approx([(9 * 0.2 + 0.6) / 10, 0.6])


# ---------------------------------------------------------------- runs


def test_a_budget_of_calls_is_kept_and_nothing_is_scored_twice() -> None:
    domain = Counting()
    tuner = tuner_of(domain, calls=50, overrides={**FEW, "children": 3})
    last = [*tune(tuner)][-1]
    assert last.counters.calls == 50 == len(domain.scored) == len(set(domain.scored))
    assert tuner.fraction_done == 1
    exact = [each for each in domain.scored if each in set(domain.scored)]
    best = sorted((super(Counting, domain).score(torch.tensor([each])).sum().item() for each in exact), reverse=True)
    assert last.metrics.best == pytest.approx(sum(best[:10]) / 10)


@pytest.mark.parametrize(("crossed", "children"), [(0.0, 8), (0.5, 40), (0.84, 67), (1.0, 72)])
def test_crossover_proposes_the_share_that_it_has_among_the_best(crossed: float, children: int) -> None:
    """A tenth at least, and nine tenths at most, of 64 sequences and 16 children; before a hundred calls 16."""
    tuner = tuner_of(overrides={**FEW, "batch": 64, "children": 16})
    assert few_calls._children_wanted(tuner) == 16
    n, best = 300, round(100 * crossed)
    tokens, lengths = torch.zeros(1, 4, dtype=torch.long), torch.full((1,), 4)
    for i in range(n):
        reward = torch.tensor([[100.0 * (i >= n - 100), 0.0]])
        tuner.calls.evaluated.add([str(i)], tokens, lengths, reward, crossed=i >= n - best)
    assert few_calls._children_wanted(tuner) == children
    iteration = few_calls.iterate(tuner)
    assert len(iteration.rollout.tokens) == 80 - children
    assert iteration.children is not None and len(iteration.children.tokens) == children


def test_repeats_keep_their_terms() -> None:
    tuner = tuner_of(calls=1000)
    for _ in range(12):
        progress = iterate(tuner)
        fresh = Tiny().score(progress.tokens).sum(1).float()
        assert torch.allclose(progress.sums.float(), fresh), "known ones are read from the store"


def test_repeats_widen_the_sampling_and_end_the_run_at_last() -> None:
    """Of 81 sequences no run finds 1,000: it samples nearer the prior, and ends when nothing new has come for long."""
    tuner = tuner_of(calls=1000, overrides={**FEW, "updates": 1})
    for _ in tune(tuner):
        assert tuner.calls.barren <= BARREN
    assert tuner.calls.exhausted
    assert tuner.calls.strength < 1
    assert tuner.calls.evaluated.count <= 81


def test_an_older_checkpoint_knows_no_children() -> None:
    store, objective = filled([1.0, 2.0])
    state = {name: value for name, value in store.state_dict().items() if name != "crossed"}
    older = Evaluated()
    older.load_state_dict(state)
    assert older.crossed_share(objective, 10) == 0.0
    older.add(["new"], torch.zeros(1, 1, dtype=torch.long), torch.ones(1), torch.tensor([[3.0, 0.0]]), crossed=True)
    assert older.crossed_share(objective, 1) == 1.0
    assert older.crossed_share(objective, 10) == pytest.approx(1 / 3)


def test_resumed_is_as_if_never_stopped() -> None:
    straight, first = (tuner_of(calls=60, overrides={**FEW, "children": 2}) for _ in range(2))
    for _ in range(3):
        iterate(straight)
        iterate(first)
    second = tuner_of(calls=60, overrides={**FEW, "children": 2})
    second.load_state_dict(*first.state_dict())
    for _ in range(3):
        one, other = iterate(straight), iterate(second)
        assert torch.equal(one.tokens, other.tokens)
        assert one.counters.calls == other.counters.calls
        assert one.metrics.best == other.metrics.best


def test_it_learns_the_best_sequences() -> None:
    tuner = tuner_of(updates=200, kl_coefficient=0.5)
    first, *_ = tune(tuner)
    rollout = tuner.policy.sample(512, torch.Generator().manual_seed(0))
    learned = tuner.objective.reward(Tiny().score(rollout.tokens).sum(1)).mean()
    assert learned > first.metrics.reward + 0.5


def test_a_moved_slider_ranks_anew() -> None:
    tuner = tuner_of(calls=1000)
    iterate(tuner)
    before = tuner.best
    assert before is not None
    tuner.objective = tuner.objective.replace(weights={"rise": 2.0, "close": 2.0})
    assert tuner.best == pytest.approx(2 * before)


# ---------------------------------------------------------------- as a process does them


def test_a_run_says_its_calls_and_spends_none_on_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "home"))
    stages = (Stage({"key": 1.0}, calls=20), Stage({"motif": 1.0}, until=1e6))
    run = executed(
        small(folder_of_prior(tmp_path / "tiny"), preset="expensive", overrides=FEW, calls=50, stages=stages)
    )
    assert run.config.stages == stages
    status, (lines, _) = run.status, run.metrics()
    assert (status.summary or {})["calls"] == 50
    assert (status.summary or {})["gauge"] is None
    assert [line["calls"] for line in lines] == sorted({line["calls"] for line in lines})
    assert all("gauge" not in line for line in lines)
    (moved,) = [line for line in lines if line["changed"]]
    assert moved["weights"]["motif"] == 1.0
    assert "ended in stage 2 of 2, whose mean reward of 1e+06 was not reached" in status.message
    drawn = chart_data(MELODY, run.id, lines, 50)
    assert (drawn["unit"], drawn["until"], drawn["seconds"][-1]) == ("calls", 50, 50)
    assert drawn["changes"] == [moved["calls"]]
    assert drawn["plots"][0]["title"] == "Best ten so far"
    assert readout.stage("running", replace(status, message=""), run.config, 50) == "Tuning: 50 of 50 calls on CPU"


# ---------------------------------------------------------------- settings


def test_a_budget_below_the_batch_is_refused() -> None:
    with pytest.raises(SettingError, match="10 calls is less than one batch of 64 sequences; choose at least 64"):
        TuningConfig(domain="tiny", prior="", preset="expensive", calls=10)


@pytest.mark.parametrize("learner", ["psi", "rloo"])
def test_the_preset_is_for_those_that_have_it(learner: str) -> None:
    with pytest.raises(SettingError, match=f"and {learner} does not; choose .* trajectory_balance"):
        TuningConfig(domain="tiny", prior="", learner=learner, preset="expensive")


def test_a_memory_excludes_a_warm_start() -> None:
    with pytest.raises(SettingError, match="a warm start learns from each rollout once"):
        TuningConfig(domain="tiny", prior="", preset="expensive", warm_start=True)
    with pytest.raises(SettingError, match="rewrite and children are for a memory"):
        TuningConfig(domain="tiny", prior="", overrides={"rewrite": True})


def test_the_default_rules_are_untouched() -> None:
    plain = TuningConfig(domain="tiny", prior="").learner_settings
    assert (plain.memory, plain.rewrite, plain.children, plain.updates) == (0, False, 0, 1)
    assert (
        replace(TuningConfig(domain="tiny", prior="", preset="expensive"), preset="default").learner_settings == plain
    )


# ---------------------------------------------------------------- molecules


def test_a_molecule_written_anew_is_the_same_molecule() -> None:
    from rdkit import Chem

    domain: Any = build_domain("molecule", {"corpus": "zinc"})
    smiles, random = "CC(=O)Nc1ccc(O)c(C[NH2+]C)c1", Random(3)
    tokens = [*domain.tokens.encode(smiles), domain.end]
    others = [domain.tokens.decode(domain.rewrite(tokens, random)) for _ in range(10)]
    assert len(set(others)) > 3
    assert {Chem.CanonSmiles(other) for other in others} == {Chem.CanonSmiles(smiles)}


def test_children_are_molecules_that_the_prior_can_write() -> None:
    from rdkit import Chem

    domain: Any = build_domain("molecule", {"corpus": "zinc"})
    parents = [[*domain.tokens.encode(each), domain.end] for each in ("CC(=O)Nc1ccc(O)cc1", "CN1CCN(Cc2ccc(Cl)cc2)CC1")]

    def born(seed: int) -> list[str]:
        random = Random(seed)
        return [domain.tokens.decode(domain.cross(*parents, random)) for _ in range(40)]

    children = born(1)
    assert children == born(1)
    real = [Chem.MolFromSmiles(each) for each in children if each]
    assert len(real) > 30
    assert all(each is not None for each in real)
    assert len(set(children)) > 20


def test_under_a_prefix_nothing_is_rewritten_or_crossed() -> None:
    domain: Any = build_domain("molecule", {"prefix": "CC(=O)N"})
    tokens = [*domain.tokens.encode("c1ccccc1"), domain.end]
    assert domain.rewrite(tokens, Random(0)) == tokens
    assert domain.cross(tokens, tokens, Random(0)) == []
