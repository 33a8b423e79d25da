"""The command `read`: what the program makes of a file, in the words of the pages."""

import json
import struct
from pathlib import Path

import pytest

from seqtutor_core.cli.main import main


def one_track(events: bytes) -> bytes:
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(events)) + events


C_QUARTER = bytes.fromhex("00903c5a 8360803c00")  # C4 for 480 ticks
END = bytes.fromhex("00ff2f00")


def read(file: Path, capsys, *options: str) -> dict:
    assert main(["read", str(file), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_melody_is_read_as_tokens(tmp_path, capsys):
    (tmp_path / "one.MID").write_bytes(one_track(C_QUARTER * 4 + END))
    found = read(tmp_path / "one.MID", capsys)
    assert (found["notes"], found["tokens"], found["remarks"]) == (4, [14, 1, 1, 1] * 4, [])


def test_bars_are_the_files_unless_another_metre_is_chosen(tmp_path, capsys):
    three_four = bytes.fromhex("00ff580403021808")
    (tmp_path / "waltz.mid").write_bytes(one_track(three_four + C_QUARTER * 6 + END))
    assert len(read(tmp_path / "waltz.mid", capsys)["tokens"]) == 24
    assert len(read(tmp_path / "waltz.mid", capsys, "--set", "bar=16")["tokens"]) == 32


def test_what_was_left_out_of_a_molecule_is_said(tmp_path, capsys):
    (tmp_path / "salt.smi").write_text("CCO.[Na+] salt\nCCO plain\n")
    found = read(tmp_path / "salt.smi", capsys)
    assert found["problems"] == [] and len(found["records"]) == 2
    assert found["remarks"] == ["salt: Kept the largest of 2 fragments, CCO, and left out [Na+]."]


def test_molecules_are_read_as_records_and_problems(tmp_path, capsys):
    (tmp_path / "two.smi").write_text("CCO ethanol\nC1CC broken\n")
    found = read(tmp_path / "two.smi", capsys)
    assert found["records"] == [{"name": "ethanol", "smiles": "CCO"}]
    assert len(found["problems"]) == 1 and "broken" in found["problems"][0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.mid", b"MThd", "broken"),
        ("none.smi", b"C1CC", "no molecule"),
        ("some.pdf", b"%PDF", "not a kind of file known here"),
        ("absent.mid", None, "there is no file"),
    ],
)
def test_what_cannot_be_read_is_an_error_in_words(tmp_path, capsys, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert main(["read", str(tmp_path / name), "--json"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and message in said.err and said.err.startswith("error: ")
