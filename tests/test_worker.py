"""What a worker leaves in a run's folder, and how runs are started; in this process, but for one living run."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from seqtutor_core.config import Change
from seqtutor_core.domains import build_domain
from seqtutor_core.errors import PriorError, RunError, SettingError
from seqtutor_core.priors import load
from seqtutor_core.runs import collapse, launcher, recorder, run_loop, trash, worker
from seqtutor_core.runs.checkpoints import load_checkpoint, save_checkpoint
from seqtutor_core.runs.store import Run, Status, all_runs, create_run, load_policy
from tests.running import OFTEN, execute, executed, small, tiny_prior, updates, wait_for, wait_for_state

TERMS = build_domain("melody").terms


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_prior(tmp_path_factory.mktemp("priors"))


# ---------------------------------------------------------------- what a worker leaves


def test_a_run_ends_with_its_figures(prior: Path) -> None:
    config = small(prior, updates=5)
    run = create_run(config)
    assert execute(run) == 0
    status = run.status
    assert (status.state, status.update, status.device, status.error) == ("finished", 5, "cpu", "")
    summary = status.summary
    assert summary is not None
    wanted = "run domain learner preset combination kl_coefficient kl_budget seconds updates"
    assert [*summary] == [
        *wanted.split(),
        "environment_steps_per_second",
        "shards",
        "reward",
        "kl",
        "entropy",
        "j",
        "distinct",
        "metrics",
        "gauge",
    ]
    assert summary["updates"] == 5
    assert summary["j"] == pytest.approx(summary["reward"] / 4 - summary["kl"])
    assert "not_in_key" in summary["metrics"]

    assert updates(run) == [1, 2, 3, 4, 5]
    line = run.metrics()[0][-1]
    assert line["changed"] == [] and "tokens" not in line
    assert line["time"] > 0 and set(line["terms"]) == {t.name for t in TERMS}
    moments = run.samples()
    assert [m.update for m in moments] == [1, 2, 3, 4, 5]
    assert [len(s) for s in moments[0].sequences] == [16] * recorder.SAMPLES_PER_FILE

    assert len(list((run.folder / "checkpoints").iterdir())) == 1
    tensors = load_checkpoint(run.folder / "checkpoints")
    assert tensors is not None
    policy = load_policy(run)
    for name, value in policy.state_dict().items():
        assert torch.equal(value, tensors.tensors[f"policy.{name}"])
    assert not torch.equal(policy.policy.weight, load(prior.name, prior.parent).network.policy.weight)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_collapsed_run_stops_by_itself_where_that_is_wanted(
    prior: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    monkeypatch.setattr(collapse, "LOW_ENTROPY", 99.0)  # nats a token: this policy counts as collapsed from the start
    run = create_run(small(prior, updates=collapse.PATIENCE + 2, stop_on_collapse=wanted))
    assert execute(run) == 0
    status = run.status
    if wanted:
        assert (status.state, status.update) == ("stopped", collapse.PATIENCE)
        assert status.message == collapse.COLLAPSE_MESSAGE and status.summary is not None
    else:
        assert (status.state, status.update, status.message) == ("finished", collapse.PATIENCE + 2, "")
    load_policy(run)


def test_collapse_is_few_sequences_or_little_entropy_for_some_lines_in_a_row() -> None:
    sound = {"entropy": 1.0, "distinct": 0.8, "changed": []}
    watch = collapse.CollapseDetector()

    def after(*lines: dict[str, Any]) -> bool:
        for line in lines:
            watch.update(sound, {**sound, **line})
        return watch.collapsed

    few, little, moved = {"distinct": 0.39}, {"entropy": 0.1}, {"distinct": 0.39, "changed": ["kl_coefficient"]}
    assert not after(*[{"distinct": 0.41}] * collapse.PATIENCE)
    assert not after(*[few] * (collapse.PATIENCE - 1), sound)
    assert not after(*[little] * (collapse.PATIENCE - 1), moved)
    assert after(*[few, little] * (collapse.PATIENCE // 2))
    assert not after({"distinct": float("nan"), "entropy": float("nan")})


def test_a_finished_run_keeps_little_and_still_goes_on(prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No replay memory, which is most of a checkpoint, and no room for a last word; more seconds begin a new memory."""
    memory = {"batch": 8, "minibatch": 8, "replay_steps": 200_000}
    run = create_run(small(prior, learner="psi", updates=5, overrides=memory))
    whole = run.size
    assert execute(run) == 0
    checkpoint = load_checkpoint(run.folder / "checkpoints")
    assert checkpoint is not None and not [name for name in checkpoint.tensors if name.startswith("replay.")]
    assert not (run.folder / ".reserve").exists() and whole > 60_000
    assert run.size == sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())

    monkeypatch.setattr(launcher, "launch", execute)
    launcher.resume(run, extra_seconds=0.2)
    assert run.state == "finished" and run.status.update > 5 and not run.status.error
    assert load_policy(run).settings.hidden == 16


