"""The comparisons with public implementations, as far as they need none."""

import re
import sys

import pytest

from benchmarks import public_melodies, public_molecules
from benchmarks.other_python import said_by


@pytest.mark.parametrize("script", ["public_melody_steps.py", "public_molecule_steps.py"])
@pytest.mark.parametrize(("python", "why"), [(sys.executable, "No module named"), ("no/such/python", "No such file")])
def test_an_environment_without_the_public_implementation_is_told_at_once(python: str, why: str, script: str) -> None:
    with pytest.raises(SystemExit, match=f"{re.escape(python)} can.*{why}.*--help says how"):
        said_by(python, script, "q")


def test_a_ratio_is_of_medians_and_what_the_public_one_lacks_stands_beside_its_q() -> None:
    found = {
        "cores": 2,
        "versions": {"torch": "2"},
        "seconds": 1.0,
        "rounds": 3,
        "ours": {"psi": [1000.0, 3000.0, 2000.0], "trajectory_balance": [4000.0]},
        "public": {"q": [20.0], "psi": [10.0, 5.0, 90.0]},
        "public_evaluating": {"q": [10.0], "psi": [4.0]},
    }
    lines = public_melodies.table(found)
    assert "| psi | 2,000 | 10 | 200 | 4 | 500 |" in lines
    assert "| trajectory_balance, beside its q | 4,000 | 20 | 200 | 10 | 400 |" in lines


def test_molecules_a_second_are_medians_beside_the_public_ones() -> None:
    rounds = [{"molecules_per_second": rate, "tokens": 36.0} for rate in (900.0, 300.0, 1200.0)]
    public = [{"molecules_per_second": rate, "tokens": 35.0, "valid": 0.9} for rate in (300.0, 400.0, 200.0)]
    found = {"cores": 2, "versions": {"torch": "2"}, "seconds": 1.0, "rounds": 3}
    lines = public_molecules.table({**found, "figures": {public_molecules.PUBLIC: public, "Psi": rounds}})
    assert "| Psi | 900 | 3.0 | 36 |" in lines
