"""SMILES as tokens: round trips of real molecules, errors with their place."""

from functools import cache
from importlib import metadata

import pytest
from rdkit import Chem

from seqtutor_core.chemistry.tokens import MOSES, ZINC, split, unwritten
from seqtutor_core.domains.molecule import corpus
from seqtutor_core.errors import MissingPartError, TokenError

MANY = 10_000
SOME = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1",
    "Clc1ccc2c(c1)[nH]c1ccc(Br)cc12",
    "C1CC2CCC1C2",
    "N#Cc1cc2ccc(N3CCOCC3)cc2oc1=O",
]


@cache
def moses() -> list[str]:
    """Molecules drawn evenly from the held-out set; five of ours where the package is not installed."""
    try:
        metadata.distribution(corpus.PACKAGE)
    except metadata.PackageNotFoundError:
        return SOME
    molecules = list(corpus.smiles("held_out"))
    return molecules[:: len(molecules) // MANY][:MANY]


def test_moses_molecules_survive_tokens() -> None:
    for smiles in moses():
        ids = MOSES.encode(smiles)
        assert MOSES.decode([*ids, MOSES.end, MOSES.vocabulary.id("(")]) == smiles
        assert len(ids) < MOSES.longest


def test_random_spellings_survive_tokens() -> None:
    """Written from any atom: other ring numbers, other branches, the same tokens."""
    for i, smiles in enumerate(moses()[::10] or SOME):
        mol = Chem.MolFromSmiles(smiles)
        [other] = Chem.MolToRandomSmilesVect(mol, 1, randomSeed=i + 1)
        if all(token in MOSES.vocabulary for token in split(other)):
            assert MOSES.decode(MOSES.encode(other)) == other
        assert "".join(split(other)) == other


@pytest.mark.parametrize(
    ("smiles", "tokens"),
    [
        ("ClCBr", ["Cl", "C", "Br"]),
        ("C[C@@H](N)C%12", ["C", "[C@@H]", "(", "N", ")", "C", "%12"]),
        ("c1cc[nH]c1", ["c", "1", "c", "c", "[nH]", "c", "1"]),
        ("[13CH4].[Na+]", ["[13CH4]", ".", "[Na+]"]),
        ("", []),
    ],
)
def test_tokens_are_atoms_bonds_branches_rings(smiles: str, tokens: list[str]) -> None:
    assert split(smiles) == tokens


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("CCxC", "'x' at position 3"),
        ("CC[nH", "'[' at position 3"),
        ("C C", "' ' at position 2"),
        ("CC[Si]C", r"'\[Si\]' at position 3"),
        ("CCCI", "'I' at position 4"),
        ("C" * 90 + "I", "'I' at position 91 of ...'"),
    ],
)
def test_what_is_no_token_is_named_with_its_place(smiles: str, message: str) -> None:
    with pytest.raises(TokenError, match=message.replace("'['", r"'\['")):
        MOSES.encode(smiles)


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "PACKAGE", "no-such-package")
    with pytest.raises(MissingPartError, match="pip install --no-deps no-such-package"):
        next(corpus.smiles("training"))


def test_elements_that_a_prior_cannot_write_are_named_with_the_prior_that_can() -> None:
    assert MOSES.elements == set("HCNOFS") | {"Cl", "Br"}
    assert ZINC.elements == MOSES.elements | {"I", "P"}
    assert unwritten(["C", "H", "P"], MOSES) == "The prior cannot write P; the prior molecule-zinc can."
    assert unwritten(["Si", "P"], ZINC) == "The prior cannot write Si; no shipped prior can."
    assert unwritten(["C", "P", "I"], ZINC) == ""
