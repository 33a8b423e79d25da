"""Run folders: their index, their state, curves, requests and checkpoints."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from seqtutor_core.config import Change
from seqtutor_core.domains import build_domain
from seqtutor_core.errors import RunError
from seqtutor_core.runs import store, trash
from seqtutor_core.runs.checkpoints import delete_damaged, load_checkpoint, save_checkpoint
from seqtutor_core.runs.steering import ControlReader, append_change, append_resume
from seqtutor_core.runs.store import Status, all_runs, create_run, drop_superseded, load_policy, open_run
from tests.running import small, tiny_prior

TERMS = build_domain("melody").terms


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_prior(tmp_path_factory.mktemp("priors"))


# ---------------------------------------------------------------- the folder and its index


def test_a_config_survives_its_file(prior: Path) -> None:
    config = small(prior, primer=(3, 4), learner="g", preset="paper", updates=7, kl_coefficient=0.25)
    assert create_run(config).config == config


@pytest.mark.parametrize(
    ("learner", "before", "now"),
    [
        ("psi", {"trace": 0.5, "raw": True, "published_start": True, "batch": 8}, {"lambda_": 0.5, "batch": 8}),
        ("g", {"trace": 0.5, "published_start": True, "argmax": True}, {"lambda_": 0.5, "published_start": True}),
        ("rloo", {"updates": 1, "replay_steps": 512, "batch": 8}, {"batch": 8}),
    ],
)
def test_a_config_in_older_words_is_read(
    prior: Path, learner: str, before: dict[str, Any], now: dict[str, Any]
) -> None:
    """Settings had other names, and a learner took some that it had no use for."""
    run = create_run(small(prior, learner=learner, overrides={}))
    values = json.loads((run.folder / "config.json").read_text())
    (run.folder / "config.json").write_text(json.dumps({**values, "overrides": before}))
    settings = vars(run.config.learner_settings)
    assert now.items() <= settings.items()
    assert settings.get("values_from_logits", False) == before.get("raw", False)
    run.write_config(run.config)  # as a run that is resumed with more seconds does
    assert vars(run.config.learner_settings) == settings


def test_an_unknown_learner_setting_is_damage(prior: Path) -> None:
    run = create_run(small(prior))
    values = json.loads((run.folder / "config.json").read_text())
    (run.folder / "config.json").write_text(json.dumps({**values, "overrides": {"momentum": 0.9}}))
    with pytest.raises(RunError, match="no trajectory_balance setting named momentum"):
        _ = run.config


def test_runs_are_listed_newest_first_and_a_damaged_one_says_so(prior: Path) -> None:
    made = [create_run(small(prior)) for _ in range(3)]
    (made[1].folder / "config.json").write_text('{"domain": ')
    assert [r.id for r in all_runs()] == [r.id for r in sorted(made, key=lambda r: r.id, reverse=True)]
    assert {r.id: r.state for r in all_runs()}[made[1].id] == "damaged"
    assert open_run(made[1].id).problem.startswith(f"run {made[1].id} is damaged: config.json")
    with pytest.raises(RunError, match=r"restore the file .* or delete the run"):
        _ = made[1].config
    trash.discard(made[1])
    assert made[1].id not in [r.id for r in all_runs()]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"state": "asleep"}', '{"colour": 1}', '{"launched": "x"}', "\x00"])
def test_a_damaged_status_is_an_error_with_a_way_out(prior: Path, text: str) -> None:
    run = create_run(small(prior))
    (run.folder / "status.json").write_text(text)
    with pytest.raises(RunError, match=r"status\.json.* or delete the run"):
        _ = run.status
    assert run.state == "damaged"


def test_a_wrong_value_in_a_config_is_an_error_with_a_way_out(prior: Path) -> None:
    run = create_run(small(prior))
    values = json.loads((run.folder / "config.json").read_text())
    (run.folder / "config.json").write_text(json.dumps({**values, "kl_coefficient": -1}))
    with pytest.raises(RunError, match="a KL coefficient of -1 is not possible"):
        _ = run.config


@pytest.mark.parametrize("name", ["../runs", "..", ".", "", "a/b", "/etc", ".new-x", "missing"])
def test_a_run_is_opened_by_its_id_only(prior: Path, name: str) -> None:
    with pytest.raises(RunError, match="there is none yet"):
        open_run(name)
    run = create_run(small(prior))
    (run.folder.parent / ".new-x").mkdir()
    with pytest.raises(RunError, match=f"there are: {run.id}"):
        open_run(name)
    assert open_run(run.id) == run


def test_where_no_folder_can_be_made_the_error_says_so(home: Path, prior: Path) -> None:
    (home / "runs").write_text("a file")
    with pytest.raises(RunError, match=r"no run can be kept in .*SEQTUTOR_HOME"):
        create_run(small(prior))


def test_no_lock_no_life(prior: Path) -> None:
    """A run is what its status says only while somebody holds its lock."""
    run = create_run(small(prior))
    assert run.state == "waiting"  # just launched
    for state in store.ACTIVE:
        run.write_status(Status(state=state, pid=1, launched=run.status.launched))
        assert (run.alive, run.state) == (False, "interrupted")
        with FileLock(run.folder / "worker.lock"):
            assert (run.alive, run.state) == (True, state)
    run.write_status(Status(launched=0.0))
    assert run.state == "interrupted"  # launched long ago and never came to life
    run.write_status(Status(state="finished"))
    assert run.state == "finished"
    with pytest.raises(RunError, match="is finished and takes no changes"):
        run.change(Change(pause=True))


def test_many_readers_testing_a_free_lock_do_not_take_each_other_for_a_worker(prior: Path) -> None:
    run = create_run(small(prior))
    seen: list[bool] = []
    threads = [threading.Thread(target=lambda: seen.extend(run.alive for _ in range(50))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [False] * 100


def test_a_living_run_is_not_deleted(prior: Path) -> None:
    run = create_run(small(prior))
    with pytest.raises(RunError, match="stop it before deleting it"):
        trash.discard(run)


# ---------------------------------------------------------------- lines


def test_metrics_are_read_line_by_whole_line(prior: Path) -> None:
    run = create_run(small(prior))
    assert run.metrics() == ([], 0)
    path = run.folder / "metrics.jsonl"
    path.write_text('{"update": 1}\n{"upd')
    lines, offset = run.metrics()
    assert (lines, offset) == ([{"update": 1}], 14)
    assert run.metrics(since=offset) == ([], offset)
    with open(path, "a") as file:
        file.write('ate": 2}\n')
    assert run.metrics(since=offset) == ([{"update": 2}], path.stat().st_size)


def test_what_a_killed_worker_wrote_beyond_its_checkpoint_is_superseded() -> None:
    lines = [{"update": n} for n in (1, 5, 9, 6, 8, 12)]
    assert [line["update"] for line in drop_superseded(lines)] == [1, 5, 6, 8, 12]


# ---------------------------------------------------------------- controls


def test_changes_arrive_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "controls.jsonl"
    reader = ControlReader(path, TERMS)
    assert reader.read() == []
    wanted = [Change(weights={"key": 2.0}), Change(kl_coefficient=3.0, pause=False), Change(stop=True)]
    for change in wanted:
        append_change(path, change)
    assert reader.read() == wanted
    assert reader.read() == []


def test_half_a_line_is_heard_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "controls.jsonl"
    reader = ControlReader(path, TERMS)
    path.write_text('{"kl_coeff')
    assert reader.read() == []
    with open(path, "a") as file:
        file.write('icient": 2.0}\n')
    assert reader.read() == [Change(kl_coefficient=2.0)]


def test_half_a_line_of_a_dead_writer_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "controls.jsonl"
    path.write_text('{"kl_coeff')
    append_change(path, Change(pause=True))
    reader = ControlReader(path, TERMS)
    assert reader.read() == [Change(pause=True)]
    assert reader.errors == ["a request was skipped: '{\"kl_coeff' is not JSON"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense", "'nonsense' is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"colour": 1}', "no change named colour"),
        ('{"weights": {"loudness": 1}}', "no reward term named loudness"),
        ('{"weights": {"key": "much"}}', "a weight of 'much' for key is not possible"),
        ('{"weights": [1]}', "weights must be values by name; got [1]"),
        ('{"kl_coefficient": NaN}', "a KL coefficient of nan is not possible"),
        ('{"kl_coefficient": "4"}', "a KL coefficient of '4' is not possible"),
        ('{"learning_rate": "0.1"}', "learning_rate must be a number from 1e-09 to 1; got '0.1'"),
        ('{"learning_rate": 0}', "learning_rate must be a number from 1e-09 to 1; got 0"),
        ('{"pause": "yes"}', "pause must be true or false; got 'yes'"),
    ],
)
def test_a_wrong_line_is_skipped_and_named(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "controls.jsonl"
    path.write_text(line + '\n{"kl_coefficient": 2.0}\n')
    reader = ControlReader(path, TERMS)
    assert reader.read() == [Change(kl_coefficient=2.0)]
    assert len(reader.errors) == 1
    assert why in reader.errors[0]


def test_a_resumed_run_forgets_old_pauses_and_stops_but_no_setting(tmp_path: Path) -> None:
    path = tmp_path / "controls.jsonl"
    append_change(path, Change(kl_coefficient=2.0, pause=True))
    append_change(path, Change(stop=True))
    append_resume(path)
    append_change(path, Change(pause=True))
    assert ControlReader(path, TERMS).read() == [Change(kl_coefficient=2.0), Change(), Change(pause=True)]


# ---------------------------------------------------------------- checkpoints


def test_the_two_newest_checkpoints_are_kept_and_damage_falls_back(tmp_path: Path) -> None:
    for update in (3, 20, 100):
        save_checkpoint(tmp_path, {"x": torch.tensor([float(update)])}, {"update": update, "c": 0.1}, update)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["update-000000020.safetensors", "update-000000100.safetensors"]
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert (found.tensors["x"].item(), found.plain, found.damaged) == (100.0, {"update": 100, "c": 0.1}, ())

    (tmp_path / names[1]).write_bytes(b"")
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert (found.plain["update"], found.damaged) == (20, (names[1],))
    delete_damaged(tmp_path, found)
    save_checkpoint(tmp_path, found.tensors, {"update": 30}, 30)
    assert [p.name for p in sorted(tmp_path.iterdir())] == [names[0], "update-000000030.safetensors"]


def test_no_checkpoint_is_none_and_the_policy_says_so(prior: Path) -> None:
    run = create_run(small(prior))
    assert load_checkpoint(run.folder / "checkpoints") is None
    with pytest.raises(RunError, match="has no tuned policy yet"):
        load_policy(run)
    (run.folder / "policy.safetensors").write_bytes(b"short")
    with pytest.raises(RunError, match="is damaged"):
        load_policy(run)
