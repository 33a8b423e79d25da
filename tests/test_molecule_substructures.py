"""Substructures: SMILES mean what they mean as molecules, loose parts are placed exactly, and a search has an end."""

import itertools
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rdkit import Chem, rdBase

from seqtutor_core.chemistry import substructures
from seqtutor_core.chemistry.depict import drawing
from seqtutor_core.chemistry.inputs import smarts
from seqtutor_core.chemistry.limits import SearchTimeout
from seqtutor_core.chemistry.pool import Pool
from seqtutor_core.chemistry.property_query import PropertyQuery
from seqtutor_core.chemistry.substructures import substructure
from seqtutor_core.errors import InputError
from tests.test_canvas import needs_drawings

ROOT = Path(__file__).resolve().parents[1]
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
NINE = ".".join(["[#6]"] * 8 + ["Br"])
PATHS = "~".join("*" * 40) + "~Br"  # no bromine there, and more ways to run along a fullerene than can be walked
FULLERENE = (
    "c12c3c4c5c1c1c6c7c2c2c8c3c3c9c4c4c%10c5c5c1c1c6c6c%11c7c2c2c7c8c3c3c8c9c4c4c9c%10c5c5c1c1c6c6c%11c2c2c7c3c3c8c4"
    "c4c9c5c1c1c6c2c3c41"
)


def found(pattern: str, smiles: str) -> bool:
    return substructure(pattern).found_in(Chem.MolFromSmiles(smiles))


@pytest.mark.parametrize(
    ("pattern", "smiles", "there"),
    [
        ("CC(=O)OC1=CC=CC=C1C(=O)O", ASPIRIN, True),
        ("C1=CC=CC=C1", ASPIRIN, True),
        ("C1=CC=CC=C1", "C1CCCCC1", False),
        ("C1=CC=C2C(=C1)C=CC=C2", "c1ccc2ccccc2c1", True),
        ("C1=CC=CC=C1C2=CC=CC=C2", "c1ccc(-c2ccccc2)cc1", True),
        ("*C1=CC=CC=C1", "Cc1ccccc1", True),
        ("C1=CC=CN1", "Cn1cccc1", True),  # hydrogens that a SMILES leaves to valence may be anything here
        ("C1=C[NH]C=C1", "Cn1cccc1", False),  # what stands in a bracket holds
        ("C1=C[NH]C=C1", "c1cc[nH]c1", True),
        ("C1=C[N+](C)=CC=C1", "C[n+]1ccccc1", True),
        ("C1=CC=CC=N1", "c1ccccc1", False),
        ("CN(=O)=O", "C[N+](=O)[O-]", True),
        ("CN(=O)=O", "CN", False),
        ("O=C1C=CC(=O)C=C1", "O=C1C=CC(=O)C=C1", True),
        ("C/C=C/C", "C/C=C\\C", True),  # stereochemistry is not looked at
        ("C1=CC=N(=O)C=C1", "[O-][n+]1ccccc1", True),  # charged and aromatic at once
        ("[H]C1=CC=CC=C1", ASPIRIN, True),  # hydrogens as atoms, which molecules only count
        ("[H]OC", "CO", True),
        ("[H]OC", "COC", False),
        ("[NH3][Pt]([NH3])(Cl)Cl", "[NH3]->[Pt](<-[NH3])(Cl)Cl", True),  # lone pairs that bind
        ("CC", "Cc1ccccc1", False),  # SMARTS throughout: both carbons aliphatic
        ("cc", "CC", False),
        ("[#6]1=[#6][#6]=[#6][#6]=[#6]1", "c1ccccc1", False),  # no SMILES, so the double bonds are meant
        ("C1=,:CC=CC=C1", "c1ccccc1", False),
        ("[nH]", "Cn1cccc1", False),
        ("[NX3;H2]", "NCC", True),
        ("[O-]", "CC(=O)O", False),
    ],
)
def test_a_smiles_will_do_and_smarts_keep_their_meaning(pattern: str, smiles: str, there: bool) -> None:
    assert found(pattern, smiles) is there


