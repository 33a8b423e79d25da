"""Many runs at once: what a list says of each, what they are called, and deleted ones that come back."""

import json
import os
import shutil
from dataclasses import replace

import pytest
from filelock import FileLock

from seqtutor_core.cli.main import main
from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import RunError, SettingError
from seqtutor_core.runs import index, names, store, tags, trash
from seqtutor_core.runs.index import RunInfo, all_run_info, config_differences, run_info
from seqtutor_core.runs.locks import shared_index_lock
from seqtutor_core.runs.store import Run

GAUGE = {
    **dict.fromkeys(("j", "j_error", "j_prior", "log_z_at_least", "distinct"), 1.0),
    "sentence": "",
    "n": 64,
    "kl_coefficient": 4.0,
    "at_most": 0.63,
    "collapsed": False,
    "sources": {},
}
LINE = {"update": 7, "reward": 3.0, "kl": 1.5, "j": None, "distinct": 0.5, "gauge": GAUGE}
SUMMARY = {"reward": 9.0, "kl": 2.0, "j": 0.25, "metrics": {"distinct": 0.75}, "gauge": None}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))


def ended(**changes) -> Run:
    run = store.create_run(TuningConfig("melody", "melody", **{"weights": {"key": 1.0}, **changes}))
    run.write_status(replace(run.status, state="finished", seconds=42.0, started=1e9))
    return run


def told(run: Run) -> RunInfo:
    found = run_info(run)
    assert found is not None
    return found


def listed() -> set[str]:
    return {run.id for run in store.all_runs()}


# ---------------------------------------------------------------- names


def test_each_run_has_a_name_of_two_words_that_stays():
    run = ended()
    adjective, noun = names.run_name(run).lower().split()
    assert adjective in names.ADJECTIVES and noun in names.NOUNS
    assert names.run_name(run) == names.generated_name(run.id)
    made = {names.generated_name(f"20260101-000000-{n:03d}-psi") for n in range(1000)}
    assert len(made) > 900
    assert len({*names.ADJECTIVES}) == len(names.ADJECTIVES) and len({*names.NOUNS}) == len(names.NOUNS)


@pytest.mark.parametrize("name", ["<b>x</b> **y** $z$ :red[a]", "🎻 Ständchen 夜想曲", "x" * 80])
def test_any_text_is_a_name(name):
    run = ended()
    names.rename_run(run, f"  {name} ")
    assert names.run_name(run) == name
    names.rename_run(run, " ")
    assert names.run_name(run) == names.generated_name(run.id)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("x" * 200, "at most 80 characters"),
        (5, "must be a text"),
        ("a\nb", "one line"),
        ("a\x1b[31m", "can be seen"),
        ("a\u202eb", "can be seen"),
    ],
)
def test_what_is_no_name_is_refused_in_words(name, why):
    run = ended()
    with pytest.raises(SettingError, match=why):
        names.rename_run(run, name)
    assert names.run_name(run) == names.generated_name(run.id)


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"name": 5}', b'{"name": ""}', b'{"name": "\\ud800"}', b"\xff"])
def test_a_damaged_name_is_the_made_one(damage):
    run = ended()
    (run.folder / names.NAME_FILE).write_bytes(damage)
    assert names.run_name(run) == names.generated_name(run.id)


# ---------------------------------------------------------------- summaries


