"""The molecule domain: what each term pays by hand, desirability, state, live figures, alarms."""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import QED
from rdkit.Chem.Crippen import MolLogP  # type: ignore[attr-defined]  # rdkit makes it at run time

from seqtutor_core.chemistry.diversity import diversity
from seqtutor_core.chemistry.pool import shared
from seqtutor_core.chemistry.property_query import SCAFFOLD, Measurement, PropertyQuery
from seqtutor_core.chemistry.tokens import MOSES, TOKENS
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.domains.molecule.alarms import alarms
from seqtutor_core.domains.molecule.desirability import Desirability
from seqtutor_core.domains.molecule.metrics import metrics
from seqtutor_core.domains.molecule.statistics import LABELS, central_range, distance, histogram, quantiles
from seqtutor_core.domains.molecule.terms import QED_HIGHEST, TERM_PROPERTIES
from seqtutor_core.domains.molecule.training_set import in_training_set
from seqtutor_core.errors import SettingError, TokenError
from seqtutor_core.objective import Objective

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
CELECOXIB = "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"
BROKEN = "c1ccccc"


def batch(*molecules: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens (B, MOSES.longest), ended and padded with the end, and lengths (B,)."""
    ids = [[*MOSES.encode(m), MOSES.end] for m in molecules]
    tokens = torch.tensor([row + [MOSES.end] * (MOSES.longest - len(row)) for row in ids])
    return tokens, torch.tensor([len(row) for row in ids])


def paid(molecule: Molecule, *molecules: str) -> list[dict[str, float]]:
    """What each molecule is paid by term, summed over steps."""
    sums = molecule.score(*batch(*molecules)).sum(1).tolist()
    return [dict(zip([t.name for t in molecule.terms], row, strict=True)) for row in sums]


# ---------------------------------------------------------------- rewards


def test_everything_is_paid_at_the_last_step() -> None:
    molecule = Molecule()
    molecule.set_active_terms({"qed": 1.0})
    tokens, lengths = batch(ASPIRIN, BROKEN)
    terms = molecule.score(tokens, lengths)
    assert terms.shape == (2, MOSES.longest, len(molecule.terms))
    last = terms[torch.arange(2), lengths - 1]
    assert torch.equal(terms.sum(1), last)
    assert last[0].abs().sum() > 0


def test_the_papers_terms_by_hand() -> None:
    molecule = Molecule()
    molecule.set_active_terms(molecule.paper_weights)
    aspirin, broken, big, chain, short = paid(
        molecule, ASPIRIN, BROKEN, "C1CCCCCCCCC1C(=O)NCc1ccccc1", "CCCCCCCCCCc1ccccc1NC(=O)CC", "CCO"
    )
    mol = Chem.MolFromSmiles(ASPIRIN)
    assert aspirin["validity"] == 1
    assert aspirin["log_p"] == pytest.approx(MolLogP(mol), abs=1e-5) == pytest.approx(1.3101, abs=1e-3)
    assert aspirin["qed"] == pytest.approx(QED.qed(mol), abs=1e-5) == pytest.approx(0.5501, abs=1e-3)
    assert -2 < aspirin["synthetic_accessibility"] < -1  # the published score of aspirin is 1.58
    assert (aspirin["ring_penalty"], aspirin["carbon_chain"]) == (0, 0)
    assert big["ring_penalty"] == -4  # a ring of ten
    assert chain["carbon_chain"] == -1
    assert short["too_short"] == -1  # four tokens with the end
    assert aspirin["too_short"] == -0.125  # 22 tokens
    assert set(broken.values()) == {0.0, -1.0}
    assert broken["too_short"] == -1


def test_a_sequence_that_never_ends_is_no_molecule() -> None:
    molecule = Molecule()
    tokens = torch.zeros(1, MOSES.longest, dtype=torch.long)
    assert molecule.score(tokens, torch.tensor([MOSES.longest]))[0, -1].tolist()[:1] == [0.0]
    assert molecule.measurements(tokens, torch.tensor([MOSES.longest]))[0].error


def test_what_nobody_weights_is_not_measured_until_somebody_does() -> None:
    molecule = Molecule()
    assert paid(molecule, CELECOXIB)[0]["alerts"] == 0
    assert not molecule.set_active_terms({"log_p": 1.0})
    assert molecule.set_active_terms({"qed": 2.0})
    assert paid(molecule, CELECOXIB)[0]["qed"] == pytest.approx(QED.qed(Chem.MolFromSmiles(CELECOXIB)), abs=1e-5)


def test_target_and_substructures() -> None:
    molecule = Molecule(
        MoleculeSettings(target=(CELECOXIB,), required=("S(=O)(=O)N", "[Br]"), forbidden=("C(F)(F)F", "c1ccccc1"))
    )
    celecoxib, aspirin = paid(molecule, CELECOXIB, ASPIRIN)
    assert celecoxib["similarity"] == 1
    assert aspirin["similarity"] < 0.3
    assert (celecoxib["required"], celecoxib["forbidden"]) == (0.5, -2)
    assert (aspirin["required"], aspirin["forbidden"]) == (0, -1)


@pytest.mark.parametrize("term", ["similarity", "required", "forbidden"])
def test_a_weight_without_a_query_says_so(term: str) -> None:
    with pytest.raises(SettingError, match="nothing to go by"):
        Molecule().set_active_terms({term: 1.0})


def test_novelty_is_against_the_training_set() -> None:
    trained = Chem.MolToSmiles(Chem.MolFromSmiles("CC(C)(C)C(=O)C(Oc1ccc(Cl)cc1)n1ccnc1"))  # its second molecule
    assert in_training_set("moses", [Measurement("", trained), Measurement("", CELECOXIB)]).tolist() == [True, False]
    assert in_training_set("moses", []).tolist() == []
    assert paid(Molecule(), CELECOXIB)[0]["novelty"] == 1


def test_the_stereoisomer_of_a_training_molecule_is_not_novel() -> None:
    """MOSES writes no stereochemistry."""
    isomers = [f"CC(C)(C)C(=O)[C{turn}H](Oc1ccc(Cl)cc1)n1ccnc1" for turn in ("@", "@@")]
    other = "CC(C)(C)C(=O)[C@H](Oc1ccc(Cl)cc1)n1cccc1CCCl"
    lines = [*Molecule().score_lines([*isomers, other])]
    assert [line["terms"]["novelty"] for line in lines] == [0, 0, 1]
    assert lines[0]["canonical"] != lines[1]["canonical"]
    measurements = shared().measure([*isomers, other], PropertyQuery(), frozenset(LABELS) | {SCAFFOLD, "largest_ring"})
    assert metrics("moses", measurements)["novel"] == pytest.approx(1 / 3)
    again = shared().measure(isomers[:1], PropertyQuery(), frozenset({"tpsa"}))[0]
    assert "@" in again.canonical and "@" not in again.graph  # from memory, too


def test_a_training_molecule_whose_atoms_are_numbered_is_not_novel() -> None:
    numbered = "[CH3:1]C(C)(C)C(=O)C(O[c:2]1ccc(Cl)cc1)n1ccnc1"
    [line] = Molecule().score_lines([numbered])
    assert line["terms"]["novelty"] == 0


def test_scaffolds_seen_often_pay_less_and_a_checkpoint_remembers_them() -> None:
    molecule = Molecule(MoleculeSettings(bucket=4))
    other, third = "c1ccccc1CCOCC", "C1CCNCC1CCO"
    assert paid(molecule, ASPIRIN)[0]["scaffold_diversity"] == 0
    for _ in range(3):
        molecule.observe(*batch(ASPIRIN, BROKEN))
    again = Molecule(MoleculeSettings(bucket=4))
    again.load_state_dict(json.loads(json.dumps(molecule.state_dict())))
    for each in (molecule, again):
        values = [row["scaffold_diversity"] for row in paid(each, ASPIRIN, other, third)]
        assert values == [-0.75, -0.75, 0]  # benzene was seen three times, piperidine never
    before = molecule.snapshot()
    molecule.observe(*batch(ASPIRIN, third))
    assert molecule.state_dict(before) == again.state_dict() != molecule.state_dict()


def test_a_prefix_belongs_to_the_molecule() -> None:
    molecule = Molecule(MoleculeSettings(prefix="CC(=O)Oc1ccccc1"))
    assert molecule.primer == tuple(MOSES.encode("CC(=O)Oc1ccccc1"))
    tokens, lengths = batch("C(=O)O")
    assert molecule.measurements(tokens, lengths)[0].canonical == ASPIRIN
    assert molecule.to_json(MOSES.encode("C(=O)O")) == {"smiles": ASPIRIN}


# ---------------------------------------------------------------- settings and shapes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"shapes": {"log_p": {"kind": "range", "low": 4, "high": 1}}}, "upside down"),
        ({"shapes": {"log_p": {"kind": "bell"}}}, "no shape named 'bell'"),
        ({"shapes": {"log_p": {"kind": "range", "soft": -1}}}, "soft edge of -1"),
        ({"shapes": {"log_p": {"kind": "higher", "low": float("nan")}}}, "finite"),
        ({"shapes": {"log_p": {"colour": 1}}}, "kind, low, high, soft"),
        ({"shapes": {"novelty": {"kind": "raw"}}}, "no shape for novelty"),
        ({"bucket": 0}, "bucket"),
        ({"length": 4}, "length"),
        ({"catalogues": ["NOPE"]}, "NOPE"),
        ({"required": ["C"] * 21}, "at most 20"),
        ({"taste": 1}, "no molecule setting named taste"),
    ],
)
def test_settings_that_break_a_rule_say_so(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        build_domain("molecule", values)


def test_a_prefix_of_other_tokens_is_refused() -> None:
    with pytest.raises(TokenError, match="Si"):
        MoleculeSettings(prefix="C[Si]")


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        (Desirability("raw"), {-3.5: -3.5, 7: 7}),
        (Desirability("higher", 1, 3), {0: 0, 1: 0, 2: 0.5, 3: 1, 9: 1}),
        (Desirability("lower", 1, 3), {0: 1, 1: 1, 2: 0.5, 3: 0, 9: 0}),
        (Desirability("range", 1, 3, 2), {-1: 0, 0: 0.5, 1: 1, 2: 1, 3: 1, 4: 0.5, 5: 0, 6: 0}),
        (Desirability("range", 2, 2, 0), {1.9: 0, 2: 1, 2.1: 0}),
    ],
)
def test_shapes(shape: Desirability, points: dict[float, float]) -> None:
    assert shape(np.array([*points])) == pytest.approx([*points.values()])
    assert np.isnan(shape(np.array([np.nan])))


def test_a_shape_turns_the_property_into_a_wish() -> None:
    raw, ranged = (
        Molecule(),
        Molecule(MoleculeSettings.of({"shapes": {"log_p": {"kind": "range", "low": 2, "high": 3, "soft": 1.0}}})),
    )
    value = paid(raw, ASPIRIN)[0]["log_p"]
    assert paid(ranged, ASPIRIN)[0]["log_p"] == pytest.approx(1 - (2 - value), abs=1e-5)
    assert paid(ranged, BROKEN)[0]["log_p"] == 0


# ---------------------------------------------------------------- bounds


def test_no_molecule_has_a_higher_qed_than_its_bound() -> None:
    """Each of the eight properties at its best, the counts as whole numbers, as rdkit.Chem.QED puts them together."""
    grids = {"MW": np.linspace(0, 1000, 100_001), "ALOGP": np.linspace(-20, 20, 100_001)}
    grids["PSA"] = np.linspace(0, 500, 100_001)
    best = [
        max(QED.ads(x, parameter) for x in grids.get(name, np.arange(100)))
        for name, parameter in QED.adsParameters.items()
    ]
    weights = np.array(QED.WEIGHT_MEAN)
    highest = math.exp((weights * np.log(best)).sum() / weights.sum())
    assert highest < QED_HIGHEST < highest + 1e-5


def test_terms_stay_within_their_bounds() -> None:
    """Of molecules that are simple, large, alarming, broken and short, whatever the shapes."""
    query = {"target": ASPIRIN, "required": ["C=O"], "forbidden": ["[OH]", "c1ccccc1"]}
    shapes = {"log_p": {"kind": "range", "low": 2, "high": 3, "soft": 1.0}, "qed": {"kind": "higher"}}
    for molecule in (Molecule(MoleculeSettings.of(query)), Molecule(MoleculeSettings.of({"shapes": shapes}))):
        molecule.set_active_terms(
            dict.fromkeys((name for name in TERM_PROPERTIES if TERM_PROPERTIES[name] in molecule.query.answerable), 1.0)
        )
        tokens = batch(ASPIRIN, CELECOXIB, BROKEN, "CCO", "C1CCCCCCCCC1CCCCCCCCCC", "O=C1C=CC(=O)C=C1")
        molecule.observe(*tokens)
        sums = molecule.score(*tokens).sum(1)
        for term, values in zip(molecule.terms, sums.T.tolist(), strict=True):
            assert all(term.bounds[0] <= value <= term.bounds[1] for value in values), term.name


def test_what_was_measured_of_the_last_two_rollouts_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    molecule, rollouts = Molecule(), [batch(ASPIRIN, BROKEN), batch("CCO", "CCN"), batch("CCC", "CC")]
    before = [molecule.score(*each) for each in rollouts]
    for each in rollouts:
        molecule.measure(*each)
    monkeypatch.setattr(molecule, "smiles", None)  # from here on nothing can be decoded
    for each, terms in [*zip(rollouts, before, strict=True)][1:]:
        assert torch.equal(molecule.score(*each), terms)
    assert torch.equal(molecule.score(*batch("CCC", "CC")), before[2]), "other tensors, the same tokens"
    assert molecule.identities(*rollouts[1]) == ["CCO", "CCN"] and molecule.observe(*rollouts[1])["valid"] == 1
    rollouts[2][0].fill_(0)  # it was copied
    for other in (rollouts[0], rollouts[2], batch("CCC", "C")):  # older; written over; never measured
        with pytest.raises(TypeError):
            molecule.score(*other)


def test_a_weight_that_asks_for_more_has_it_measured() -> None:
    molecule, tokens = Molecule(), batch(ASPIRIN)
    molecule.measure(*tokens)
    assert molecule.set_active_terms({"qed": 1.0})
    assert molecule.measurements(*tokens)[0].values["qed"] > 0.5


def highest_reward(molecule: Molecule, weights: dict[str, float]) -> float:
    return Objective(molecule, weights, 1.0).highest_reward


def test_the_highest_reward_of_a_molecule() -> None:
    weights = {"qed": 40.0, "validity": 20.0, "too_short": 20.0, "alerts": 5.0}
    assert highest_reward(Molecule(), weights) == pytest.approx(40 * QED_HIGHEST + 20)
    assert highest_reward(Molecule(), {"alerts": -5.0}) == math.inf
    assert highest_reward(Molecule(), {"log_p": 1.0}) == math.inf
    wished = Molecule(MoleculeSettings.of({"shapes": {"log_p": {"kind": "higher"}, "qed": {"kind": "higher"}}}))
    assert highest_reward(wished, {"log_p": 3.0, "qed": 2.0}) == 5.0


# ---------------------------------------------------------------- figures


def measurement(canonical: str, scaffold: str = "", **values: float) -> Measurement:
    return Measurement(canonical, canonical, "" if canonical else "broken", scaffold, values)


def test_metrics_by_hand() -> None:
    of = {"log_p": 1.0, "qed": 0.5, "sa_score": 2.0, "largest_ring": 8.0, "molecular_weight": 300.0}
    found = metrics(
        "moses",
        [
            measurement("CCO", "", **of),
            measurement("CCO", "", **of),
            measurement("c1ccccc1", "c1ccccc1", **{**of, "log_p": 4.0}),
            measurement(""),
        ],
    )
    assert found["valid"] == 0.75
    assert found["unique"] == pytest.approx(2 / 3)
    assert found["scaffolds"] == pytest.approx(2 / 3)
    assert (found["log_p"], found["log_p_all"]) == (2.0, 1.5)
    assert (found["synthetic_accessibility"], found["ring_penalty"]) == (-2, -2)
    assert (found["synthetic_accessibility_all"], found["ring_penalty_all"]) == (-1.5, -1.5)
    nothing = metrics("moses", [measurement("")])
    assert nothing["valid"] == 0
    assert {v for k, v in nothing.items() if k != "valid"} == {None}


def test_diversity_by_hand() -> None:
    assert diversity(["CCO", "CCO"]) == 0
    assert diversity(["CCO"]) is None
    assert diversity(["CCO", "c1ccccc1"]) == 1  # no common environment


@pytest.mark.parametrize("corpus", TOKENS)
def test_statistics_are_a_distribution(corpus: str) -> None:
    for name in LABELS:
        spread = quantiles(corpus, name)
        assert (np.diff(spread) >= 0).all()
        low, high = central_range(corpus, name)
        assert spread[0] <= low <= high <= spread[-1]
        assert sum(histogram(corpus, name, np.linspace(spread[0], spread[-1], 30).tolist())) == pytest.approx(
            1, abs=0.02
        )
    held_out = quantiles(corpus, "log_p", "held_out").tolist()
    assert distance(corpus, "log_p", held_out) < 0.02 * np.std(held_out)
    assert distance(corpus, "log_p", [x + 0.5 for x in held_out]) == pytest.approx(0.5, abs=0.02)


def line(distinct: float = 1.0, **figures: float) -> dict[str, Any]:
    usual = {
        "recent": 1024.0,
        "valid": 0.97,
        "unique": 1.0,
        "novel": 0.9,
        "scaffolds": 600.0,
        "chains": 0.0,
        "log_p": 2.4,
    }
    return {"distinct": distinct, "figures": {**usual, **figures}}


@pytest.mark.parametrize(
    ("now", "title"),
    [
        (line(valid=0.8), "Validity fell from 97% to 80%"),
        (line(distinct=0.3), "Only 30%"),
        (line(scaffolds=40.0), "40 scaffolds"),
        (line(chains=0.3), "30% of the molecules carry a long carbon chain"),
        (line(log_p=9.0), "The mean log P is 9"),
    ],
)
def test_alarms(now: dict[str, Any], title: str) -> None:
    found = alarms(MOSES, [line(), now])
    assert [a.title[: len(title)] for a in found] == [title]
    assert found[0].advice.endswith(".")


def test_no_alarm_without_cause_or_before_there_is_much_to_see() -> None:
    assert alarms(MOSES, []) == alarms(MOSES, [line()]) == alarms(MOSES, [line(), line()]) == []
    assert alarms(MOSES, [line(), line(recent=10.0, valid=0.1)]) == []
