"""The doctor meets real faults: an empty PATH, a run folder that is a file, a damaged prior."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqtutor_core import doctor
from seqtutor_core.doctor import Part, diagnose
from seqtutor_core.domains.melody import synthesis


def part(name: str) -> Part:
    return next(p for p in diagnose() if p.name == name)


def test_every_part_has_a_name_and_what_is_missing_a_remedy() -> None:
    parts = diagnose()
    assert [p.name for p in parts] == [
        "compute device",
        "synthesiser",
        "scores",
        "chemistry",
        "drawings",
        "molecule viewer",
        "structure editor",
        "priors",
        "run folder",
        "slots",
        "folk tunes",
        "training molecules",
        "ZINC molecules",
        "browser tests",
    ]
    for p in parts:
        assert p.detail
        assert bool(p.remedy) != p.present
    json.dumps([dataclasses.asdict(p) for p in parts])


def test_device_names_torch_and_what_it_computes_on() -> None:
    device = part("compute device")
    assert device.present
    assert torch.__version__ in device.detail
    assert device.detail.startswith("CUDA" if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads")


def test_a_gpu_asks_for_what_compiles_its_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert torch.cuda.is_available() or "GPU kernels" not in [p.name for p in diagnose()]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(doctor, "_installed", lambda name: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor.sysconfig, "get_path", lambda name: str(tmp_path))
    (missing,) = doctor._compiler()
    assert not missing.present
    assert "without a C compiler and Python's headers" in missing.detail
    assert "apt-get install gcc python3-dev" in missing.remedy
    (tmp_path / "Python.h").touch()
    (tmp_path / "gcc").touch(0o755)
    (found,) = doctor._compiler()
    assert found.present


NO_LIBRARY = "the fluidsynth library cannot be used (Couldn't find it)"


def test_without_library_and_programs_fluidsynth_and_chromium_are_lacking(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(synthesis, "fluidsynth_library", lambda: NO_LIBRARY)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, program in (("synthesiser", "fluidsynth"), ("browser tests", "chromium")):
        missing = part(name)
        assert not missing.present
        assert program in missing.detail.lower()
        assert f"apt-get install {program}" in missing.remedy
    assert doctor.browser() is None


def test_programs_on_the_path_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for program in ("fluidsynth", "google-chrome"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(synthesis, "fluidsynth_library", lambda: NO_LIBRARY)
    assert part("synthesiser").present
    assert str(tmp_path / "fluidsynth") in part("synthesiser").detail
    assert "eight times slower" in part("synthesiser").detail
    assert doctor.browser() == str(tmp_path / "google-chrome")


def test_scripts_that_npm_did_not_bring_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "STATIC", tmp_path)
    for name, script, target in (
        ("scores", "abcjs-basic-min.js", "make notation"),
        ("molecule viewer", "3Dmol-min.js", "make viewer"),
        ("structure editor", "openchemlib.js", "make editor"),
    ):
        missing = part(name)
        assert not missing.present
        assert script in missing.detail
        assert target in missing.remedy
        (tmp_path / script).write_text("")
        assert part(name).present


def test_run_folder_that_does_not_exist_yet_is_fine_and_stays_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "a" / "b"))
    folder = part("run folder")
    assert folder.present
    assert "GB free" in folder.detail
    assert list(tmp_path.iterdir()) == []


def test_run_folder_that_is_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv("SEQTUTOR_HOME", str(home))
        folder = part("run folder")
        assert not folder.present
        assert str(home) in folder.detail
        assert "SEQTUTOR_HOME" in folder.remedy


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses even root: /proc")
def test_run_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", "/proc/seqtutor")
    assert not part("run folder").present


def test_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "ENOUGH_FREE_BYTES", shutil.disk_usage(tmp_path).total + 1)
    assert not part("run folder").present
    assert "make room" in part("run folder").remedy


def test_damaged_and_missing_priors_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from seqtutor_core import priors

    monkeypatch.setattr(priors.load, "__defaults__", (tmp_path, None))
    monkeypatch.setattr(priors.available, "__defaults__", (tmp_path,))
    assert "none in" in part("priors").detail
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "card.json").write_text("{}")
    broken = part("priors")
    assert not broken.present
    assert "broken" in broken.detail
    assert "prior train" in broken.remedy


def test_an_index_of_zinc_is_missed_with_all_that_leads_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    corpus, neighbours = "prior corpus molecule-zinc --file FILE", "prior neighbours molecule-zinc"
    assert corpus in part("ZINC molecules").remedy and neighbours in part("ZINC molecules").remedy
    for folder in (tmp_path / "corpora" / "molecule-zinc", tmp_path / "corpora" / "molecule-zinc" / "neighbours"):
        folder.mkdir(parents=True, exist_ok=True)
        assert neighbours in part("ZINC molecules").remedy
        (folder / "statistics.json").write_text("{}")
        assert corpus not in part("ZINC molecules").remedy
    assert part("ZINC molecules").present


def test_a_home_with_too_long_a_name_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to Python 3.13 pathlib says so by itself."""
    monkeypatch.setenv("SEQTUTOR_HOME", "/" + "x" * 300)
    assert not part("run folder").present


def test_works_without_the_optional_packages() -> None:
    """In a process where nothing but this package and the standard library can be found."""
    code = """
import importlib.abc, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "pretty_midi", "midi2audio", "music21", "playwright", "streamlit"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
from seqtutor_core.doctor import diagnose
print(*(p.name for p in diagnose() if not p.present), sep=",")
"""
    root = Path(doctor.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    missing = done.stdout.strip().split(",")
    assert {"compute device", "synthesiser", "folk tunes", "priors", "browser tests"} <= set(missing)