def test_a_text_that_is_both_means_the_same_as_smarts_unless_rdkit_would_change_it() -> None:
    texts = ["CC", "C=O", "c1ccccc1", "CC(=O)N", "C1CC1", "n1ccccc1", "[NH4+]", "OC", "C#N", "ClC", "[nH]1cccc1"]
    molecules = [Chem.MolFromSmiles(s) for s in (ASPIRIN, "c1cc[nH]c1", "N#CCCl", "O=C1CC1NC(C)=O", "Clc1ccncc1OC")]
    for text, mol in itertools.product(texts, molecules):
        assert substructure(text).found_in(mol) is mol.HasSubstructMatch(Chem.MolFromSmarts(text)), text


# ---------------------------------------------------------------- loose parts


def test_loose_parts_are_placed_as_rdkit_places_them() -> None:
    chance = random.Random(1)
    parts = ["[#6]", "C", "O", "cc", "C=O", "CC", "[!#6]", "*~*~*", "c1ccccc1", "N", "[#6,#8]"]
    molecules = [Chem.MolFromSmiles(s) for s in (ASPIRIN, "CCO", "CCCCC", "NCC(=O)O", "c1ccccc1C", "OCC(O)CO")]
    seen = set()
    for _ in range(300):
        text = ".".join(chance.choices(parts, k=chance.randint(2, 4)))
        for mol in molecules:
            truth = mol.HasSubstructMatch(Chem.MolFromSmarts(text))
            assert substructure(text).found_in(mol) is truth, (text, Chem.MolToSmiles(mol))
            seen.add(truth)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("pattern", "smiles", "there"),
    [
        (NINE, ASPIRIN, False),
        (NINE, "CCCCCCCCBr", True),
        (NINE, "CCCCCCCBr", False),
        (".".join("*" * 20), "C" * 20, True),
        (".".join("*" * 20), "C" * 19, False),
        (".".join(["CC"] * 12) + ".N", "C" * 60, False),
        (".".join(["*~*"] * 12), "C" * 23, False),
    ],
)
def test_what_rdkit_would_try_for_minutes_is_told_at_once(pattern: str, smiles: str, there: bool) -> None:
    assert found(pattern, smiles) is there


def test_too_many_ways_and_too_many_parts() -> None:
    with pytest.raises(SearchTimeout, match="too many ways"):
        found(".".join(f"[#6,#{number}]" for number in range(11, 21)), "CCCCCCCCCI")
    with pytest.raises(InputError, match="51 loose parts"):
        substructure(".".join("C" * 51))
    with pytest.raises(InputError, match="5,000 parts joined by dots are more than 100"):
        substructure(".".join("C" * 5000))


def test_marks_lie_where_the_parts_lie() -> None:
    mol = Chem.MolFromSmiles(ASPIRIN)
    atoms, bonds = substructure("C(=O)[OH].c1ccccc1").marks(mol)
    assert atoms == {4, 5, 6, 7, 8, 9, 10, 11, 12} and len(bonds) == 8
    assert substructure("C(=O)[OH].N").marks(mol) == (set(), set())


# ---------------------------------------------------------------- the limit


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(1)
    yield pool
    pool.close()


@pytest.mark.parametrize("pattern", [PATHS, f"[$({PATHS})]", f"[#6;!$({PATHS})]"])
def test_a_costly_pattern_costs_its_own_value_alone(pool: Pool, pattern: str) -> None:
    requested = frozenset({"required", "forbidden", "heavy_atoms"})
    query = PropertyQuery(required=(pattern,), forbidden=("[#6]",))
    first, other = pool.measure([FULLERENE, "CCBr"], query, requested)
    assert first.valid and first.values == {"heavy_atoms": 60, "forbidden": 1}
    assert "takes too long to look for" in first.unknown["required"]
    assert other.values == {"heavy_atoms": 3, "forbidden": 1, "required": float("!" in pattern)} and not other.unknown
    assert pool.measure([FULLERENE], query, requested) == [first]  # remembered, and whole
    begun = pool.measure(["c1ccccc1", "CC=O"], query, frozenset({"required", "qed", "alerts"}))
    assert all(one.valid and not one.unknown for one in begun)  # the next searches are not ended


