"""Files of molecules as people have them: one odd record costs itself alone, and no size is parsed unchecked."""

import io
import itertools
import json
import random
import time
from collections.abc import Mapping
from typing import Any

import pytest
from rdkit import Chem

from seqtutor_core.chemistry import inputs, reading, records, remote, table
from seqtutor_core.chemistry.inputs import run_here, upload
from seqtutor_core.cli.main import main
from seqtutor_core.errors import InputError

CISPLATIN = "[NH3]->[Pt](<-[NH3])([Cl])[Cl]"
BROKEN = "C1CC"


def read(text: str | bytes, filename: str) -> tuple[list[tuple[str, str]], tuple[str, ...], tuple[str, ...]]:
    found = upload(text.encode() if isinstance(text, str) else text, filename)
    return [(one.name, one.smiles) for one in found.molecules], found.problems, found.remarks


def v2000(title: str, *symbols: str) -> str:
    """A chain of atoms, each bonded to the next by a single bond."""
    atoms = "".join(f"    0.0000    0.0000    0.0000 {s:<3} 0  0  0  0  0  0\n" for s in symbols)
    bonds = "".join(f"{i:3}{i + 1:3}  1  0\n" for i in range(1, len(symbols)))
    return f"{title}\n\n\n{len(symbols):3}{len(symbols) - 1:3}  0  0  0  0  0  0  0  0999 V2000\n{atoms}{bonds}M  END\n"


def v3000(counts: str, symbol: str = "C") -> str:
    return (
        "t\n  x\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\n"
        f"M  V30 COUNTS {counts}\nM  V30 BEGIN ATOM\nM  V30 1 {symbol} 0 0 0 0\nM  V30 END ATOM\n"
        "M  V30 END CTAB\nM  END\n"
    )


def sdf(*blocks: str) -> str:
    return "".join(f"{block}$$$$\n" for block in blocks)


# ---------------------------------------------------------------- one odd record


@pytest.mark.parametrize(
    "between", ["", "> <ID>\n5\n\n", "$$$\n", " $$$$\n"], ids=["nothing", "a property", "three", "behind a space"]
)
def test_a_lost_line_of_dollars_loses_no_molecule(between: str) -> None:
    first, second = v2000("first", "C", "O"), v2000("second", "C", "N")
    assert read(f"{first}{between}{second}$$$$\n", "a.sdf")[:2] == ([("first", "CO"), ("second", "CN")], ())


def test_a_truncated_record_costs_itself_alone_and_a_block_within_a_property_is_none() -> None:
    cut, good = v2000("cut", "C", "O").partition("O")[0], v2000("good", "C", "N")
    molecules, [problem], _ = read(f"{cut}\n{good}", "a.sdf")
    assert molecules == [("good", "CN")] and problem.startswith("record 1 (cut): ")
    inner = f"{good}> <MOL>\n{v2000('inner', 'C', 'O')}\n> <NOTE>\nsaved as V2000\n\n$$$$\n"
    assert read(inner, "a.sdf")[:2] == ([("good", "CN")], ())


@pytest.mark.parametrize(
    ("bond", "reason"),
    [("  1  9  1  0", "names an atom that it does not have"), ("  1  1  1  0", "attempt to add self-bond")],
)
def test_a_wrong_bond_is_told_in_words(bond: str, reason: str) -> None:
    wrong = v2000("wrong", "C", "O").replace("  1  2  1  0", bond)
    molecules, [problem], _ = read(sdf(wrong, v2000("good", "C", "N")), "a.sdf")
    assert molecules == [("good", "CN")] and "record 1 (wrong)" in problem and reason in problem


