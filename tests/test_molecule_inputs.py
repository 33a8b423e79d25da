"""Whatever the user gives: what is taken, what is said about it, and where it is wrong."""

import itertools

import pytest
from rdkit import Chem

from seqtutor_core.chemistry import inputs
from seqtutor_core.chemistry.inputs import InputMolecule, molecule, prefix, smarts, upload
from seqtutor_core.chemistry.tokens import MOSES, split
from seqtutor_core.errors import InputError, TokenError

CELECOXIB = "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F"
# one of each kind of ring, branch and bond that drugs have
DRUGS = [
    CELECOXIB,
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "O=C(Cn1cnc2ccccc2c1=O)Nc1ccc2c(c1)OCO2",
    "CN1CCC23c4c5ccc(O)c4OC2C(O)C=CC3C1C5",
    "Nc1nc(=O)c2ncn(COCCO)c2[nH]1",
    "c1ccc2c(c1)[nH]c1ccccc12",
    "CN(=O)=O",
    "C#CCN(C)Cc1ccccc1",
    "C1ccCC1",  # unusual and allowed: small letters in a ring that closes through others
]

# ---------------------------------------------------------------- one molecule


@pytest.mark.parametrize(
    ("text", "smiles", "name"),
    [
        ("CCO", "CCO", ""),
        ("  OCC \n", "CCO", ""),
        ("'C(C)O' ethanol", "CCO", "ethanol"),
        ("“OCC”", "CCO", ""),
        ("\ufeffOCC\tethyl  alcohol", "CCO", "ethyl alcohol"),
        ("OCC,ethanol", "CCO", "ethanol"),
        ("[H]OC([H])([H])C", "CCO", ""),
        ("C1=CC=CC=C1", "c1ccccc1", ""),
    ],
)
def test_a_molecule_as_it_is_typed_or_pasted(text: str, smiles: str, name: str) -> None:
    assert molecule(text) == InputMolecule(smiles, (), name)


def test_of_a_salt_the_largest_fragment_is_taken() -> None:
    given = molecule("[Na+].CC(=O)Oc1ccccc1C(=O)[O-].O")
    assert given.smiles == "CC(=O)Oc1ccccc1C(=O)[O-]"
    assert given.remarks[0].startswith("Kept the largest of 3 fragments, CC(=O)Oc1ccccc1C(=O)[O-], and left out ")
    assert "[Na+]" in given.remarks[0] and "O." in given.remarks[0]
    assert molecule("Cl.Br").smiles == "Br"  # as many heavy atoms, the heavier one
    assert molecule("O.CCO.O").remarks == ("Kept the largest of 3 fragments, CCO, and left out O, O.",)


@pytest.mark.parametrize(
    ("smiles", "token"), [("C[Si](C)(C)C", "[Si]"), ("OB(O)c1ccccc1", "B"), ("CC[Se]C", "[Se]"), ("CC[O-]", "[O-]")]
)
def test_what_the_prior_cannot_write_is_taken_with_a_remark(smiles: str, token: str) -> None:
    [remark] = molecule(smiles).remarks
    assert f"cannot write {token}:" in remark and "similarity still works" in remark


def test_stereochemistry_is_kept_and_remarked_on() -> None:
    given = molecule("N[C@@H](C)C(=O)O")
    assert "@" in given.smiles and Chem.CanonSmiles(given.smiles) == Chem.CanonSmiles("N[C@@H](C)C(=O)O")
    assert given.remarks == (
        "The prior writes no stereochemistry, and similarity does not look at it; "
        "the prior molecule-zinc can write it.",
    )


