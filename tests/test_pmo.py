"""The benchmark PMO: its oracles, its table, and a short run.

pmo_values.json holds what the oracles of PyTDC 1.1.15 say of 46 molecules, on RDKit 2023.9.6: targets, molecules of
ZINC, and some that have what a task asks for. On 1,000 molecules of ZINC and targets both agreed to 1e-15.
"""

import json
import statistics
from pathlib import Path

import pytest
from rdkit import Chem

from benchmarks.pmo.__main__ import VARIANTS, ablation, table
from benchmarks.pmo.oracles import COMPARABLE, TASKS, oracle
from benchmarks.pmo.run import OracleMolecule, run
from seqtutor_core.domains.molecule import MoleculeSettings

VALUES = json.loads(Path(__file__).with_name("pmo_values.json").read_text())


@pytest.mark.parametrize("task", TASKS)
def test_oracles_agree_with_another_implementation(task: str) -> None:
    molecules = [Chem.MolFromSmiles(smiles) for smiles in VALUES["smiles"]]
    assert [oracle(task)(each) for each in molecules] == pytest.approx(VALUES[task], abs=1e-6)


def test_every_task_that_rdkit_can_score_is_there() -> None:
    assert set(VALUES) - {"smiles"} == set(TASKS)
    assert len(COMPARABLE) == 16
    assert sum(TASKS[name].reinvent for name in COMPARABLE) == pytest.approx(9.718, abs=1e-3)
    assert sum(TASKS[name].graph_ga for name in COMPARABLE) == pytest.approx(9.077, abs=1e-3)


def test_the_table_puts_means_beside_published_figures() -> None:
    lines = [
        {"task": "qed", "auc_top10": 0.9},
        {"task": "qed", "auc_top10": 0.94},
        {"task": "zaleplon_mpo", "auc_top10": 0.5},
    ]
    rows = table(lines).splitlines()
    assert "| qed | 2 | 0.920 | 0.028 | 0.941 | 0.940 | 0.938 |" in rows
    assert "| zaleplon_mpo * | 1 | 0.500 |  | 0.358 | 0.346 | 0.072 |" in rows
    assert rows[-1] == "| sum of 1 comparable | | 0.920 | | 0.941 | 0.940 | 0.938 |", "the other does not compare"


def test_a_table_says_what_each_ingredient_adds() -> None:
    runs = [(0.9, {}), (0.8, {}), *((0.7, overrides) for overrides in VARIANTS.values() if overrides)]
    lines = [{"task": "qed", "auc_top10": auc, "overrides": overrides} for auc, overrides in runs]
    assert ablation(lines, ["qed"]).splitlines() == [
        "| rules | qed | sum |",
        "|---|---|---|",
        "| all | 0.850 | 0.85 |",
        *(f"| {name} | 0.700 | 0.70 |" for name, overrides in VARIANTS.items() if overrides),
    ]
    with pytest.raises(statistics.StatisticsError):
        ablation(lines, ["qed", "median1"])


@pytest.mark.slow
def test_a_run_uses_its_calls_and_comes_again() -> None:
    first, second = (run("qed", 3, "molecule-zinc", 70, 150.0, {"updates": 1, "children": 2}) for _ in range(2))
    assert first["calls"] == 70
    assert 0 < first["auc_top10"] < first["top10"] < 0.95
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_what_rdkit_cannot_read_back_scores_nothing() -> None:
    domain = OracleMolecule("qed", MoleculeSettings())
    assert domain._pay("c1ccn") == 0.0 == domain.paid["c1ccn"]
    assert domain._pay("CCO") == pytest.approx(oracle("qed")(Chem.MolFromSmiles("CCO")))
