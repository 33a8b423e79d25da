"""The container file, read: what it copies exists, what must stay out does, and its health check is Streamlit's."""

import re
import shlex
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINES = re.sub(r"\\\n", " ", (ROOT / "Containerfile").read_text(encoding="utf-8")).splitlines()
STEPS = [line.split(maxsplit=1) for line in LINES if line.strip() and not line.startswith("#")]
IGNORED = [
    line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] not in ("", "#")
]


def steps(name: str) -> list[str]:
    return [rest for step, rest in STEPS if step == name]


def is_sent(path: str) -> bool:
    """Whether a path is part of what is sent to be built: the last line that fits decides."""
    sent = True
    for line in IGNORED:
        pattern = line.removeprefix("!")
        above = ["/".join(path.split("/")[: n + 1]) for n in range(path.count("/") + 1)]
        names = path.split("/") if pattern.startswith("**/") else above
        if any(fnmatch(each, pattern.removeprefix("**/")) for each in names):
            sent = line.startswith("!")
    return sent


def copied() -> list[str]:
    """What is copied from here, not from another stage."""
    return [source for rest in steps("COPY") if not rest.startswith("--from") for source in shlex.split(rest)[:-1]]


def test_what_is_copied_exists_and_is_sent() -> None:
    assert {"Makefile", "requirements.txt", "app.py", "pages", "seqtutor_core", "assets", ".streamlit"} <= set(copied())
    for source in copied():
        assert (ROOT / source).exists() and is_sent(source), source


@pytest.mark.parametrize(
    "path",
    [
        ".git/config", ".venv/bin/python", "static/3Dmol-min.js", "runs/20260101/config.json", "tests/tiny.py",
        ".streamlit/secrets.toml", "benchmarks/results/server.json", "pages/ui/__pycache__/page.pyc", ".env", "id_rsa",
    ],
)  # fmt: skip
def test_what_must_stay_out_is_not_sent(path: str) -> None:
    assert not is_sent(path)
    assert is_sent("seqtutor_core/runs/store.py") and is_sent(".streamlit/config.toml") and is_sent("docs/method.md")


def test_the_program_needs_nothing_that_is_left_behind() -> None:
    """Pages read documents and assets; nothing else of the repository is named by the program."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "pages").rglob("*.py")]
    for name in re.findall(r'parents\[\d\] / "(\w+)"', "".join(sources)):
        assert name in copied() or name == "static", name


def test_it_runs_as_nobody_special_on_a_volume() -> None:
    order = [step for step, _ in STEPS]
    assert steps("USER") == ["tutor"] and order.index("USER") < order.index("CMD")
    assert steps("VOLUME") == ["/data"] and "SEQTUTOR_HOME=/data" in steps("ENV")[0]
    assert not re.search(r"(?i)password|token|secret", "\n".join(rest for _, rest in STEPS))


def test_the_first_stage_makes_what_make_app_makes() -> None:
    """Its one command, as make would do it."""
    (command,) = [rest for rest in steps("RUN") if "make -o" in rest]
    targets = re.findall(r"make (-o \S+ [\w ]+?) &&", command)
    planned = subprocess.run(["make", "-n", *targets[0].split()], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "pip install" not in planned.stdout and "-m venv" not in planned.stdout
    for script in re.findall(r"static/\S+\.js", command):
        assert script in planned.stdout, script


@pytest.mark.browser
def test_its_health_check_answers(address: str) -> None:
    """The very command, at the served app's address."""
    _, check = steps("HEALTHCHECK")[0].split("CMD ", 1)
    python, option, code = re.findall(r'"((?:[^"\\]|\\.)*)"', check)
    assert (python, option) == ("python", "-c") and "http://localhost:8501/" in code
    exec(code.replace("http://localhost:8501", address))