def test_an_extension_between_bars_is_no_name() -> None:
    molecules, problems, remarks = read("CCO |$a;b;c$| ethanol\nN.[Pt] |C:0.0|\nC |a\n", "a.smi")
    assert (molecules, problems) == ([("ethanol", "CCO"), ("", "[Pt]"), ("|a", "C")], ())
    assert [remark.partition(":")[0] for remark in remarks] == ["record 1 (ethanol)", "record 2"]
    assert "not read" in remarks[0]
    assert read("name,smiles\nx,CCO |$a;b;c$|\ny,CC ethane\n", "a.csv")[0] == [("x", "CCO")]
    typed = inputs.molecule("CCO |$a;b;c$| ethanol")
    assert (typed.smiles, typed.name) == ("CCO", "ethanol") and "not read" in typed.remarks[0]


def test_a_metal_complex_is_read_whatever_the_prior_can_write() -> None:
    lines = "CCO ethanol\n[NH3][Pt](Cl)(Cl)[NH3] cisplatin\nc1ccccc1 benzene\n"
    molecules, problems, _ = read(lines, "a.smi")
    assert molecules == [("ethanol", "CCO"), ("cisplatin", CISPLATIN), ("benzene", "c1ccccc1")]
    assert problems == ()
    [remark] = upload(b"[NH3][Pt](Cl)(Cl)[NH3]", "a.smi").molecules[0].remarks
    assert "cannot write [NH3], ->, [Pt], <-, [Cl]:" in remark


def test_rings_beyond_99_are_read() -> None:
    first = list(range(100, 340))
    second = random.Random(1).sample(first, len(first))
    smiles = "C".join("".join(f"C%({number})" for number in numbers) for numbers in (first, second))
    [one] = upload(smiles.encode(), "a.smi").molecules
    assert "%(" in one.smiles and Chem.MolFromSmiles(one.smiles).GetNumAtoms() == 2 * len(first) + 1


@pytest.mark.parametrize(
    "error", [RuntimeError("bad\nvalues"), UnicodeDecodeError("utf-8", b"", 0, 1, "odd"), KeyError()]
)
def test_any_exception_over_a_record_costs_that_record(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    parse = reading.parse

    def odd(smiles: str) -> Any:
        if smiles == "CCN":
            raise error
        return parse(smiles)

    monkeypatch.setattr(reading, "parse", odd)
    molecules, [problem], _ = read("CCO a\nCCN b\nCCC c\n", "a.smi")
    assert [name for name, _ in molecules] == ["a", "c"]
    assert problem.startswith("record 2 (b): RDKit cannot read it (")


@pytest.mark.parametrize("block", [v2000("odd", "C", "Ph"), v3000("1 0 0 0 0", "Ph").replace("t\n", "odd\n", 1)])
def test_an_abbreviation_is_named(block: str) -> None:
    molecules, [problem], _ = read(sdf(block, v2000("good", "C", "O")), "a.sdf")
    assert molecules == [("good", "CO")]
    assert problem.startswith("record 1 (odd): 'Ph' is no element but perhaps an abbreviation")


def test_places_for_groups_are_read_and_remarked_on() -> None:
    for symbol in ("R", "R#", "R1", "A", "*"):
        [one] = upload(v2000("t", "C", symbol).encode(), "a.mol").molecules
        assert "*" in one.smiles and "cannot write" in one.remarks[0]


@pytest.mark.parametrize("symbol", ["\ufffd", "é", "C\ufffd"])
def test_letters_that_are_no_element_cost_their_record(symbol: str) -> None:
    molecules, [problem], _ = read(sdf(v2000("good", "C"), v2000("odd\ufffd", "C", symbol)), "a.sdf")
    assert molecules == [("good", "C")] and problem.startswith("record 2 (odd\ufffd): ")


def test_properties_behind_a_block_may_be_anything() -> None:
    record = v2000("ümlaut", "C", "O") + "> <\ufffd>\n" + "x" * 200_000 + "\n\n"
    assert read(sdf(record, v2000("b", "C")), "a.sdf") == ([("ümlaut", "CO"), ("b", "C")], (), ())


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\r\nsmiles;name\r\nCCO;a, b\r\nCCN;c\r\n",
        "SEP=\t\nsmiles\tname\nCCO\ta, b\nCCN\tc\n",
        "\ufeffsmiles\tname\nCCO\ta, b\nCCN\tc\n",
        'smiles,name,"size; mass; charge; more"\nCCO,"a, b",1\nCCN,c,2\n',
        'smiles;name;"a, b, c, d, e"\nCCO;"a, b";1\nCCN;c;2\n',
        '\n"Name","SMILES"\n"a, b","CCO"\nc,CCN',
    ],
)
def test_delimiters_are_found(text: str) -> None:
    for data in (text.encode(), text.encode("utf-16"), b"\xfe\xff" + text.encode("utf-16-be")):
        assert read(data, "a.csv")[0] == [("a, b", "CCO"), ("c", "CCN")]


