"""The command line: what each command prints and how it ends; runs are done by real workers."""

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqtutor_core.cli import tuning
from seqtutor_core.cli.main import build_parser, main
from seqtutor_core.cli.options import kl_coefficient
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.gauge import Source
from seqtutor_core.runs import launcher, store
from tests import reference_melody
from tests.running import tiny_prior

ROOT = Path(__file__).parents[1]


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    """Return a function that runs one command in this process, for a process of its own loads torch anew each time."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "home"))

    def run(*arguments: str, status: int = 0, stdin: str = "") -> tuple[str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        ended = main(arguments)
        printed = capsys.readouterr()
        assert ended == status, printed.err
        return printed.out, printed.err

    return run


def last_json(text: str) -> Any:
    return json.loads(text.strip().splitlines()[-1])


@pytest.mark.slow
def test_a_command_in_a_process_of_its_own(tmp_path):
    """As a script uses it: an answer with status 0, an error with status 1, each on its own stream."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command, home = [sys.executable, "-m", "seqtutor_core", *arguments], str(tmp_path)
        environment = {**os.environ, "SEQTUTOR_HOME": home}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)

    listed, refused = run("runs", "list", "--json"), run("runs", "show", "nothing")
    assert (listed.returncode, listed.stdout, listed.stderr) == (0, "[]\n", "")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
    assert refused.stderr.startswith("error: ")


def test_score_equals_the_plain_version_line_by_line(cli, tmp_path):
    melodies = [[14, 1, 16, 1, 18, 0, 21, 1] * 4, [1] * 32, [26, 14] * 16, [14, 1, 1]]
    file = tmp_path / "melodies.jsonl"
    file.write_text("\n".join(map(json.dumps, melodies)) + "\n")
    lines = [json.loads(line) for line in cli("score", "melody", str(file), "--json")[0].splitlines()]
    assert [line["tokens"] for line in lines] == melodies
    for line in lines:
        plain = reference_melody.score(line["tokens"])
        assert list(line["terms"]) == list(reference_melody.NAMES)
        for name, values in plain.items():
            assert line["terms"][name] == pytest.approx(values)
        assert line["total"] == pytest.approx([sum(v) for v in zip(*plain.values(), strict=True)])


def test_score_goes_on_after_a_wrong_line(cli):
    out, _ = cli("score", "melody", "-", "--json", stdin="[14, 99]\nnonsense\n[14, 1]\n", status=1)
    first, second, third = map(json.loads, out.splitlines())
    assert "token 99 at position 1" in first["error"] and first["line"] == 1
    assert "JSON" in second["error"]
    assert third["tokens"] == [14, 1]


def test_sample_and_evaluate_a_prior(cli):
    out, _ = cli("sample", "prior:melody", "-n", "3", "--seed", "5", "--json")
    drawn = [json.loads(line)["tokens"] for line in out.splitlines()]
    assert [len(t) for t in drawn] == [32] * 3
    assert out == cli("sample", "prior:melody", "-n", "3", "--seed", "5", "--json")[0]
    found = last_json(cli("evaluate", "prior:melody", "-n", "500", "--json")[0])
    assert found["n"] == 500
    assert found["metrics"]["not_in_key"] < 0.02
    assert {"excessively_repeated", "leaps_resolved", "in_motif", "distinct"} <= set(found["metrics"])


def test_a_run_from_start_to_deletion(cli, tmp_path):
    untrained = ("--prior", str(tiny_prior(tmp_path / "tiny")), "--set", "length=16")  # learns and is measured at once
    out, progress = cli("tune", "melody", *untrained, "--learner", "g", "--kl", "4", "--seconds", "3", "--json")
    summary = last_json(out)
    expected = "run domain learner preset kl_coefficient seconds updates environment_steps_per_second reward kl entropy"
    assert {*expected.split(), "j", "distinct", "metrics"} <= set(summary)
    assert summary["learner"] == "g" and "steps/s" in progress
    listed = json.loads(cli("runs", "list", "--json")[0])
    assert [(r["id"], r["state"]) for r in listed] == [(summary["run"], "finished")]
    assert len(cli("sample", summary["run"], "-n", "2", "--json")[0].splitlines()) == 2
    assert last_json(cli("evaluate", summary["run"], "-n", "200", "--json")[0])["n"] == 200
    assert last_json(cli("runs", "show", summary["run"], "--json")[0])["summary"]["run"] == summary["run"]
    more = last_json(cli("runs", "resume", summary["run"], "--seconds", "2", "--json")[0])
    assert more["updates"] > summary["updates"]
    cli("runs", "delete", summary["run"])
    assert json.loads(cli("runs", "list", "--json")[0]) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tune", "melody", "--kl", "0"), "KL coefficient of 0"),
        (("tune", "melody", "--kl", "nan"), "KL coefficient of nan"),
        (("tune", "melody", "--seconds", "0"), "budget of 0"),
        (("tune", "melody", "--weight", "moti=1"), "no reward term named moti"),
        (("tune", "melody", "--weight", "motif=loud"), "must be a finite number"),
        (("tune", "melody", "--set", "length=8"), "length must be"),
        (("tune", "melody", "--prior", "nowhere"), "no prior named 'nowhere'"),
        (("tune", "opera"), "no domain named 'opera'"),
        (("sample", "prior:nowhere"), "no prior named 'nowhere'"),
        (("evaluate", "prior:melody", "-n", "0"), "from 1 to 1000000"),
        (("runs", "show", "../.."), "no run named"),
        (("score", "melody", "no-such-file"), "cannot be read"),
        (("prior", "train", "melody"), "prior corpus melody"),
        (("prior", "train", "opera"), "no recipe named"),
    ],
)
def test_wrong_requests_name_the_way_out(cli, arguments, message):
    out, err = cli(*arguments, status=1)
    assert message in err
    assert "Traceback" not in err + out