def test_an_ended_run_tells_its_last_measurement_and_another_its_last_line():
    run = ended()
    run.write_status(replace(run.status, summary=SUMMARY))
    found = told(run)
    assert (found.reward, found.kl, found.j, found.distinct, found.gauge) == (9.0, 2.0, 0.25, 0.75, None)
    assert (found.state, found.domain, found.kl_coefficient, found.seconds, found.started) == (
        *("finished", "melody"),
        *(4.0, 42.0, 1e9),
    )
    stopped = ended()
    stopped.write_status(replace(run.status, state="stopped", summary=None))
    lines = [json.dumps({**LINE, "update": n, "padding": "x" * 9000}) for n in range(20)]
    (stopped.folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    found = told(stopped)
    assert (found.reward, found.kl, found.j, found.distinct, found.gauge) == (3.0, 1.5, None, 0.5, 0.63)


def test_a_run_is_read_once_until_it_changes(monkeypatch):
    run = ended()
    first = all_run_info()
    with monkeypatch.context() as patched:
        patched.setattr(index, "Run", None)  # whoever reads, fails
        assert all_run_info() == first
    names.rename_run(run, "Another")
    assert [found.name for found in all_run_info()] == ["Another"]


def test_a_living_run_is_alive_only_while_its_lock_is_held():
    run = ended()
    run.write_status(replace(run.status, state="running", pid=1, handed=True))
    with FileLock(run.folder / "worker.lock"):
        assert told(run).active
    assert told(run).state == "interrupted"


def test_damage_is_listed_with_its_reason_and_a_vanished_run_is_not():
    run, lines, gone = ended(), ended(), ended()
    (run.folder / "config.json").write_text("{")
    (lines.folder / "metrics.jsonl").write_text('{"update": "x"}\n')
    shutil.rmtree(gone.folder)
    found = {one.id: one for one in all_run_info()}
    assert found[run.id].state == "damaged" and "config.json" in found[run.id].problem
    assert found[lines.id].state == "finished" and "metrics.jsonl" in found[lines.id].problem
    assert run_info(gone) is None and set(found) == {run.id, lines.id}


def test_only_what_differs_is_told():
    one = TuningConfig("melody", "melody", weights={"key": 1.0, "motif": 2.0}, settings={"length": 16})
    two = replace(one, weights={"key": 1.0}, kl_coefficient=2.0, settings={"length": 32}, overrides={"batch": 8})
    assert config_differences([one, one]) == {}
    assert config_differences([one, two]) == {
        "kl_coefficient": [4.0, 2.0],
        "weight motif": [2.0, 0.0],
        "setting length": [16, 32],
        "learner setting batch": [None, 8],
    }


# ---------------------------------------------------------------- tags


def test_tags_are_kept_in_order_once_each_and_taken_away():
    run = ended()
    for tag in ("waltz", " Air ", "WALTZ", "cafe\u0301", "café"):
        tags.add_tag(run, tag)
    assert tags.run_tags(run) == told(run).tags == ("Air", "café", "waltz")
    tags.remove_tag(run, "Waltz")
    assert tags.run_tags(run) == told(run).tags == ("Air", "café")
    with pytest.raises(SettingError, match="has no tag 'waltz'; it has: Air, café"):
        tags.remove_tag(run, "waltz")


@pytest.mark.parametrize("tag", ["<b>x</b> **y** $z$", "🎻👩‍🔬 夜想曲", "x" * 24])
def test_any_short_text_is_a_tag(tag):
    run = ended()
    tags.add_tag(run, tag)
    assert tags.run_tags(run) == (tag,)


@pytest.mark.parametrize("tag", ["", "  ", "x" * 25, "x" * 200, "a\nb", "\x00", "\u200b", "\ud800", None, 3])
def test_what_is_no_tag_is_refused_in_words_and_changes_nothing(tag):
    run = ended()
    tags.add_tag(run, "air")
    with pytest.raises(SettingError, match="a tag must be"):
        tags.add_tag(run, tag)
    assert tags.run_tags(run) == ("air",)


def test_a_run_has_a_dozen_tags_at_most_and_a_damaged_file_has_none():
    run = ended()
    for n in range(tags.MAX_TAGS):
        tags.add_tag(run, f"tag {n}")
    with pytest.raises(SettingError, match="has 12 tags, which is the most; remove one of tag 0"):
        tags.add_tag(run, "more")
    for text in ("{", "[]", '{"tags": "air"}', '{"tags": [1]}', '{"tags": ["a\\nb"]}'):
        (run.folder / tags.TAGS_FILE).write_text(text)
        assert tags.run_tags(run) == ()


# ---------------------------------------------------------------- trash


def test_a_discarded_run_comes_back_whole():
    run = ended()
    trash.discard(run)
    assert listed() == set() and store.all_runs() == []
    trash.purge()
    assert trash.restore(run.id) == run and listed() == {run.id} and run.state == "finished"
    with pytest.raises(RunError, match="it is gone, or it is back already"):
        trash.restore(run.id)


def test_a_sweep_removes_what_is_old_and_only_while_nobody_moves_runs():
    old, new = ended(), ended()
    for run in (old, new):
        trash.discard(run)
    hidden = store.runs_folder() / f"{trash.PREFIX}{old.id}"
    os.utime(hidden, (0, 0))
    with shared_index_lock():
        trash.purge()
    assert hidden.exists()
    trash.purge()
    assert not hidden.exists() and trash.restore(new.id) == new
    with pytest.raises(RunError, match="was deleted in the last 10 minutes"):
        trash.restore(old.id)


@pytest.mark.parametrize("name", ["../x", "", "a/b"])
def test_only_ids_come_back(name):
    with pytest.raises(RunError):
        trash.restore(name)


def test_a_living_or_vanished_run_is_not_discarded():
    living, gone = ended(), ended()
    living.write_status(replace(living.status, state="running", pid=1, handed=True))
    with FileLock(living.folder / "worker.lock"), pytest.raises(RunError, match="stop it before deleting it"):
        trash.discard(living)
    shutil.rmtree(gone.folder)
    with pytest.raises(RunError, match="could not be deleted"):
        trash.discard(gone)


# ---------------------------------------------------------------- commands


def test_the_list_shows_names_and_rename_gives_them(capsys):
    run = ended()
    assert main(["runs", "rename", run.id, "Slow air"]) == 0
    assert main(["runs", "list"]) == 0
    assert f"{run.id}  Slow air" in capsys.readouterr().out
    assert main(["runs", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["id"], row["learner"], row["seconds"]) == ("Slow air", run.id, "trajectory_balance", 42.0)
    assert main(["runs", "rename", run.id, "x" * 200]) != 0
    assert "at most 80 characters" in capsys.readouterr().err


def test_commands_tag_runs(capsys):
    run = ended()
    assert main(["runs", "tag", run.id, "slow", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": run.id, "tags": ["slow"]}
    assert main(["runs", "list"]) == 0 and capsys.readouterr().out.rstrip().endswith("#slow")
    assert main(["runs", "list", "--json"]) == 0 and json.loads(capsys.readouterr().out)[0]["tags"] == ["slow"]
    assert main(["runs", "tag", run.id, "--remove", "slow"]) == 0 and tags.run_tags(run) == ()
    assert main(["runs", "tag", run.id, "x" * 200]) == 1
    assert "at most 24 characters" in capsys.readouterr().err


def test_a_command_deletes_with_a_way_back(capsys):
    run = ended()
    assert main(["runs", "delete", run.id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": run.id, "seconds_to_restore": 600.0}
    assert listed() == set() and trash.seconds_left(run.id) == pytest.approx(600, abs=60)
    with pytest.MonkeyPatch.context() as patch:  # a clock set back does not make it more
        patch.setattr(trash.time, "time", lambda: 0.0)
        assert trash.seconds_left(run.id) == 600
    assert main(["runs", "restore", run.id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["restored"] == run.id
    assert listed() == {run.id} and trash.seconds_left(run.id) is None
    assert main(["runs", "delete", run.id]) == 0
    assert f"for 10 minutes `runs restore {run.id}` brings it back" in capsys.readouterr().out
    assert main(["runs", "restore", "../x"]) == 1 and "it is gone" in capsys.readouterr().err