def test_a_table_may_be_a_text_file() -> None:
    assert read("name\tSMILES\tx\na b\tCCO\t1\n".encode("utf-16"), "a.txt")[0] == [("a b", "CCO")]


@pytest.mark.parametrize(
    ("rows", "names", "odd"),
    [
        (
            ["CCN,{q}5-inch", "CCC,propane", "CCCC,butane", "CCCl,chloro"],
            ['"5-inch', "propane", "butane", "chloro"],
            [2],
        ),
        (["CCN,{q}5-inch", "CCC,propane", "CCCC,3 pipe{q}"], ['"5-inch', "propane", '3 pipe"'], [2]),
        (["CCN,{q}5-inch", "CCC,{q}3-inch", "CCCC,c"], ['"5-inch', '"3-inch', "c"], [2, 3]),
        (["CCN,{q}5-inch", "CCCC,{q}but, ane{q}", "C,x"], ['"5-inch', "but, ane", "x"], [2]),
        (["CCN,a 5{q} pipe", "CCC,{q}so {q}{q}called{q}{q}{q}"], ['a 5" pipe', 'so "called"'], []),
        (["CCN,{q}two\nlines, one cell{q}", "CCC,{q}\n{q}", "CC,x"], ["two\nlines, one cell", "", "x"], []),
    ],
)
def test_a_stray_quote_costs_no_other_row(rows: list[str], names: list[str], odd: list[int]) -> None:
    text = "\n".join(["smiles,name", "CCO,ethanol", *rows]).replace("{q}", '"') + "\n"
    for data in (text, text.replace("\n", "\r\n")):
        molecules, problems, remarks = read(data, "a.csv")
        assert [name.replace("\r", "") for name, _ in molecules] == ["ethanol", *names]
        assert [smiles for _, smiles in molecules] == ["CCO", *(row.partition(",")[0] for row in rows)]
        assert problems == ()
        assert [remark.partition(" (")[0] for remark in remarks] == [f"record {number}" for number in odd]
        assert all("never closed" in remark for remark in remarks)


def test_quoted_cells_of_several_lines_may_stand_before_the_smiles() -> None:
    assert read('name,smiles\n"two\nlines, one cell",CCO\nb,C\n', "a.csv")[0] == [
        ("two\nlines, one cell", "CCO"),
        ("b", "C"),
    ]


def test_a_cell_too_long_costs_its_row() -> None:
    longest = "x" * table.LONGEST_CELL
    molecules, problems, _ = read(f'smiles,name\nCCO,{longest}x\nCCN,"{longest}x"\nC,{longest}\n', "a.csv")
    assert molecules == [(longest, "C")]
    assert problems == tuple(f"record {i}: a cell of 131,073 characters is longer than 131,072" for i in (1, 2))


def test_stray_quotes_far_apart_swallow_no_row() -> None:
    rows = [f"CCC,{'x' * 990}{i}" for i in range(200)]
    molecules, problems, [remark] = read("\n".join(["smiles,name", 'CCN,"5-inch', *rows, 'CCCC,3 pipe"']), "a.csv")
    assert len(molecules) == 202 and problems == () and remark.startswith("record 1 (")


# ---------------------------------------------------------------- letters and lines


