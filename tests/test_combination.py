"""A weighted geometric mean instead of the sum: by hand, at the edges, refused in words, and unlike a sum of means."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from seqtutor_core.config import Change, TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.domains.molecule.desirability import DEFAULT_DESIRABILITIES, MEAN_DESIRABILITIES, Desirability
from seqtutor_core.domains.molecule.terms import TERMS
from seqtutor_core.errors import SettingError
from seqtutor_core.library import load_prior, prepare_tuning
from seqtutor_core.objective import GEOMETRIC_MEAN, Objective
from seqtutor_core.preview import draw_preview
from seqtutor_core.runs import run_loop
from seqtutor_core.runs.policies import objective_of
from seqtutor_core.runs.store import create_run
from seqtutor_core.tuning import iterate
from tests.running import OFTEN

WEIGHTS = {"qed": 6.0, "tpsa": 2.0}


def mean_of(weights: dict[str, float], **settings: object) -> Objective:
    return Objective(Molecule(MoleculeSettings(**settings)), weights, 1.0, GEOMETRIC_MEAN)  # type: ignore[arg-type]


def rows(objective: Objective, *given: dict[str, float]) -> torch.Tensor:
    return torch.tensor([[one.get(name, 0.0) for name in objective.weights] for one in given], dtype=torch.float64)


def test_by_hand() -> None:
    objective = mean_of(WEIGHTS)
    terms = rows(objective, {"qed": 0.5, "tpsa": 0.25}, {"qed": 0.5}, {"qed": 1.0, "tpsa": 1.0}, {})
    assert objective.reward(terms).tolist() == pytest.approx([8 * 0.5**0.75 * 0.25**0.25, 0, 8, 0])
    assert objective.effects(terms[0].tolist())[:1] == [pytest.approx(0.5**0.75)]
    assert objective.highest_reward == pytest.approx(8 * 0.94845**0.75)


def test_one_term_is_worth_what_it_is_in_the_sum_and_no_weight_is_worth_nothing() -> None:
    one = mean_of({"qed": 6.0})
    terms = rows(one, {"qed": 0.3, "similarity": 0.0, "alerts": -4.0})
    assert one.reward(terms).item() == pytest.approx(one.replace(combination="weighted_sum").reward(terms).item())
    assert mean_of({}).reward(terms).item() == 0
    assert one.reward(terms.float()).dtype == torch.float32


def test_the_mean_of_rewards_is_not_the_reward_of_means() -> None:
    objective = mean_of({"qed": 1.0, "tpsa": 1.0})
    sums = rows(objective, {"qed": 1.0}, {"tpsa": 1.0})
    assert objective.mean_reward(sums) == 0
    assert objective.replace(combination="weighted_sum").mean_reward(sums) == 1


def test_what_has_no_geometric_mean_is_named() -> None:
    with pytest.raises(SettingError, match=r"values from 0 to 1.*Lipophilicity.*alerts; give each a shape"):
        mean_of({"qed": 1.0, "log_p": 1.0, "alerts": 1.0})
    with pytest.raises(SettingError, match="no weights below 0: Weight"):
        mean_of({"molecular_weight": -1.0})
    with pytest.raises(SettingError, match="come step by step, and have no geometric mean; choose weighted_sum"):
        Objective(build_domain("melody"), {"key": 1.0}, 1.0, GEOMETRIC_MEAN)
    with pytest.raises(SettingError, match="no combination named 'product'"):
        Objective(Molecule(), {}, 1.0, "product")


def test_the_shapes_on_offer_give_every_term_a_geometric_mean() -> None:
    shapes = {name: shape for name, shape in MEAN_DESIRABILITIES.items() if shape.kind != "raw"}
    objective = mean_of(dict.fromkeys((term.name for term in TERMS), 1.0), shapes=shapes)
    assert objective.highest_reward == pytest.approx(len(TERMS), rel=0.01)
    assert set(MEAN_DESIRABILITIES) == set(DEFAULT_DESIRABILITIES)


def test_an_invalid_molecule_earns_nothing_whatever_costs_it_avoids() -> None:
    domain = Molecule(MoleculeSettings(shapes={"alerts": MEAN_DESIRABILITIES["alerts"], "too_short": NONE}))
    tokens = torch.tensor([[*domain.tokens.encode("C1CC"), domain.tokens.end]])
    objective = Objective(domain, {"alerts": 1.0, "too_short": 1.0}, 1.0, GEOMETRIC_MEAN)
    assert objective.reward(domain.score(tokens, torch.tensor([5])).sum(1)).tolist() == [0.0]


NONE = MEAN_DESIRABILITIES["too_short"]


@pytest.mark.parametrize(
    ("shape", "value", "wanted"),
    [
        (Desirability("gaussian", 3.0, 3.0, 0.5), 2.5, math.exp(-0.5)),
        (Desirability("gaussian", 1.0, 3.0, 0.5), 2.0, 1.0),
        (Desirability("gaussian_higher", 0.0, 100.0, 10.0), 80.0, math.exp(-2.0)),
        (Desirability("gaussian_higher", 0.0, 100.0, 10.0), 180.0, 1.0),
        (Desirability("gaussian_lower", 4.0, 1.0, 1.0), 5.0, math.exp(-0.5)),
        (Desirability("gaussian_lower", 4.0, 1.0, 1.0), -5.0, 1.0),
        (Desirability("gaussian", 3.0, 3.0, 0.0), 3.1, 0.0),
        (Desirability("gaussian", 3.0, 3.0, 1e-3), 1e300, 0.0),
    ],
)
def test_bell_shapes(shape: Desirability, value: float, wanted: float) -> None:
    assert shape(np.array([value])) == pytest.approx(wanted)


# ---------------------------------------------------------------- preview, run


@pytest.mark.slow
def test_a_run_takes_it_over_while_it_learns_and_a_checkpoint_keeps_it() -> None:
    config = TuningConfig("molecule", "molecule", weights={"qed": 5.0, "validity": 5.0}, updates=9)
    tuner = prepare_tuning(config)
    tuner.apply(Change(combination=GEOMETRIC_MEAN))
    line = iterate(tuner).to_json()
    assert line["combination"] == GEOMETRIC_MEAN and 0 < line["reward"] < 10
    tuner.apply(Change(weights={"log_p": 1.0}))
    assert "Lipophilicity" in tuner.message and dict(tuner.objective.weights)["qed"] == 5.0
    again = prepare_tuning(config)
    again.load_state_dict(*tuner.state_dict())
    assert again.objective == tuner.objective


@pytest.mark.slow
def test_a_living_run_hears_of_another_combination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its line, its reward, what its folder says of the objective, and one that has no mean, which changes nothing."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    few = {"batch": 16, "minibatch": 16, "replay_steps": 2048}
    run = create_run(
        TuningConfig("molecule", "molecule", weights={"qed": 5.0, "validity": 5.0}, updates=4, overrides=few)
    )
    asked = {1: Change(combination=GEOMETRIC_MEAN), 2: Change(weights={"qed": 5.0, "log_p": 1.0})}

    def between_updates() -> bool:
        if change := asked.pop(len(run.metrics()[0]), None):
            run.change(change)
        return False

    with FileLock(run.folder / "worker.lock"):
        assert run_loop.execute_run(run, between_updates, cadence=replace(OFTEN, gauge_share=0.0)) == 0
    lines = run.metrics()[0]
    assert [line["combination"] for line in lines] == ["weighted_sum"] * 2 + [GEOMETRIC_MEAN] * 2
    assert [line["changed"] for line in lines] == [[], [], ["combination"], []]
    qed, valid = (lines[2]["terms"][name] for name in ("qed", "validity"))
    assert lines[1]["reward"] > 5 and 0 < lines[2]["reward"] < 5 * qed + 5 * valid
    objective = objective_of(run.config, lines)
    assert objective.combination == GEOMETRIC_MEAN and not objective.weights.get("log_p")
    assert run.status.summary is not None and run.status.summary["combination"] == GEOMETRIC_MEAN


@pytest.mark.slow
def test_a_preview_says_which_term_is_0_everywhere() -> None:
    shapes = {"molecular_weight": Desirability("range", 5000.0, 6000.0)}
    objective = mean_of({"qed": 5.0, "molecular_weight": 5.0}, shapes=shapes)
    found = draw_preview(load_prior("molecule"), objective, n=16)
    assert found.zero == ("Weight",)
    assert not found.samples.reward.any()
    assert not draw_preview(load_prior("molecule"), objective.replace(combination="weighted_sum"), n=16).zero
