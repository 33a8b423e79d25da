"""Absurd values on the command line: each ends with one line that says what is wrong, never with a traceback."""

import json
from pathlib import Path

import pytest

from seqtutor_core.cli.main import main
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.molecule import MoleculeSettings
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import launcher

DIGITS = "9" * 23  # more than 64 bits
LONG = "9" * 5000  # more digits than Python turns into a number
DEEP = "[" * 3000
TUNING = [
    "--kl nan", "--kl inf", "--kl -1", "--kl 1e400", "--kl-budget 0", "--kl-budget nan", "--kl-budget 1e9",
    "--weight key", "--weight key=abc", "--weight key=nan", "--weight key=1e400", "--weight key=true",
    "--weight key=null", "--weight key=[1]", f"--weight key={LONG}", f"--weight key={DEEP}", "--weight nokey=1",
    "--weight =1", "--rewards none", "--seconds 0", "--seconds nan", "--seconds inf", "--seconds -5", "--seconds 1e99",
    "--updates 0", "--updates -1", f"--updates {DIGITS}", f"--seed {DIGITS}", f"--seed -{DIGITS}", "--device tpu",
    "--device cuda:7", "--device ''", "--prior ../../x", "--prior a/b",
    "--override batch=abc", "--override batch=1.5", "--override batch=true", f"--override batch={DIGITS}",
    "--override batch=0", "--override gamma=nan", "--override gamma=abc", "--override clip=inf", "--override clip=0",
    "--override values_from_logits=1", "--override learning_rate=abc", "--override learning_rate=0",
    "--override anneal=null", f"--override replay_steps={DIGITS}", "--override updates=[]", "--override colour=1",
    "--override batch",
]  # fmt: skip
MELODY = [
    "length=abc", "length=15", "length=16.5", "length=null", "length=[32]", "length=true", f"length={DIGITS}",
    f"length={LONG}", f"length={DEEP}", "tempo=nan", "tempo=NaN", "tempo=Infinity", "tempo=fast", "tempo=1e400",
    "mode=dorian", "mode=1", "mode=[]", "key=C", "key=12", "steps_per_beat=5", "steps_per_beat=3", "bar=16.0",
    "bar=true", "notes_per_beat={}", "lowest=abc", "lowest=80", "highest=null", "phrase=1e9", "colour=red", "length",
]  # fmt: skip
MOLECULE = [
    "bucket=abc", "bucket=0", "bucket=1.5", "bucket=true", f"bucket={DIGITS}", "required=5", "required=[5]",
    "required={}", "required=null", "required=true", "forbidden=0", "target=123", "target=null",
    "catalogues=PAINT", "catalogues=3", "catalogues=[[]]", "shapes=5", "shapes=[]", 'shapes={"qed": 5}',
    'shapes={"qed": {"kind": 1}}', 'shapes={"qed": {"kind": "range", "low": "a"}}', 'shapes={"qed": {"low": 1}}',
    'shapes={"qed": {"kind": "range", "high": NaN}}', 'shapes={"colour": {"kind": "raw"}}', "prefix=CC)C", "prefix=5",
    "prefix=C%", "prefix=[", "prefix=\udc80", "length=abc", "length=7", "colour=red",
]  # fmt: skip
PREVIEW = [
    "--particles 0", "--particles 1", "--particles -1", f"--particles {DIGITS}", f"--seed {DIGITS}", "--kl nan",
    "--weight key=abc", "--prior nowhere", "--prior /etc", "--prior ../..", f"--prior {LONG}",
]  # fmt: skip
SAMPLING = ["-n 0", "-n -1", "-n 10000000000", f"-n {DIGITS}", f"--seed {DIGITS}", f"--seed -{DIGITS}"]
WHATS = ["prior:", "prior:..", "prior:/etc", "prior:\0", "prior:" + "x" * 5000, "", "..", "x" * 5000, "\0", "norun"]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command says; it ends with status 1 and prints nothing."""
    assert main(arguments) == 1, arguments
    said = capsys.readouterr()
    assert said.err.startswith("error: ") and said.err.count("\n") == 1, said.err
    assert len(said.err) < 500 and not said.out, said.err
    return said.err


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own; no run is launched, should one be made by mistake."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    monkeypatch.setattr(launcher, "launch", lambda *_: pytest.fail("a run was launched"))
    return tmp_path


def words(option: str) -> list[str]:
    return ["" if word == "''" else word for word in option.split(" ", 1)]


@pytest.mark.parametrize("option", TUNING)
def test_tuning(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["tune", "melody", *words(option)], capsys)


@pytest.mark.parametrize("setting", MELODY)
def test_settings_of_a_melody(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same words from every command that takes settings, and from who makes them in Python."""
    said = {refused([*command, "--set", setting], capsys) for command in (["tune", "melody"], ["preview", "melody"])}
    assert len(said) == 1 and said == {refused(["score", "melody", "-", "--set", setting], capsys)}


