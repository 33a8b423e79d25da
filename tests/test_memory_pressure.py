"""Who goes first when memory runs out: what can be replaced, before the server."""

import sys
from pathlib import Path

import pytest

from seqtutor_core.chemistry.workbench import Workbench
from seqtutor_core.memory_pressure import end_this_first
from seqtutor_core.runs import launcher
from tests.running import small, tiny_prior, wait_for


@pytest.mark.parametrize(("before", "after"), [("0\n", "500"), ("800\n", "1000"), ("-200\n", "300"), ("odd", "odd")])
def test_the_score_rises_by_half_of_all_memory_and_not_beyond_the_highest(
    tmp_path: Path, before: str, after: str
) -> None:
    score = tmp_path / "score"
    score.write_text(before)
    end_this_first(score)
    assert score.read_text() == after


def test_another_system_has_none(tmp_path: Path) -> None:
    end_this_first(tmp_path / "score")
    assert not (tmp_path / "score").exists()


def score(pid: int | str) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux asks processes")
def test_runs_and_what_measures_molecules_go_before_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "home"))
    higher = min(1000, score("self") + 500)
    bench = Workbench()
    bench.run("molecule", {"text": "CCO"})
    assert [score(pid) for pid in bench.pids] == [higher]
    bench.close()
    run = launcher.start(small(tiny_prior(tmp_path / "prior"), updates=10**6))
    wait_for(lambda: run.status.pid is not None and score(run.status.pid) == higher, run)
    launcher.stop(run)
    wait_for(lambda: not run.alive, run)
