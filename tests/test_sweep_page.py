"""A search from the page of all runs: the form, the command that it starts, and how searches stand."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pages.ui.runs import sweep
from seqtutor_core.cli.main import main
from seqtutor_core.config import TuningConfig
from seqtutor_core.environment import SLOTS, VISITOR
from seqtutor_core.errors import RunError, SettingError
from seqtutor_core.runs import launcher, owner
from seqtutor_core.runs.store import all_runs
from seqtutor_core.sweeps import background
from seqtutor_core.sweeps.folder import all_sweeps, open_sweep
from seqtutor_core.sweeps.plan import read_plan
from tests.paging import opened, press, texts
from tests.running import execute, small, tiny_prior
from tests.sweeping import writer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_home")]  # draws pages


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """Commands that were started, with their environments; they do nothing."""
    found: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, env, **_: found.append((command, env)))
    return found


def form() -> Any:
    page = opened("runs")
    page.session_state[sweep.FORM] = True
    page = page.run()
    assert not page.exception
    return page


def test_the_form_starts_the_command_with_a_file_that_says_what_varies(asked: list[Any]) -> None:
    page = form()
    page.multiselect(key="sweep-names").set_value(["c", "learner", "seed", "weights.motif"]).run()
    page.number_input(key="sweep-points").set_value(7)
    page.selectbox(key="sweep-seconds").set_value(30)
    page.slider(key="sweep-melody-weights.motif").set_value((5.0, 20.0)).run()
    press(page, "sweep-start")
    assert not page.exception and not page.error, texts(page.error)
    ((command, environment),) = asked
    assert command[1:4] == ["-m", "seqtutor_core", "sweep"] and command[5:] == ["--slots", command[6]]
    assert environment[VISITOR].startswith("browser ")
    plan = read_plan(Path(command[4]))
    plan.check()
    assert plan.search.size == 7 and plan.base["seconds"] == 30 and plan.base["rewards"] == "none"
    kinds = {name: (each.kind, each.values) for name, each in plan.search.ranges.items()}
    assert kinds["weights.motif"] == ("uniform", (5.0, 20.0)) and kinds["seed"] == ("int", (0, 9))
    assert kinds["learner"][0] == "categorical" and kinds["kl_coefficient"][0] == "log"
    (folder,) = all_sweeps()
    assert background.phase(folder) == "beginning" and "Its command begins" in texts(page.caption)
    (bar,) = page.get("progress")
    assert folder.name in bar.proto.text.replace("\\", "") and "0 of 7 points done" in bar.proto.text


def test_a_search_shows_its_points_and_belongs_to_who_started_it(
    asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "launch", execute)
    monkeypatch.setenv(VISITOR, "browser me")
    file = writer(tmp_path, tiny_prior(tmp_path))("[search.grid]\nseed = [1, 2]\n")
    assert main(["sweep", str(file)]) == 0
    assert all(owner.owns(run, "", "browser me") for run in all_runs()) and len(all_runs()) == 2
    page = opened("runs").run()
    assert not page.exception
    table = page.dataframe[-1].value
    assert sorted(table["run"]) == sorted(run.id for run in all_runs()) and set(table["state"]) == {"done"}
    assert page.button(key="sweep-stop-some").disabled and page.button(key="sweep-go-on-some").disabled


def test_only_who_started_a_search_stops_it(asked: list[Any], own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SLOTS, "1")
    page = form()
    press(page, "sweep-start")
    (folder,) = all_sweeps()
    with folder.working():
        page.run()
        other = opened("runs").run()
        assert other.button(key=f"sweep-stop-{folder.name}").disabled
        press(page, "sweep-start")
        assert "goes on; let it end" in texts(page.error) and len(asked) == 1
        press(page, f"sweep-stop-{folder.name}")
    assert folder.is_to_stop
    with open(folder.path.with_suffix(".log"), "a") as log:
        log.write("error: out of luck\n")
    page.run()
    assert "Its command has ended: error: out of luck" in texts(page.caption)
    press(page, f"sweep-go-on-{folder.name}")
    assert len(asked) == 2 and asked[0][0][4:] == asked[1][0][4:]


def test_a_command_that_is_asked_to_stop_stops_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = writer(tmp_path, tiny_prior(tmp_path))("[search.grid]\nseed = [1, 2]\n")
    folder = open_sweep(read_plan(file))

    def stopped(run: Any) -> None:
        folder.ask_to_stop()
        run.write_status(replace(run.status, state="stopped", message="stopped"))

    with monkeypatch.context() as patched:
        patched.setattr(launcher, "launch", stopped)
        assert main(["sweep", str(file)]) == 1
    assert "was asked to stop; the same command goes on" in capsys.readouterr().err
    assert not folder.worked_on and folder.point(0).state == "open"
    monkeypatch.setattr(launcher, "launch", execute)
    assert main(["sweep", str(file)]) == 0


def test_settings_survive_the_file_and_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    config = small(tiny_prior(tmp_path), primer=(3, 4), kl_budget=2.5, weights={"key": 1.5})
    settings = {**config.settings, "own": 'a"b\\c\n\u007f é 🎻'.replace("\n", "")}
    odd = replace(config, settings=settings)
    plan = background.plan_of(odd, {"points": 2, "ranges": {"kl_coefficient": {"log": [1.0, 2.0]}}})
    assert plan.base["settings"] == settings and list(plan.base["primer"]) == [3, 4]
    assert plan.base["kl_budget"] == 2.5 and plan.base["weights"] == {"key": 1.5}
    with pytest.raises(SettingError, match="no place for"):
        background.plan_of(TuningConfig("melody", "melody", settings={"length": object()}), {})


def test_a_home_that_takes_no_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TuningConfig("melody", "melody", weights={"key": 1.0})
    plan = background.plan_of(config, {"points": 2, "ranges": {"seed": {"int": [1, 2]}}})
    (tmp_path / "home").write_text("a file")
    with pytest.raises(RunError, match="no sweep can be kept"):
        background.start(plan, "", 1)