def test_a_finished_run_goes_on_with_more_seconds_only(prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = create_run(small(prior, updates=3))
    execute(run)
    monkeypatch.setattr(launcher, "launch", execute)
    with pytest.raises(RunError, match="resume it with extra seconds"):
        launcher.resume(run)
    launcher.resume(run, extra_seconds=0.2)
    assert run.state == "finished"
    assert updates(run)[:4] == [1, 2, 3, 4]
    assert run.status.seconds >= run.config.seconds > 0.2


def test_changes_mark_the_line_they_first_show_in(prior: Path) -> None:
    run = create_run(small(prior, updates=6))
    requests: dict[int, Callable[[], None]] = {
        1: lambda: run.change(Change(weights={"key": 3.0})),
        2: lambda: run.change(Change(kl_coefficient=8.0, learning_rate=0.5)),
        3: lambda: run.change(Change(kl_budget=0.01)),
    }

    def stopping() -> bool:  # asked between updates
        requests.pop(len(updates(run)), lambda: None)()
        return False

    with FileLock(run.folder / "worker.lock"):
        run_loop.execute_run(run, stopping, cadence=OFTEN)
    # asked after the controls were read, so each is heard one update later
    assert [line["changed"] for line in run.metrics()[0]] == [
        [],
        [],
        ["weights.key", "weights.motif"],
        ["kl_coefficient", "learning_rate"],
        ["kl_budget"],
        [],  # c moves by itself from here on
    ]
    before, last = run.metrics()[0][-2:]
    assert (last["weights"]["key"], last["weights"]["motif"], before["kl_coefficient"]) == (3.0, 0.0, 8.0)
    assert last["kl_coefficient"] != 8.0 and last["kl_budget"] == 0.01
    assert run.status.summary is not None and run.status.summary["kl_budget"] == 0.01


def test_an_unexpected_error_fails_the_run_with_a_traceback_in_its_log(
    prior: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("no figures")

    monkeypatch.setattr(run_loop, "figures", broken)
    run = create_run(small(prior, updates=2))
    assert execute(run) == 1
    assert (run.state, run.status.error) == ("failed", "ZeroDivisionError: no figures")
    assert "Traceback" in (run.folder / "worker.log").read_text()
    assert load_policy(run)  # what was learned is there

    monkeypatch.undo()
    monkeypatch.setenv("SEQTUTOR_HOME", str(run.folder.parents[1]))
    assert execute(run) == 0
    assert (run.state, run.status.error) == ("finished", "")


def test_a_device_without_space_stops_the_run(prior: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    run = create_run(small(prior, updates=5))
    (run.folder / "metrics.jsonl").symlink_to("/dev/full")
    assert execute(run) == 1
    assert run.status.state == "stopped"
    assert run.status.message.startswith("the disk is full, so the run stopped; nothing was saved yet")


def test_another_prior_does_not_fit_an_old_checkpoint(prior: Path, tmp_path: Path) -> None:
    config = small(prior, updates=2, learner="psi")
    run = create_run(replace(config, overrides={**config.overrides, "target_rate": 1.0}))  # without a target network
    execute(run)
    run.write_config(replace(run.config, overrides={**run.config.overrides, "target_rate": 0.5}, updates=4))
    assert execute(run) == 1
    assert run.state == "failed"
    assert "does not fit its prior and settings" in run.status.error


def test_a_checkpoint_that_somebody_made_is_refused_in_words(prior: Path) -> None:
    run = executed(small(prior, updates=2))
    kept = load_checkpoint(run.folder / "checkpoints")
    assert kept is not None
    wrong = {**kept.tensors, "generators": kept.tensors["generators"].double()}
    save_checkpoint(run.folder / "checkpoints", wrong, kept.plain, 3)  # its checksums are right
    run.write_config(replace(run.config, updates=4))
    assert execute(run) == 1 and "does not fit its prior and settings" in run.status.error


def test_figures_that_are_no_numbers_are_still_json(prior: Path) -> None:
    run = create_run(small(prior))
    run.write_status(Status(state="finished", summary={"reward": float("nan"), "metrics": {"x": float("inf")}}))
    text = (run.folder / "status.json").read_text()
    assert "NaN" not in text and "Infinity" not in text
    assert run.status.summary == {"reward": None, "metrics": {"x": None}}


def test_old_samples_are_thinned_and_late_ones_kept(prior: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = executed(small(prior, updates=20), replace(OFTEN, sample_files=8, newest_sample_files=4))
    kept = [m.update for m in run.samples()]
    assert len(kept) <= 8
    assert kept[0] == 1 and kept[-4:] == [17, 18, 19, 20]


# ---------------------------------------------------------------- starting


@pytest.mark.parametrize(
    "wrong",
    [{"device": "abacus"}, {"weights": {"loudness": 1.0}}, {"settings": {"length": 1}}],
)
def test_a_wrong_setting_starts_nothing(prior: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        launcher.start(small(prior, **wrong))
    assert all_runs() == []


def test_a_prior_is_named_or_given_by_its_folder(prior: Path) -> None:
    assert load(str(prior)).name == "tiny"
    with pytest.raises(PriorError, match="no prior named 'nowhere'"):
        load("nowhere")


@pytest.mark.slow
def test_a_living_run_is_steered_paused_watched_by_two_and_stopped(prior: Path) -> None:
    alive: list[bool] = []
    run = launcher.start(small(prior, seconds=600), lambda run: alive.append(run.alive))
    assert alive == [False]  # it was claimed before its worker began
    wait_for(lambda: updates(run), run)
    second = Run(run.folder)
    run.change(Change(weights={"key": 5.0}, kl_coefficient=2.0, learning_rate=0.01))
    wait_for(lambda: any(line["changed"] for line in second.metrics()[0]), run)
    line = next(line for line in second.metrics()[0] if line["changed"])
    assert set(line["changed"]) == {"weights.key", "weights.motif", "kl_coefficient", "learning_rate"}
    assert line["weights"]["key"] == 5.0

    run.change(Change(pause=True))
    wait_for_state(run, "paused")
    before = run.metrics()
    assert before[0][-1]["update"] == run.status.update
    with open(run.folder / "controls.jsonl", "a") as file:
        file.write("rubbish\n")
    wait_for(lambda: "a request was skipped: 'rubbish'" in run.status.message, run)
    assert run.metrics() == before == second.metrics()
    assert run.state == "paused"
    with pytest.raises(RunError, match="stop it before deleting it"):
        trash.discard(run)

    run.change(Change(pause=False))
    wait_for(lambda: len(updates(run)) > len(before[0]), run)
    assert launcher.stop(run, wait=60)
    assert run.state == "stopped"
    assert run.status.ended is not None
    assert asdict(run.status) == asdict(second.status)
    trash.discard(run)
    assert all_runs() == []


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this system weighs processes, not sessions")
@pytest.mark.parametrize(("own_session", "niceness"), [(True, worker.NICENESS), (False, 0)])
def test_a_worker_gives_way_to_the_pages_with_all_that_it_starts(own_session: bool, niceness: int) -> None:
    """In its own session; one that it shares with others, such as a shell's, keeps its weight."""
    code = "from seqtutor_core.runs.worker import _give_way; _give_way(); print(open('/proc/self/autogroup').read())"
    shell = ["sh", "-c", f'"$0" -c "{code}"; :', sys.executable]
    command = [sys.executable, "-c", code] if own_session else shell
    said = subprocess.run(command, start_new_session=True, capture_output=True, text=True, check=True).stdout
    assert int(said.split("nice")[1]) == niceness
