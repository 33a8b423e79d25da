"""The core as a library and a command: what `pip install -e .` brings."""

import importlib
import sys
import tomllib
from pathlib import Path

import pytest

from seqtutor_core import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGE = ROOT / "seqtutor_core"


def test_the_command_is_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bin/seqtutor", "--help"])
    assert [*PROJECT["project"]["scripts"]] == ["seqtutor"]
    module, _, function = PROJECT["project"]["scripts"]["seqtutor"].partition(":")
    main = getattr(importlib.import_module(module), function)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: seqtutor ") and "tune" in shown


def test_installing_brings_all_files_of_the_package() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["seqtutor_core"]
    brought = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    others = {p for p in PACKAGE.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
    assert others and others <= brought
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()], "setuptools passes these over"


def test_version_and_requirements_are_said_once() -> None:
    dynamic = PROJECT["tool"]["setuptools"]["dynamic"]
    module, _, name = dynamic["version"]["attr"].rpartition(".")
    assert getattr(importlib.import_module(module), name) == __version__
    assert dynamic["dependencies"] == {"file": ["requirements.txt"]}
    assert set(PROJECT["project"]["dynamic"]) == {"version", "dependencies"}
