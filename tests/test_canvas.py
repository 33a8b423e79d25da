"""A system without the libraries that RDKit draws with, as a bare server is: all but drawings works, and says why."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seqtutor_core.chemistry import canvas

ROOT = Path(__file__).resolve().parents[1]
LACKING = """
import ctypes, importlib.abc, sys
class Lacking(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "rdkit.Chem.Draw":
            raise ImportError("libXrender.so.1: cannot open shared object file: No such file or directory")
sys.meta_path.insert(0, Lacking())
class Library(ctypes.CDLL):
    def __init__(self, name, *arguments, **options):
        if name == "libXrender.so.1":
            raise OSError(f"{name}: cannot open shared object file: No such file or directory")
        super().__init__(name, *arguments, **options)
ctypes.CDLL = Library
"""
REMEDY = "sudo apt-get install libxrender1"

needs_drawings = pytest.mark.skipif(canvas.missing() != [], reason=f"RDKit cannot draw here: {canvas.remedy()}")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="on other systems RDKit brings all that it draws with")
pytestmark = [needs_drawings, on_linux, pytest.mark.slow]


def without_a_library(folder: Path) -> dict[str, str]:
    """The environment of a Python that lacks one of the libraries, as does each that it starts."""
    (folder / "sitecustomize.py").write_text(LACKING)
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return without_a_library(tmp_path_factory.mktemp("lacking"))


def said(code: str, environment: dict[str, str]) -> str:
    """What a program prints in that Python."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_drawing_names_the_library_and_its_package(lacking):
    code = """
from seqtutor_core.chemistry import depict, remote
from seqtutor_core.errors import InputError, MissingPartError
for draw in (depict.drawing, remote.drawing, depict.pattern_drawing, depict.prefix_drawing, depict.grid_png):
    try:
        draw(["CCO"], [""]) if draw is depict.grid_png else draw("CCO", 200, 150)
    except MissingPartError as error:
        print(error)
try:
    depict.drawing("C1", 200, 150)
except InputError:
    print("no molecule")
"""
    *lines, last = said(code, lacking).splitlines()
    assert len(lines) == 5 and last == "no molecule"
    for line in lines:
        assert "libXrender.so.1" in line and line.endswith(f"to get it: {REMEDY}")


def test_files_come_without_pictures(lacking):
    code = """
import io, zipfile
from seqtutor_core.chemistry import remote
from seqtutor_core.chemistry.files import Row
print(*sorted(zipfile.ZipFile(io.BytesIO(remote.write_file("zip", [Row("CCO", "ethanol")]))).namelist()))
"""
    assert said(code, lacking).split() == ["molecules.csv", "molecules.sdf", "molecules.smi"]


def test_the_doctor_says_what_is_missing_and_how_to_get_it(lacking):
    printed = said("from seqtutor_core.doctor import diagnose; print(*diagnose(), sep=chr(10))", lacking)
    (part,) = [line for line in printed.splitlines() if "'drawings'" in line]
    assert "present=False" in part and "without libXrender.so.1" in part and REMEDY in part


def test_what_is_brought_is_what_is_missed():
    """make app and Streamlit's cloud bring the packages that canvas.py names."""
    (brought,) = re.findall(r"^drawing_libraries := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert brought.split() == list(canvas.LIBRARIES.values())
    assert set(canvas.LIBRARIES.values()) <= set((ROOT / "packages.txt").read_text(encoding="utf-8").split())