def test_a_pattern_as_it_is_found_in_the_wild(pool: Pool) -> None:
    """Eight carbons and a bromine, that need not hang together, in what has none."""
    measurements = pool.measure(
        [ASPIRIN, "CCCCCCCCBr"], PropertyQuery(forbidden=(NINE,)), frozenset({"forbidden", "qed"})
    )
    assert [f.values["forbidden"] for f in measurements] == [0, 1] and all(
        f.valid and "qed" in f.values for f in measurements
    )


@needs_drawings
def test_a_costly_mark_is_left_out_of_a_drawing() -> None:
    """In a process like those of the workbench, which can be told to end a search."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from seqtutor_core.chemistry.depict import _matched\n"
        "from seqtutor_core.chemistry.parsing import parse\n"
        f"print(_matched(parse({FULLERENE!r}), [{PATHS!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "({}, {})\n", done.stderr
    assert drawing(ASPIRIN, marks=[NINE]) == drawing(ASPIRIN)


# ---------------------------------------------------------------- whatever is typed


@pytest.mark.parametrize("kind", ["SMILES", "SMARTS"])
def test_only_our_errors_come_of_2000_odd_texts(kind: str) -> None:
    from seqtutor_core.chemistry.inputs import molecule, smarts
    from seqtutor_core.chemistry.properties import read

    good = [
        ASPIRIN,
        "C[C@H](N)C(=O)O",
        "C%12CC%12",
        "N->[Pt](Cl)Cl",
        "c1cc[nH]c1",
        "[13CH4]",
        "F/C=C/F",
        "C%(100)CC%(100)",
    ]
    good += ["[NX3;H2]", "[$(C=O)]", "[#6;!R]~*", "C=,#N", "[C@?H](F)Cl", "[!#6;D2,v3]"] if kind == "SMARTS" else []
    odd = [
        *"CcNn[]()=#$:/\\.%*@+-0123456789~!&,;?{}<> \t\0é\ufffd�𝔄",
        "%(1)",
        "%(",
        "->",
        "<-",
        "[H]",
        "[Uuu]",
        "\ud800",
        "|",
    ]
    chance = random.Random(12)
    refused = 0
    with rdBase.BlockLogs():
        for _ in range(2000):
            text = chance.choice(good)
            for _ in range(chance.randint(1, 4)):
                at, cut = chance.randint(0, len(text)), chance.choice([0, 0, 1, 2])
                text = text[:at] + chance.choice(odd) + text[at + cut :]
            try:
                if kind == "SMARTS":
                    smarts(text)
                else:
                    molecule(text)
                    read(text)
            except ValueError as error:
                assert type(error).__module__ == "seqtutor_core.errors", (text, error)
                refused += 1
    assert 1000 < refused < 2000


@pytest.mark.parametrize(
    "text", ["C%(1)", "C%(100)CC%(1)", "C%(100)CC%(100", "C%", "C%1", "C1CC%(1", "%(99999999999)C"]
)
def test_ring_numbers_in_brackets(text: str) -> None:
    for read in (substructure, substructures.parse_smarts):
        with pytest.raises(InputError):
            read(text)


@pytest.mark.parametrize("text", ["[#119]", "[#764915!C]", "[#185491]~[!C]"])
def test_an_atom_beyond_the_elements_is_refused_in_words(text: str) -> None:
    with pytest.raises(InputError, match="above number 118"):
        substructure(text)


@pytest.mark.parametrize(
    ("pattern", "smiles"),
    [("c1*cc(Cl)cc1", "Clc1cccnc1"), ("*1ccc(Cl)cc1", "Clc1ccncc1"), ("*1=CC=C(Cl)C=C1", "Clc1ccncc1")],
)
def test_any_atom_in_an_aromatic_ring_stays_any_atom(pattern: str, smiles: str) -> None:
    assert found(pattern, "Clc1ccccc1") and found(pattern, smiles) and not found(pattern, "ClC1CCCCC1")


def test_lines_without_a_pattern_are_passed_over() -> None:
    assert smarts("\x0c\nc1ccccc1\n\x0b") == ("c1ccccc1",)
