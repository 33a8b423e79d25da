"""Runs of molecules: learning from what is paid at the end, memory in checkpoints, the best sequences, commands."""

import json
from typing import Any

import pytest
import torch

from seqtutor_core import priors
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.config import Change, TuningConfig, learner_settings
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.errors import PriorError
from seqtutor_core.evaluation import evaluate
from seqtutor_core.network import Output, RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.replay import with_prior
from seqtutor_core.runs import top_sequences
from seqtutor_core.runs.top_sequences import ScoredSequence, TopSequences, rewards
from seqtutor_core.tuning import Progress, Tuner, calls, iterate, tune
from tests.running import executed
from tests.test_cli import cli, last_json  # noqa: F401  cli is a fixture

SMALL = {"batch": 16, "minibatch": 16, "replay_steps": 4096}


@pytest.fixture(scope="module")
def network() -> RecurrentNetwork:
    return priors.load("molecule").network


def tuner(network: RecurrentNetwork, weights: dict[str, float] | None = None, **values: Any) -> Tuner:
    usual: dict[str, Any] = {"kl_coefficient": 2.0, "updates": 6, "overrides": SMALL, "device": "cpu", "seed": 1}
    weights = weights or {"validity": 20.0, "qed": 40.0, "scaffold_diversity": 5.0}
    config = TuningConfig("molecule", "molecule", weights=weights, **{**usual, **values})
    return Tuner(config, Molecule(MoleculeSettings.of(config.settings)), network)


# ---------------------------------------------------------------- learning


def test_what_lies_beyond_the_end_counts_for_nothing(network: RecurrentNetwork) -> None:
    progress = iterate(tuner(network))
    assert (progress.lengths < progress.tokens.shape[1]).any()
    for row, length in zip(progress.tokens.tolist(), progress.lengths.tolist(), strict=True):
        assert set(row[length:]) <= {MOSES.end}
        assert row[: length - 1].count(MOSES.end) == 0
    assert progress.counters.environment_steps == int(progress.lengths.sum())


@pytest.mark.parametrize("values", [{}, {"preset": "expensive", "learner": "trajectory_balance", "calls": 400}])
def test_each_rollout_is_decoded_once(network: RecurrentNetwork, values: dict[str, Any]) -> None:
    job_ = tuner(network, **values)
    smiles, decoded, rollouts = job_.domain.smiles, list[torch.Tensor](), list[torch.Tensor]()  # type: ignore[attr-defined]

    def noted(tokens: torch.Tensor, lengths: torch.Tensor) -> list[str]:
        decoded.append(tokens)
        return smiles(tokens, lengths)

    job_.domain.smiles = noted  # type: ignore[attr-defined]
    for _ in range(3):
        iterate(job_)
        assert job_.last_rollout
        rollouts.append(job_.last_rollout.tokens)
    assert [sum(torch.equal(one, tokens) for one in decoded) for tokens in rollouts] == [1, 1, 1]


