"""The comparison with the public implementation, as far as it needs none."""

import re
import sys

import pytest

from benchmarks.public import public_rate, table


@pytest.mark.parametrize(("python", "why"), [(sys.executable, "No module named"), ("no/such/python", "No such file")])
def test_an_environment_without_the_public_implementation_is_told_at_once(python: str, why: str) -> None:
    with pytest.raises(SystemExit, match=f"{re.escape(python)} can.*{why}.*--help says how"):
        public_rate(python, "q", 1.0)


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
    lines = table(found)
    assert "| psi | 2,000 | 10 | 200 | 4 | 500 |" in lines
    assert "| trajectory_balance, beside its q | 4,000 | 20 | 200 | 10 | 400 |" in lines