def test_only_line_ends_end_a_line() -> None:
    for odd in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029":
        assert read(f"CCO a{odd}b\r\nCCN c\rC d\n", "a.smi")[0] == [(f"a{odd}b", "CCO"), ("c", "CCN"), ("d", "C")]
        assert read(f"smiles,name\nCCO,a{odd}b\nC,d\n", "a.csv")[0] == [(f"a{odd}b", "CCO"), ("d", "C")]
        assert read(sdf(v2000(f"a{odd}b", "C"), v2000("c", "O")), "a.sdf")[0] == [(f"a{odd}b", "C"), ("c", "O")]
        assert inputs.molecule(f"OCC a{odd}b\n").smiles == "CCO"
        assert inputs.smarts(f"CCO a{odd}b") == ("CCO",)


def test_names_come_through_unchanged() -> None:
    for name in ("1,2-dichloroethane", "a;  b", "5'", '"x"', "![p](http://x/a.png)", "`$x$`", "a\tb", "ähm"):
        assert read(f"ClCCCl\t{name}\n", "a.smi")[0] == [(name, "ClCCCl")]


def test_a_byte_order_mark_spoils_nothing_on_standard_input(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfOCC\nCCN \xff\n"), encoding="utf-8"))
    assert main(["score", "molecule", "-", "--json"]) == 0
    assert [json.loads(line)["canonical"] for line in capsys.readouterr().out.splitlines()] == ["CCO", "CCN"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_spoils_nothing(encoding: str, tmp_path, capsys) -> None:
    for filename, text in {
        "a.smi": "OCC first\r\nCCN\r\n",
        "a.csv": "smiles,name\nOCC,first\nCCN,\n",
        "a.sdf": sdf(v2000("first", "O", "C", "C"), v2000("", "C", "C", "N")),
    }.items():
        assert read(text.encode(encoding), filename)[0] == [("first", "CCO"), ("", "CCN")]
    (tmp_path / "a.smi").write_bytes("OCC first\x0cx\r\nCCN\r\n".encode(encoding))
    assert main(["score", "molecule", str(tmp_path / "a.smi"), "--json"]) == 0
    assert [json.loads(line)["canonical"] for line in capsys.readouterr().out.splitlines()] == ["CCO", "CCN"]


@pytest.mark.parametrize(
    ("data", "filename", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "a.sdf", "'a.sdf' is a PNG picture, not text; export"),
        (b"PK\x03\x04\x14\0", "a.csv", "'a.csv' is a zip archive or an Office document, not text"),
        (bytes(range(256)), "a.smi", "'a.smi' is not UTF-8 text|zero bytes"),
        (b"\xff\xfeCCO", "a.smi", "is not UTF-16 text"),
        (b"x,y,z\n", "a.csv", "no column of this CSV is named smiles, there are: x, y, z; name"),
        (b"smiles," + b"x," * 10_000, "a.csv", "first line of this table: the row has more than 10,000 columns; keep"),
        (b"smiles," + b"x" * 131_073, "a.csv", "first line of this table: a cell of 131,073 characters is longer"),
    ],
)
def test_what_a_file_is_instead(data: bytes, filename: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        upload(data, filename)


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    "counts",
    ["9000000 0 0 0 0", "1 9000000 0 0 0", "1 0 9000000 0 0", "9000-\nM  V30 000 0 0 0 0", f"{'9' * 5000} 0 0 0 0"],
)
def test_announced_sizes_are_not_believed(counts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "from_block", lambda block, corpus: pytest.fail("RDKit was asked"))
    with pytest.raises(
        InputError, match=r"record 1 \(t\): its counts line announces 9[0-9]+ atoms, bonds or groups, more"
    ):
        upload(v3000(counts).encode(), "a.mol")


def test_sizes_of_a_smiles_are_checked_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "parse", lambda smiles: pytest.fail("it was parsed"))
    for smiles, message in (
        (".".join("C" * 101), "101 parts joined by dots are more than 100"),
        ("C" * 5001, "5,001 atoms"),
        ("O." + "C" * 501, "a molecule of 501 heavy atoms is outside 1 to 500"),
    ):
        with pytest.raises(InputError, match=message):
            inputs.molecule(smiles)