@pytest.mark.parametrize("setting", MOLECULE)
def test_settings_of_a_molecule(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(["tune", "molecule", "--set", setting], capsys)
    assert "install" not in said, "nobody's installation is to blame"


@pytest.mark.parametrize("option", PREVIEW)
def test_preview(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["preview", "melody", *words(option)], capsys)


@pytest.mark.parametrize("command", ["sample", "evaluate"])
@pytest.mark.parametrize("option", SAMPLING)
def test_sampling(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused([command, "prior:melody", *words(option)], capsys)


@pytest.mark.parametrize(
    "command", ["sample", "evaluate", "gauge", "runs show", "runs resume", "runs stop", "runs delete"]
)
@pytest.mark.parametrize("what", WHATS)
def test_what_is_not_there(command: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused([*command.split(), what], capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["tune", "x" * 5000], ["tune", ""], ["preview", "\0"], ["score", "melodies", "-"], ["score", "melody", ""],
        ["score", "melody", "/"], ["score", "melody", "/dev/zero"], ["score", "melody", "\0"],
        ["score", "melody", "x" * 5000], ["score", "molecule", "nowhere.smi"], ["bench", "melody", "--seconds", "nan"],
        ["bench", "melody", "--kl", "0"], ["prior", "corpus", "x"], ["prior", "train", "x"],
        ["prior", "train", "melody"], ["gauge", "prior:melody"],
    ],
)  # fmt: skip
def test_other_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    refused(arguments, capsys)


def test_lines_to_score_are_refused_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [DEEP, LONG, "NaN", "null", "5", '"a"', "{}", "[[1]]", "[1e400]", "[true]", '{"tokens": 5}', "[14, 1"]
    path = tmp_path / "melodies.jsonl"
    path.write_text("\n".join([*wrong, "[14, 1]"]))
    assert main(["score", "melody", str(path)]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["error" in line for line in lines] == [True] * len(wrong) + [False]


def test_one_text_is_one_pattern() -> None:
    """required=CCO was split into C, C and O."""
    settings = MoleculeSettings.of({"required": "CCO", "forbidden": ""})
    assert (settings.required, settings.forbidden) == (("CCO",), ())


def test_python_has_values_that_no_command_line_has() -> None:
    """Numbers too large to print, lists in lists, objects: the message is short, whatever it quotes."""
    nested: list[object] = []
    for _ in range(5000):
        nested = [nested]
    for value in (10**6000, -(10**6000), nested, object(), {1: 2}, b"16", float("nan"), {"length"}):
        with pytest.raises(SeqTutorError) as caught:
            build_domain("melody", {"length": value})
        assert "length must be a whole number from 16 to 256; got " in str(caught.value)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("command", [["prior", "corpus", "melody"], ["tune", "melody"]])
def test_a_home_that_cannot_be_one(
    command: list[str], home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "file").touch()
    monkeypatch.setenv("SEQTUTOR_HOME", str(home / "file"))
    assert "SEQTUTOR_HOME" in refused(command, capsys)


@pytest.mark.parametrize("command", [["runs", "list"], ["gauge", "x"]])
def test_a_home_with_too_long_a_name(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", "/" + "x" * 300)
    assert "SEQTUTOR_HOME" in refused(command, capsys)
