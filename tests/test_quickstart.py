"""docs/quickstart.ipynb runs from top to bottom, and writes the files that it promises."""

import json
from pathlib import Path

import pytest
from rdkit import Chem

from seqtutor_core.domains.melody.midi_file import read_midi_file

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "quickstart.ipynb"
BUDGET = "SECONDS = 20"


def cells() -> list[dict]:
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def code() -> list[str]:
    """The source of each code cell, the budget cut to half a second."""
    sources = ["".join(cell["source"]) for cell in cells() if cell["cell_type"] == "code"]
    assert sum(source.count(BUDGET) for source in sources) == 1
    return [source.replace(BUDGET, "SECONDS = 0.5") for source in sources]


def test_outputs_are_clean():
    dirty = [cell["id"] for cell in cells() if cell.get("outputs") or cell.get("execution_count")]
    assert not dirty, f"clear the outputs of {dirty}"


@pytest.mark.slow
def test_every_cell_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for number, source in enumerate(code(), start=1):
        exec(compile(source, f"code cell {number}", "exec"), names)
    assert names["after"]["kl"] > 0, "tuning moved the policy"
    assert names["curve"]
    assert read_midi_file((tmp_path / "melody.mid").read_bytes()).notes
    records = [*Chem.SDMolSupplier(str(tmp_path / "molecules.sdf"))]
    assert len(records) == 8
    assert all(records)
