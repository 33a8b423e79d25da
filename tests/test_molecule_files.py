"""Downloads: each kind of file is read back by a reader of its own."""

import csv as csv_format
import io
import math
import struct
import xml.etree.ElementTree as ET
import zipfile

import pytest
from rdkit import Chem

from seqtutor_core.chemistry.depict import CELL
from seqtutor_core.chemistry.files import MAX_MOLECULES, Row, archive, csv, png, sdf, smi, svg
from seqtutor_core.errors import InputError
from tests.test_canvas import needs_drawings

ROWS = [
    Row("CC(=O)Oc1ccccc1C(=O)O", "aspirin", {"qed": 0.55012, "log_p": 1.3101}),
    Row("CCO", "ethanol, 96 %\n(vol)", {"qed": 0.4068, "tpsa": 20.23}),
    Row("C1#CC1", "no shape", {"qed": math.nan}),
]
COLUMNS = ["smiles", "name", "qed", "log_p", "tpsa"]


def records(data: bytes) -> list[Chem.Mol]:
    supplier = Chem.SDMolSupplier()
    supplier.SetData(data.decode(), removeHs=False)
    return list(supplier)


def canonical(molecule: Chem.Mol) -> str:
    return Chem.MolToSmiles(Chem.RemoveHs(molecule))


def test_smiles_are_read_back() -> None:
    supplier = Chem.SmilesMolSupplierFromText(smi(ROWS).decode(), delimiter="\t", titleLine=False)
    assert [(canonical(m), m.GetProp("_Name")) for m in supplier] == [
        ("CC(=O)Oc1ccccc1C(=O)O", "aspirin"),
        ("CCO", "ethanol, 96 % (vol)"),
        ("C1#CC1", "no shape"),
    ]


def test_a_table_is_read_back() -> None:
    table = list(csv_format.DictReader(io.StringIO(csv(ROWS).decode(), newline="")))
    assert list(table[0]) == COLUMNS
    assert [row["name"] for row in table] == ["aspirin", "ethanol, 96 % (vol)", "no shape"]
    assert float(table[0]["qed"]) == 0.55012 and float(table[1]["tpsa"]) == 20.23
    assert (table[0]["tpsa"], table[1]["log_p"], table[2]["qed"]) == ("", "", "")


def test_an_sdf_is_read_back_with_shapes_and_properties() -> None:
    aspirin, ethanol, flat = records(sdf(ROWS))
    assert [m.GetProp("_Name") for m in (aspirin, ethanol, flat)] == ["aspirin", "ethanol, 96 % (vol)", "no shape"]
    assert aspirin.GetPropsAsDict() == {
        "SMILES": ROWS[0].smiles,
        "coordinates": "3D",
        "qed": 0.55012,
        "log_p": 1.3101,
    }
    assert aspirin.GetNumAtoms() == 21 and aspirin.GetConformer().Is3D()
    assert canonical(ethanol) == "CCO" and ethanol.GetProp("tpsa") == "20.23"
    assert flat.GetProp("coordinates") == "2D" and not flat.HasProp("qed")
    assert not flat.GetConformer().Is3D() and canonical(flat) == "C1#CC1"


def test_without_time_left_an_sdf_is_flat_and_says_so() -> None:
    for molecule in records(sdf(ROWS, seconds=0)):
        assert molecule.GetProp("coordinates") == "2D"
        assert not molecule.GetConformer().Is3D()


def test_a_strangers_name_stays_within_its_record() -> None:
    row = Row("CCO", "$$$$\nb", {"x>\n<y": 1.0})
    [molecule] = records(sdf([row]))
    assert molecule.GetProp("_Name") == "$ b"
    assert molecule.GetProp("x y") == "1"


@needs_drawings
@pytest.mark.parametrize(("count", "columns", "lines"), [(1, 1, 1), (7, 5, 2), (50, 5, 10), (51, 8, 7)])
def test_pictures_hold_every_molecule(count: int, columns: int, lines: int) -> None:
    rows = [Row("CCO", str(i)) for i in range(count)]
    expected = (columns * CELL[0], lines * CELL[1])
    data = png(rows)
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and data.endswith(b"IEND\xaeB`\x82")
    assert struct.unpack(">II", data[16:24]) == expected
    root = ET.fromstring(svg(rows))
    assert (root.get("width"), root.get("height")) == tuple(f"{pixels}px" for pixels in expected)


@needs_drawings
def test_the_zip_holds_all_five_and_is_the_same_again() -> None:
    data = archive(ROWS)
    assert archive(ROWS) == data
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        held = {name: opened.read(name) for name in opened.namelist()}
    assert held == {
        "molecules.smi": smi(ROWS),
        "molecules.csv": csv(ROWS),
        "molecules.sdf": sdf(ROWS),
        "molecules.svg": svg(ROWS),
        "molecules.png": png(ROWS),
    }


@pytest.mark.parametrize("write", [smi, csv, sdf, svg, png, archive])
def test_no_molecule_or_too_many_are_refused(write) -> None:
    with pytest.raises(InputError, match=r"0 molecules .* choose some"):
        write([])
    with pytest.raises(InputError, match="1,001 molecules are more than 1,000; choose fewer"):
        write([Row("C", "methane")] * (MAX_MOLECULES + 1))


@needs_drawings
def test_what_is_not_smiles_is_refused_by_what_has_to_read_it() -> None:
    for write in (sdf, svg, png, archive):
        with pytest.raises(InputError, match="ring 1 is opened and never closed"):
            write([Row("C1CC", "broken")])