def test_doctor_and_prior_info(cli):
    assert any(part["name"] == "synthesiser" for part in last_json(cli("doctor", "--json")[0]))
    cards = last_json(cli("prior", "info", "--json")[0])
    assert {"melody", "melody-paper"} <= set(cards)
    assert "nats a token" in cli("prior", "info")[0]


def test_preview_prints_what_tuning_would_lead_to(cli):
    out, _ = cli("preview", "melody", "--preset", "paper", "--kl", "4", "--particles", "64", "--seed", "3", "--json")
    found = last_json(out)
    assert {"milliseconds", "log_z", "effective_sample_size", "ancestors", "metrics", "samples"} == set(found)
    assert 1 <= found["effective_sample_size"] <= 64 and 1 <= found["ancestors"] <= 64
    assert len(found["samples"]) == 64 and len(found["samples"][0]["tokens"]) == 32
    assert found["metrics"]["in_motif"] > 0.6  # the prior's is 0.34
    again = last_json(cli("preview", "melody", "--preset", "paper", "--particles", "64", "--seed", "3", "--json")[0])
    assert {**again, "milliseconds": 0} == {**found, "milliseconds": 0}


def test_preview_of_molecules(cli):
    found = last_json(cli("preview", "molecule", "--kl", "1", "--particles", "48", "--weight", "qed=100", "--json")[0])
    assert found["metrics"]["qed"] > 0.84  # the prior's is 0.80
    assert found["exact"] == 0  # of 48, where nearly all are rejected
    gentle = ("--rewards", "none", "--weight", "qed=8", "--weight", "validity=4", "--particles", "48")
    assert last_json(cli("preview", "molecule", "--kl", "4", *gentle, "--json")[0])["exact"] > 24
    assert all(isinstance(sample["smiles"], str) for sample in found["samples"])


def test_gauge_of_a_run(cli):
    out, _ = cli("tune", "melody", "--learner", "rloo", "--updates", "12", "--kl", "4", "--warm-start", "--json")
    run = last_json(out)["run"]
    found = last_json(cli("gauge", run, "-n", "256", "--json")[0])
    assert found["j"] > found["j_prior"]
    assert 0 < found["at_most"] < 1
    assert found["gap"] == pytest.approx(found["log_z_at_least"] - found["j"])
    assert len(found["sources"]) == 4
    told = cli("gauge", run, "-n", "256")[0]
    assert "missing" in told
    bounds = {each["name"]: Source(**each).bound(0.05 / 6) for each in found["sources"]}
    assert found["delta"] == pytest.approx(0.05 / 6)  # four sources, J itself and the share
    assert found["log_z_at_least"] >= max(bounds.values()) - 1e-9
    for name, bound in bounds.items():  # what is printed is what the gauge went by
        assert re.search(rf"{name} +log Z at least +{bound:.2f} ", told), told


def test_ctrl_c_ends_a_command_without_a_traceback(monkeypatch, capsys):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "all_runs", interrupted)
    assert main(["runs", "list"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.mark.parametrize("command", [["tune", "melody"], ["runs", "resume", "ID"]])
def test_ctrl_c_stops_the_run_that_is_followed(command, tmp_path, monkeypatch, capsys):
    """Also one that was resumed; the worker is left out, and its answer is an end without figures."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    run = store.create_run(TuningConfig("melody", "melody", weights={"key": 1.0}))
    interrupts = iter([True, False])

    def until_the_end(_: store.Run) -> None:
        if next(interrupts):
            raise KeyboardInterrupt
        run.write_status(replace(run.status, state="stopped", message=""))

    monkeypatch.setattr(tuning, "_until_the_end", until_the_end)
    monkeypatch.setattr(launcher, "start", lambda config: run)
    monkeypatch.setattr(launcher, "resume", lambda *_: None)
    assert main([run.id if word == "ID" else word for word in command]) == 1
    assert "no figures were taken" in capsys.readouterr().err
    assert '"stop": true' in (run.folder / "controls.jsonl").read_text()


def test_commands_begin_at_the_c_of_the_page():
    from pages.ui.melody.spec import MELODY
    from pages.ui.molecule.spec import MOLECULE

    for studio, c in ((MELODY, 4.0), (MOLECULE, 1.0)):
        for command in ("tune", "preview"):
            options = build_parser().parse_args([command, studio.domain])
            assert kl_coefficient(build_domain(studio.domain), options) == studio.defaults["kl"] == c
            options = build_parser().parse_args([command, studio.domain, "--kl", "2.5"])
            assert kl_coefficient(build_domain(studio.domain), options) == 2.5