def test_parts_of_a_block_are_counted() -> None:
    whole = Chem.MolToMolBlock(Chem.MolFromSmiles(".".join("C" * 101)))
    with pytest.raises(InputError, match="101 separate parts are more than 100"):
        upload(whole.encode(), "a.mol")
    assert (
        reading.read([Chem.MolToMolBlock(Chem.MolFromSmiles(".".join("C" * 100)))], True, "moses")[0]["smiles"] == "C"
    )


def test_a_line_or_block_too_long_costs_itself() -> None:
    _, [problem], _ = read("C" * 131_073 + "\nCCO\n", "a.smi")
    assert problem == "record 1: a line of 131,073 characters is longer than 131,072"
    long = v2000("long", "C").replace("M  END", "M  CHG\n" * 160_000 + "M  END")
    _, [problem], _ = read(sdf(long, v2000("b", "C")), "a.sdf")
    assert problem.startswith("record 1 (long): a mol block of 1,")


def test_many_records_are_counted_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_RECORDS", 2)
    monkeypatch.setattr(records, "MAX_COUNTED", 5)
    monkeypatch.setattr(inputs, "MAX_COUNTED", 5)
    assert read("C\n" * 6, "a.smi")[1] == ("records from 3 on: 4 were not read, 2 are the most",)
    assert read("C\n" * 9, "a.smi")[1] == ("records from 3 on: more than 5 were not read, 2 are the most",)


# ---------------------------------------------------------------- time, and processes


def test_what_is_not_read_in_time_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()  # a second passes whenever it is looked at
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(inputs, "BATCH", 2)
    found = upload(b"C\n" * 20, "a.smi", seconds=3.0)
    assert len(found.molecules) == 6
    assert found.problems == ("records from 7 on: 14 were not read within 3 s",)


def test_a_record_over_which_the_process_ends_costs_itself_alone() -> None:
    def run(operation: str, arguments: Mapping[str, Any], seconds: float) -> Any:
        if "CCN" in arguments.get("sources", ()):
            raise InputError("it took longer than 5 s; give something smaller or simpler")
        return run_here(operation, arguments, seconds)

    found = upload(b"CCO a\nCCN b\nCCC c\n", "a.smi", run=run)
    assert [one.name for one in found.molecules] == ["a", "c"]
    assert found.problems == ("record 2 (b): it took longer than 5 s",)


def test_pages_and_the_command_read_by_the_workbench(tmp_path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "parse", lambda smiles: pytest.fail("it was read in this process"))
    data = f'smiles,name\nCCO,ethanol\n[NH3][Pt](Cl)(Cl)[NH3],"5-inch\n{BROKEN},b\n'.encode()
    assert [one.smiles for one in remote.upload(data, "a.csv").molecules] == ["CCO", CISPLATIN]
    (tmp_path / "a.csv").write_bytes(data)
    assert main(["read", str(tmp_path / "a.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["records"] == [{"name": "ethanol", "smiles": "CCO"}, {"name": '"5-inch', "smiles": CISPLATIN}]
    assert [problem.partition(":")[0] for problem in found["problems"]] == ["record 3 (b)", 'record 2 ("5-inch)']


@pytest.mark.parametrize(
    "title", ["canonical_smiles", "Canonical SMILES", "isomeric_smiles", "isosmiles", "smiles_canonical"]
)
def test_columns_of_smiles_by_the_names_that_databases_give(title: str) -> None:
    assert read(f"id,{title}\n1,CCO\n", "a.csv")[0] == [("1", "CCO")]
    assert read(f"canonical_smiles,{title},smiles,id\nC,C,CCO,1\n", "a.csv")[0] == [("1", "CCO")]


def test_no_break_spaces_and_trailing_separators_of_the_separator_line() -> None:
    assert read("\u00a0CCO ethanol\n", "a.smi")[0] == [("ethanol", "CCO")]
    assert read("sep=;;\nsmiles;name\nCCO;a\n", "a.csv")[0] == [("a", "CCO")]
