"""The core as a library and a command: what `pip install -e .` brings, and what the package names."""

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import seqtutor_core as st
from tests.running import small, tiny_prior

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
    assert getattr(importlib.import_module(module), name) == st.__version__
    assert dynamic["dependencies"] == {"file": ["requirements.txt"]}
    assert set(PROJECT["project"]["dynamic"]) == {"version", "dependencies"}


# ---------------------------------------------------------------- the public face


def test_public_names_are_documented_and_listed() -> None:
    assert len(st.__all__) <= 16
    assert {*st.__all__} <= {*dir(st)}
    for name in st.__all__:
        documented = getattr(st, name)
        assert (documented.__doc__ or "").strip(), name
        if name != "errors":
            assert documented.__name__ == name, "one name for one thing"
            assert not (PACKAGE / f"{name}.py").exists(), "importing that module would hide the name"


def test_type_checkers_see_the_same_names() -> None:
    (checked,) = (node for node in ast.parse((PACKAGE / "__init__.py").read_text()).body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert {*imported} == {*st.__all__}
    for name, module in imported.items():
        assert getattr(importlib.import_module(str(module)), name) is getattr(st, name)


def test_an_unknown_name_names_those_there_are() -> None:
    with pytest.raises(AttributeError, match="seqtutor_core has no preview_; it has: Change, Objective"):
        _ = st.preview_


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, seqtutor_core; sys.exit('torch' in sys.modules or 'seqtutor_core.config' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_prior_is_previewed_tuned_and_gauged(tmp_path: Path) -> None:
    config = small(tiny_prior(tmp_path), updates=2)
    melody = st.build_domain("melody", config.settings)
    prior = st.load_prior(config.prior, melody)
    objective = st.Objective(melody, config.weights, c=4.0)
    assert st.draw_preview(prior, objective, n=64).tokens.shape == (64, 16)
    tuner = st.prepare_tuning(config)
    assert [progress.counters.update for progress in st.tune(tuner)] == [1, 2]
    figures = st.evaluate(tuner.policy, objective, n=64)
    assert figures["j"] == pytest.approx(figures["reward"] / 4.0 - figures["kl"])
    gauge = st.gauge_policy(tuner.policy, objective, n=64)
    assert gauge.log_z_at_least >= gauge.j or gauge.gap == 0


def test_a_prior_knows_its_domain() -> None:
    assert st.load_prior("melody").space.vocabulary == st.build_domain("melody").vocabulary
    with pytest.raises(st.errors.PriorError, match="trained for this domain"):
        st.load_prior("melody", st.build_domain("molecule"))