def test_a_gradient_in_bfloat16_does_not_hang_on_what_other_threads_do(
    network: RecurrentNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All threads share torch's cache of weights in bfloat16; one that is done with its shard empties it."""
    job_ = tuner(network)
    job_.optimizer.bfloat16 = True
    torch.nn.init.normal_(job_.network.policy.weight)  # at first it is zero, and nothing reaches the LSTM
    rollout = Policy(job_.domain, network).sample(64, torch.Generator().manual_seed(0))  # read in groups by length
    rewards = torch.randn(rollout.tokens.shape, generator=torch.Generator().manual_seed(1))
    batch = with_prior(job_.policy, rollout.tokens, rollout.lengths, rollout.primer[:1], rewards)
    _, alone = job_.optimizer.gradient(batch, job_.loss)
    read = RecurrentNetwork._read

    def read_beside_another(*arguments: Any) -> Output:
        torch.clear_autocast_cache()
        return read(*arguments)

    monkeypatch.setattr(RecurrentNetwork, "_read", read_beside_another)
    _, beside = job_.optimizer.gradient(batch, job_.loss)
    assert all(torch.equal(one, two) for one, two in zip(alone, beside, strict=True))


def test_the_value_head_starts_at_the_usual_reward_and_follows_the_sliders(network: RecurrentNetwork) -> None:
    job_ = tuner(network, {"validity": 600.0}, overrides={**SMALL, "batch": 128})
    first = iterate(job_)
    assert first.metrics.reward < 595  # some are no molecules
    assert job_.network.value.bias.item() == pytest.approx(600 / 2, rel=1e-5)  # which does not move it
    job_.apply(Change(weights={"validity": 60.0}))
    iterate(job_)
    assert job_.value_offset.offset == pytest.approx(60 / 2, rel=1e-5)


def test_a_slider_that_asks_for_something_new_scores_the_replay_anew(network: RecurrentNetwork) -> None:
    job_ = tuner(network, {"validity": 20.0}, overrides={**SMALL, "batch": 64})  # one in ten molecules has an alert
    iterate(job_)
    k = [t.name for t in job_.domain.terms].index("alerts")
    assert not job_.replay.store["terms"][..., k].any()
    before = job_.replay.store["terms"][:64].clone()
    job_.apply(Change(weights={"validity": 20.0, "alerts": 1.0}))
    after = job_.replay.store["terms"][:64]
    assert after[..., k].any()
    others = [i for i in range(len(job_.domain.terms)) if i != k and job_.domain.terms[i].name != "scaffold_diversity"]
    known = [i for i in others if job_.domain.terms[i].name not in ("qed", "synthetic_accessibility")]
    assert torch.equal(before[..., known], after[..., known])


def test_a_slider_without_its_setting_is_told_and_costs_nothing(network: RecurrentNetwork) -> None:
    job_ = tuner(network)
    iterate(job_)
    job_.apply(Change(weights={"similarity": 50.0}))
    assert "nothing to go by" in iterate(job_).message


def test_a_restored_run_goes_on_as_if_never_stopped(network: RecurrentNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scaffold memory included: it changes what later molecules are paid. So is what was counted and forgotten."""
    monkeypatch.setattr(calls, "KEPT", 12)

    def seen(progress: Progress) -> tuple[float, float | None, int]:
        return progress.metrics.reward, progress.metrics.best, progress.counters.calls

    whole = tuner(network)
    expected = [*map(seen, tune(whole))]
    first = tuner(network)
    for _ in range(3):
        iterate(first)
    tensors, plain = first.state_dict()
    second = tuner(network)
    second.load_state_dict({k: v.clone() for k, v in tensors.items()}, json.loads(json.dumps(plain)))
    assert len(second.calls.evaluated) < second.calls.evaluated.count
    assert [*map(seen, tune(second))] == expected[3:]
    for mine, theirs in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_prefix_is_kept_by_every_molecule(network: RecurrentNetwork) -> None:
    job_ = tuner(network, settings={"prefix": "CC(=O)Oc1ccccc1"})
    progress = iterate(job_)
    assert isinstance(job_.domain, Molecule)
    smiles = job_.domain.smiles(progress.tokens, progress.lengths)
    assert all(s.startswith("CC(=O)Oc1ccccc1") for s in smiles if s)
    assert sum(not f.error for f in job_.domain.measurements(progress.tokens, progress.lengths)) >= 8


def test_a_domain_has_presets_of_its_own() -> None:
    assert vars(learner_settings("molecule", "psi", "paper"))["gamma"] == 0.95
    assert vars(learner_settings("melody", "psi", "paper"))["gamma"] == 0.5
    assert learner_settings("molecule", overrides={"batch": 7}).batch == 7
    assert learner_settings("molecule").batch == 128 and learner_settings("melody").batch == 256
    for name in ("melody", "molecule"):
        assert learner_settings(name, "rloo").learning_rate == 8e-3  # a learner's own, where the domain has none
    assert learner_settings("molecule", "g").learning_rate == 4e-3
    assert learner_settings("molecule", "psi").learning_rate == 1e-3
    assert learner_settings("molecule", "g", "paper").learning_rate == 1e-4  # as published, whoever learns
    assert TuningConfig("molecule", "molecule").kl_coefficient == 1.0  # unless another is asked for
    assert TuningConfig("melody", "melody").kl_coefficient == 4.0


def test_a_prior_of_another_vocabulary_is_refused() -> None:
    with pytest.raises(PriorError, match="writes 38 tokens that are not the 25"):
        priors.load("melody", space=Molecule())


# ---------------------------------------------------------------- the run folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))


@pytest.mark.usefixtures("quick")
def test_a_run_leaves_figures_alarms_and_its_best() -> None:
    config = TuningConfig(
        "molecule", "molecule", weights={"qed": 40.0, "validity": 20.0}, updates=3, overrides=SMALL, device="cpu"
    )
    run = executed(config)
    lines, _ = run.metrics()
    assert {"valid", "unique", "novel", "scaffolds", "log_p"} <= set(lines[-1]["figures"])
    assert lines[-1]["figures"]["recent"] == 48
    assert lines[-1]["alarms"] == []
    assert not {"tokens", "lengths", "sums"} & set(lines[-1])
    entries = run.top_sequences()
    earned = rewards(entries, Objective(Molecule(), config.weights, 1.0))
    best = [entry for _, entry in sorted(zip(earned, entries, strict=True), key=lambda pair: -pair[0])]
    assert 16 <= len(best) <= 48
    assert max(earned) > 45
    assert best[0].tokens[-1] == MOSES.end
    assert MOSES.decode(best[0].tokens)
    assert run.status.summary is not None
    assert 0.8 < run.status.summary["metrics"]["valid"] <= 1


def test_the_board_keeps_the_best_and_ranks_anew_when_a_slider_moves(
    network: RecurrentNetwork, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(top_sequences, "CAPACITY", 10)
    job_, kept = tuner(network), TopSequences()
    seen: list[ScoredSequence] = []
    for _ in range(3):
        progress = iterate(job_)
        kept.add(progress, job_.objective)
        names = list(progress.metrics.terms)
        rows = zip(progress.tokens.tolist(), progress.lengths.tolist(), progress.sums.tolist(), strict=True)
        at = progress.counters.update, progress.counters.seconds
        seen += [ScoredSequence(tuple(t[:n]), dict(zip(names, s, strict=True)), *at) for t, n, s in rows]
    expected = sorted(rewards({e.tokens: e for e in seen}.values(), job_.objective))[-10:]
    assert sorted(rewards(kept.by_tokens.values(), job_.objective)) == pytest.approx(expected)
    kept.save(tmp_path / "best.jsonl")
    again = top_sequences.load_top_sequences(tmp_path / "best.jsonl")
    assert {e.tokens: e.terms for e in again} == {e.tokens: e.terms for e in kept.by_tokens.values()}
    job_.apply(Change(weights={"log_p": 1.0}))
    kept.add(iterate(job_), job_.objective)
    assert len(kept.by_tokens) == 10


# ---------------------------------------------------------------- command line


def test_score_gives_every_term_raw_and_goes_on(cli):  # noqa: F811
    text = "CC(=O)Oc1ccccc1C(=O)O aspirin\nc1ccc\n\nCCO\n"
    out, _ = cli("score", "molecule", "-", "--json", "--set", "target=CCO", stdin=text, status=1)
    aspirin, broken, ethanol = map(json.loads, out.splitlines())
    assert aspirin["canonical"] == "CC(=O)Oc1ccccc1C(=O)O"
    assert aspirin["terms"]["log_p"] == pytest.approx(1.3101, abs=1e-4)
    assert aspirin["terms"]["molecular_weight"] == pytest.approx(180.159, abs=1e-3)
    assert aspirin["terms"]["required"] is None
    assert ethanol["terms"]["similarity"] == 1
    assert (broken["valid"], broken["canonical"], broken["line"]) == (False, None, 2)
    assert "ring 1 is opened and never closed" in broken["error"]


def test_sample_evaluate_and_tune(cli):  # noqa: F811
    out, _ = cli("sample", "prior:molecule", "-n", "3", "--json")
    assert all(isinstance(json.loads(line)["smiles"], str) for line in out.splitlines())
    found = last_json(cli("evaluate", "prior:molecule", "-n", "200", "--json")[0])["metrics"]
    assert found["valid"] > 0.9
    assert found["novel"] > 0.6
    arguments = ("--updates", "2", "--override", "batch=16", "--rewards", "none", "--weight", "qed=40", "--json")
    summary = last_json(cli("tune", "molecule", *arguments)[0])
    assert summary["domain"] == "molecule"
    assert summary["updates"] == 2
    _, error = cli("tune", "molecule", "--weight", "similarity=5", "--updates", "1", status=1)
    assert "give a target molecule" in error


def test_evaluation_measures_what_the_weights_ask_for(network: RecurrentNetwork) -> None:
    """A domain that has scored nothing yet does not measure QED of itself."""
    found = evaluate(Policy(Molecule(), network), Objective(Molecule(), {"qed": 1.0}, 1.0), 64)
    assert found["reward"] == pytest.approx(found["metrics"]["qed_all"], abs=1e-6)
    assert found["reward"] > 0.5
