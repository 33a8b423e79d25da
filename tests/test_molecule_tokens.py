"""SMILES as tokens: round trips of real molecules, errors with their place, inputs of the network's grammar."""

from functools import cache
from importlib import metadata

import pytest
import torch
from rdkit import Chem

from seqtutor_core.chemistry.tokens import (
    ATOMS,
    CLOSE,
    DOUBLE_BONDS,
    END_ID,
    LONGEST,
    OPEN,
    RINGS,
    VOCABULARY,
    decode,
    encode,
    split,
)
from seqtutor_core.domains.molecule import corpus
from seqtutor_core.errors import MissingPartError, SettingError, TokenError
from seqtutor_core.network import NetworkSettings, RecurrentNetwork

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
        ids = encode(smiles)
        assert decode([*ids, END_ID, OPEN]) == smiles
        assert len(ids) < LONGEST


def test_random_spellings_survive_tokens() -> None:
    """Written from any atom: other ring numbers, other branches, the same tokens."""
    for i, smiles in enumerate(moses()[::10] or SOME):
        mol = Chem.MolFromSmiles(smiles)
        [other] = Chem.MolToRandomSmilesVect(mol, 1, randomSeed=i + 1)
        if all(token in VOCABULARY for token in split(other)):
            assert decode(encode(other)) == other
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
        encode(smiles)


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "PACKAGE", "no-such-package")
    with pytest.raises(MissingPartError, match="pip install --no-deps no-such-package"):
        next(corpus.smiles("training"))


# ---------------------------------------------------------------- what the network sees of the grammar


def grammar(smiles: str) -> list[tuple[int, int, list[int]]]:
    """Stem, depth and open rings before each token, by a stack: the plain way."""
    stem, stack, opened, seen = len(VOCABULARY), list[int](), set[int](), []
    for token in encode(smiles):
        seen.append((stem, len(stack), [int(ring in opened) for ring in RINGS]))
        if token == OPEN:
            stack.append(stem)
        elif token == CLOSE:
            stem = stack.pop()
        elif token in RINGS:
            opened ^= {token}
        elif token in ATOMS:
            stem = token
    return seen


@pytest.mark.parametrize("smiles", [*SOME, "CC(C)(C)C", "C(A)".replace("A", "C(O)N") + "F", "C1(C(C1)O)N"])
def test_the_network_sees_stem_depth_and_open_rings(smiles: str) -> None:
    network = RecurrentNetwork(
        NetworkSettings(len(VOCABULARY), hidden=4, branches=(OPEN, CLOSE), stems=ATOMS, pairs=RINGS)
    )
    tokens = torch.tensor([encode(smiles)])
    whole = network.features(tokens, 0, 0, tokens.shape[1])
    single = [network.features(tokens, 0, t, t + 1) for t in range(tokens.shape[1])]
    assert torch.equal(whole, torch.cat(single, 1))
    seen = (whole - network.offsets)[0].tolist()
    assert [(row[1], row[2], row[3:]) for row in seen] == grammar(smiles)


EVEN, ODD = 1, 2


@pytest.mark.parametrize(
    ("smiles", "seen"),
    [
        ("c1ccccc1", [EVEN]),
        ("c1cccc1", [ODD]),  # five cannot pair up
        ("c1ccncc1", [EVEN]),
        ("c1ccoc1", [EVEN]),
        ("c1cc[nH]c1", [EVEN]),
        ("Cc1ccn(C)c1", [EVEN]),
        ("Cc1cccn1C", [ODD]),  # that the last nitrogen has three neighbours is not known yet
        ("Cn1ccccc1=O", [ODD]),  # nor the double bond to oxygen
        ("O=c1cc[nH]cc1", [EVEN]),
        ("c1cc(=O)[nH]cc1", [EVEN]),
        ("c1cnc2ccnn2c1", [ODD, EVEN]),  # the five-membered ring takes its nitrogen from the six-membered one
        ("c1ccc2ncccc2c1", [EVEN, EVEN]),
        ("c1cc(-c2ccsc2)ccc1", [EVEN, EVEN]),
        ("C1CCCCC1", [EVEN]),
    ],
)
def test_the_network_sees_whether_the_double_bonds_of_a_ring_come_out(smiles: str, seen: list[int]) -> None:
    network = RecurrentNetwork(NetworkSettings(len(VOCABULARY), hidden=4, stems=ATOMS, pairs=RINGS, turns=DOUBLE_BONDS))
    tokens = encode(smiles)
    whole = network.features(torch.tensor([tokens]), 0, 0, len(tokens))
    single = [network.features(torch.tensor([tokens]), 0, t, t + 1) for t in range(len(tokens))]
    assert torch.equal(whole, torch.cat(single, 1))
    inputs = (whole - network.offsets)[0, :, 1:].tolist()  # (T, pairs)
    closing = [i for i, token in enumerate(tokens) if token in RINGS and tokens[:i].count(token) % 2]
    assert [inputs[i][RINGS.index(tokens[i])] for i in closing] == seen


def test_unbalanced_branches_do_no_harm() -> None:
    """A policy may write anything: more closing than opening brackets, nothing but brackets."""
    network = RecurrentNetwork(NetworkSettings(len(VOCABULARY), hidden=4, branches=(OPEN, CLOSE), stems=ATOMS))
    tokens = torch.tensor([[CLOSE, CLOSE, 0, OPEN, OPEN], [OPEN] * 5])
    seen = network.features(tokens, 0, 0, 5) - network.offsets
    assert seen[0, :, 2].tolist() == [0, 0, 0, 0, 0]
    assert seen[1, :, 2].tolist() == [0, 1, 2, 3, 4]


def test_a_branch_has_two_ends() -> None:
    with pytest.raises(SettingError, match="one opening and one closing"):
        NetworkSettings(5, branches=(1,))