def test_of_several_lines_the_first_is_taken() -> None:
    assert molecule("\nCCO\nCCC\n") == InputMolecule("CCO", ("Took the first of 2 lines.",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no molecule is given; type or paste"),
        (" \n'' ", "no molecule is given"),
        ("c1ccx1", "'x' at position 5 of 'c1ccx1'; correct it there"),
        ("CC(", r"'\(' at position 3 of 'CC\('"),
        ("CC(C", r"branch is never closed: '\(' at position 3 of 'CC\(C'"),
        ("CC)C", r"branch was never opened: '\)' at position 3 of 'CC\)C'"),
        ("C1CCC", "ring 1 is opened and never closed: '1' at position 2 of 'C1CCC'"),
        ("C1CC1C%12", "ring 12 is opened and never closed: '%' at position 7"),
        ("C1CC1C1[13CH3]", "ring 1 is opened and never closed: '1' at position 7"),
        ("C[NH3", r"bracket is never closed: '\[' at position 2"),
        ("C[Xx]", "'X' at position 3"),
        ("CC(C)(C)(C)C", "C has 5 bonds, more than its valence allows: 'C' at position 2"),
        ("[H]C([H])([H])([H])C", r"C has 5 bonds.*'C' at position 4"),
        ("CCF(C)", "F has 2 bonds.*'F' at position 3"),
        ("Cc1cccc1", "no alternation .* 'c1cccc' from position 2 to 7"),
        ("CcC", "small letter means aromatic.*'c' at position 2"),
        ("CC11", "closes onto the atom it starts from, .*'CC11'"),
        ("C" * 30 + "x" + "C" * 30, r"'x' at position 31 of '\.\.\.C{20}xC{20}\.\.\.'"),
        ("C" * 501, "501 heavy atoms is outside 1 to 500"),
        ("[H][H]", "0 heavy atoms"),
        ("C" * 20_000, "20,000 characters of SMILES are more than 10,000"),
        ("C(" * 4_000, "never closed|not SMILES"),
        ("é", "'é' at position 1"),
        ("CC>>CC", "'>' at position 3"),
    ],
)
def test_what_is_no_molecule_is_shown_where(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        molecule(text)
    assert ";" in str(caught.value)  # the way out stands behind it


def test_five_hundred_atoms_are_fine() -> None:
    assert molecule("C" * 500) == InputMolecule("C" * 500)


def test_rdkit_keeps_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    for text in ("c1ccx1", "C1CC", "Cc1cccc1", "C(C)(C)(C)(C)C", "CC)C"):
        with pytest.raises(InputError):
            molecule(text)
    upload(sdf_of(blocks("CCO", broken=True)), "a.sdf")
    assert capfd.readouterr() == ("", "")


# ---------------------------------------------------------------- substructures


def test_smarts_come_one_a_line() -> None:
    assert smarts("c1ccccc1\n\n '[NX3;H2]' amine \n[$(C=O)]") == ("c1ccccc1", "[NX3;H2]", "[$(C=O)]")
    assert smarts(" \n") == ()
    assert len(smarts("C\n" * 20)) == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c1ccccc1\n[NX3;H2", r"line 2: this bracket is never closed: '\[' at position 1 of '\[NX3;H2'"),
        ("\n\nC>>C", "line 3: not SMARTS: '>' at position 2"),
        ("c1cc", "line 1: ring 1 is opened and never closed"),
        ("C\n" * 21, "21 SMARTS are more than 20"),
        ("C" * 10_001, "line 1: 10,001 characters of SMARTS"),
    ],
)
def test_smarts_that_cannot_be_used(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        smarts(text)
    assert ";" in str(caught.value)


# ---------------------------------------------------------------- files


def blocks(*smiles: str, broken: bool = False) -> list[str]:
    """Mol blocks titled m1, m2 and so on, perhaps with a broken one behind."""
    made = []
    for number, text in enumerate(smiles, start=1):
        whole = Chem.MolFromSmiles(text)
        whole.SetProp("_Name", f"m{number}")
        made.append(Chem.MolToMolBlock(whole))
    if broken:
        made.append("broken\n\n\n  9  9  0  0  0  0  0  0  0  0999 V2000\nM  END\n")
    return made


def sdf_of(records: list[str]) -> bytes:
    return "".join(record + "> <p>\n1\n\n$$$$\n" for record in records).encode()


def read(data: bytes, filename: str) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    found = upload(data, filename)
    return [(given.name, given.smiles) for given in found.molecules], found.problems


@pytest.mark.parametrize(
    ("data", "filename", "expected"),
    [
        (b"OCC ethanol\n# comment\n\nCCC\n", "a.smi", [("ethanol", "CCO"), ("", "CCC")]),
        (b"SMILES\tname\nOCC\tethyl alcohol\n", "A.TXT", [("ethyl alcohol", "CCO")]),
        ("\ufeffName;SMILES;x\r\nÄthanol;OCC;1\r\n".encode(), "a.csv", [("Äthanol", "CCO")]),
        (b'id,smiles\n"a, b","OCC"\n\n7,C\n', "a.csv", [("a, b", "CCO"), ("7", "C")]),
        (b"Smiles\nOCC\n", "a.csv", [("", "CCO")]),
        (blocks("OCC")[0].encode(), "a.mol", [("m1", "CCO")]),
        (blocks("OCC")[0].replace("\n", "\r\n").encode(), "a.mol", [("m1", "CCO")]),
        (sdf_of(blocks("OCC", "c1ccccc1")), "a.sdf", [("m1", "CCO"), ("m2", "c1ccccc1")]),
        (sdf_of(blocks("OCC", "C")).removesuffix(b"$$$$\n"), "a.sdf", [("m1", "CCO"), ("m2", "C")]),
    ],
)
def test_files_that_are_read(data: bytes, filename: str, expected: list[tuple[str, str]]) -> None:
    assert read(data, filename) == (expected, ())


def test_of_an_sdf_the_good_records_are_read_and_the_broken_ones_named() -> None:
    five_bonds = Chem.MolFromSmiles("CC(C)(C)(C)C", sanitize=False)
    first, third = blocks("OCC", "[Na+].CC(=O)[O-]")
    too_many = Chem.MolToMolBlock(five_bonds, kekulize=False)
    damaged = first.replace("m1", "cut", 1).replace("  3  2  0", "  9  2  0", 1)
    empty = "nothing\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n"
    found = upload(sdf_of([first, damaged, third, too_many, "junk\n", empty]), "a.sdf")
    assert [given.smiles for given in found.molecules] == ["CCO", "CC(=O)[O-]"]
    assert "left out [Na+]" in found.molecules[1].remarks[0]
    assert [problem.partition(":")[0] for problem in found.problems] == [
        "record 2 (cut)",
        "record 4",
        "record 5 (junk)",
        "record 6 (nothing)",
    ]
    assert "C has 5 bonds, more than its valence allows (atom 2)" in found.problems[1]
    assert "Counts line too short" in found.problems[2] and "no atoms" in found.problems[3]


def test_of_lines_and_tables_too() -> None:
    assert read(b"OCC a\nC1CC b\nC c\n", "a.smi") == (
        [("a", "CCO"), ("c", "C")],
        ("record 2 (b): ring 1 is opened and never closed: '1' at position 2 of 'C1CC'",),
    )
    assert read(b"smiles,name\nOCC,a\n,b\nlonely\n", "a.csv")[1] == (
        "record 2 (b): no SMILES is given",
        "record 3: not SMILES: 'l' at position 1 of 'lonely'",
    )


def test_records_beyond_the_most_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_RECORDS", 3)
    found, problems = read(b"C\n" * 8, "a.smi")
    assert len(found) == 3
    assert problems == ("records from 4 on: 5 were not read, 3 are the most",)


def test_a_molecule_of_five_hundred_atoms_is_read_one_more_is_named() -> None:
    found, problems = read(("C" * 500 + " fine\n" + "C" * 501 + " large\n").encode(), "a.smi")
    assert [name for name, _ in found] == ["fine"]
    assert problems == ("record 2 (large): a molecule of 501 heavy atoms is outside 1 to 500",)


@pytest.mark.parametrize(
    ("data", "filename", "message"),
    [
        (b"", "a.sdf", "'a.sdf' is empty; choose"),
        (b" \r\n \n", "a.csv", "'a.csv' is empty"),
        (b"C" * 50 * 2**20, "big.smi", "'big.smi' has 50.0 MB, more than 20 MB; keep"),
        (b"CC", "a.pdf", r"'a.pdf' is not a kind of file .*\.smi, \.txt, \.csv, \.mol, \.sdf"),
        (b"CC", "smi", "'smi' is not a kind of file"),
        (b"CCO \xe9thanol", "a.smi", r"'a.smi' is not UTF-8 text \(byte 0xe9 at position 5\); save it as UTF-8"),
        ("CCO".encode("utf-16")[:-1], "a.smi", r"not UTF-16 text .*; save it as UTF-8"),
        (b"CC\0C", "a.smi", "zero bytes"),
        (b"a,b\n1,2\n", "a.csv", "no column of this CSV is named smiles, there are: a, b; name"),
        (b"smiles,name\n", "a.csv", "holds no molecule .*it has no record"),
        (b"xx\nyy\n", "a.smi", r"holds no molecule .*record 1: not SMILES: 'x'.*record 2.*; check it"),
        (b"hello\nworld\n", "a.mol", r"holds no molecule .*record 1 \(hello\): not a mol block"),
    ],
)
def test_files_that_cannot_be_used(data: bytes, filename: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        upload(data, filename)


# ---------------------------------------------------------------- beginnings


@pytest.mark.parametrize(
    "text", ["c1ccc(", "c1ccccc1", "C=", "C(", "C1CC", "CC(=", "c1cccc1", "n1cccc1", "O=N(", "C" * 62, " 'C#' "]
)
def test_a_beginning_may_be_open(text: str) -> None:
    assert MOSES.decode(prefix(text)) == text.strip(" '")


def test_every_beginning_of_a_molecule_is_one() -> None:
    for smiles in DRUGS:
        whole = Chem.MolFromSmiles(smiles)
        writings = [smiles, *(Chem.MolToSmiles(whole, doRandom=True) for _ in range(5))]
        if "+" not in Chem.MolToSmiles(whole):
            writings.append(Chem.MolToSmiles(whole, kekuleSmiles=True))
        for writing in writings:
            tokens = split(writing)
            for count in range(1, len(tokens) + 1):
                assert inputs.is_valid_prefix(tokens[:count]), f"{''.join(tokens[:count])} of {writing}"


@pytest.mark.parametrize(
    ("text", "token", "position"),
    [
        ("CC)C", ")", 3),
        ("(C", "(", 1),
        ("=C", "=", 1),
        ("1C", "1", 1),
        ("C==C", "=", 3),
        ("C()C", ")", 3),
        ("C(C)(C)(C)(C)C", "C", 14),
        ("C(C)(C)(C)(C)(", "(", 14),
        ("F=", "=", 2),
        ("CClC", "C", 4),
        ("C11", "1", 3),
        ("C1C1", "1", 4),
        ("c1cccc1C", "C", 8),  # five aromatic carbons, and nothing more can be bonded to the ring
        ("n1cccc1C", "C", 8),
        ("cC", "C", 2),
        ("CN(=O)(=O)C", "C", 11),
    ],
)
def test_a_beginning_of_nothing_names_the_token_and_its_place(text: str, token: str, position: int) -> None:
    with pytest.raises(InputError) as caught:
        prefix(text)
    assert str(caught.value).startswith(f"no molecule goes on from {token!r} at position {position} of ")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", InputError, "no beginning is given"),
        ("CC[Si]", TokenError, r"'\[Si\]' at position 3"),
        ("CCB", TokenError, "'B' at position 3"),
        ("C[n", TokenError, r"'\[' at position 2"),
        ("C C", TokenError, "' ' at position 2"),
        ("C" * 63, InputError, "63 tokens leaves no room"),
    ],
)
def test_beginnings_that_cannot_be_used(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        prefix(text)


def test_no_text_gets_past_as_another_error() -> None:
    for pieces in itertools.product(["C", "c1", "(", ")", "=", "[nH]", "1"], repeat=4):
        text = "".join(pieces)
        for function in (molecule, smarts, prefix):
            try:
                function(text)
            except (InputError, TokenError) as error:
                assert ";" in str(error) or ":" in str(error)
