"""The second vocabulary of molecules: charged and chiral tokens, what networks see of them, the corpus of a file."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem

from seqtutor_core import priors
from seqtutor_core.chemistry import inputs
from seqtutor_core.chemistry.prefix_validity import is_valid_prefix
from seqtutor_core.chemistry.tokens import MOSES, ZINC, split
from seqtutor_core.chemistry.writings import writings
from seqtutor_core.cli.main import main
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings, zinc_corpus
from seqtutor_core.domains.molecule.features import FEATURES
from seqtutor_core.errors import InputError, PriorError, SettingError, TokenError
from seqtutor_core.library import load_prior, prepare_tuning
from seqtutor_core.network import NetworkSettings, RecurrentNetwork

SOME = (  # of ZINC 250k's kinds: charges in and out of rings, stereo at atoms and bonds, I, P, bicycles
    "C[C@@H]1CC(Nc2cncc(-c3nncn3C)c2)C[C@@H](C)C1",
    "N#CC1=C(SCC(=O)Nc2cccc(Cl)c2)N=C([O-])[C@H](C#N)C12CCCCC2",
    "CC[NH+](CC)[C@](C)(CC)[C@H](O)c1cscc1Br",
    "O=C(N[C@@H]1CC[NH2+]C1)c1ccc([N+](=O)[O-])cc1I",
    "C/C(=N\\NC(=O)c1ccccc1)c1cc[nH+]cc1",
    "Cc1cc(=O)n2[n-]cnc2n1",
    "CC[n+]1ccc(-c2cn(C)c3ccccc23)cc1",
    "COP(=O)(OC)[C@@H](O)c1ccc2[nH]ccc2c1",
    "O=c1[nH]c(=O)c2[nH]cnc2[nH]1",
    "Cc1cc(C)[o+]c(-c2ccc3c(c2)OCO3)c1",
    "C[S@](=O)c1nc2ccc(N3CCOCC3)cc2s1",
    "c1ccc2c(c1)-c1ccccc1C2=C1C=CC=C1",
)


def parities(smiles: str) -> tuple[int, list[int]]:
    """The parity of aromatic atoms without their double bond after the last token, and at each ring's closing."""
    structure, tokens = FEATURES[ZINC]["structure"], [*ZINC.encode(smiles), ZINC.end]
    ids = structure.sequence_ids(torch.tensor([tokens]), 0)[0]  # (T, n)
    rings = [int(ids[t, 4 + ZINC.rings.index(token)]) for t, token in enumerate(tokens) if token in ZINC.rings]
    return int(ids[-1, 3]), [state for state in rings if state]


def random_ways(smiles: str, n: int = 20) -> list[str]:
    """Ways to write a molecule that have no other tokens."""
    ways = Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(smiles), n, randomSeed=7)
    return [way for way in ways if not ZINC.missing(way)]


@pytest.mark.parametrize("smiles", SOME)
def test_aromatic_atoms_without_a_double_bond_come_out_even(smiles: str) -> None:
    """However a molecule is written: charged atoms, atoms doubly bound outward, nitrogens with three neighbours."""
    for way in (smiles, *random_ways(smiles)):
        assert parities(way)[0] == 0, way


def test_a_ring_that_cannot_come_out_is_seen() -> None:
    assert parities("c1cccc1")[0] == 1
    assert parities("Cc1ccc[nH+]1")[0] == 1  # pyrrole has no room for the charge
    assert parities("Cc1cccc[nH+]1") == (0, [1])
    assert parities("c1ccccc1") == (0, [1])
    assert parities("c1ccn1C") == (1, [1])  # 4 atoms at the closing, then the nitrogen leaves
    assert parities("c1cccn1C") == (0, [2])  # the closing leaves one over, for the nitrogen will have three neighbours


def test_bonds_of_the_atom_in_reach_are_those_of_the_molecule() -> None:
    """Behind the last token of an atom's neighbourhood they are its explicit valence, aromatic bonds counted once."""
    structure = FEATURES[ZINC]["structure"]
    ids = structure.sequence_ids(torch.tensor([ZINC.encode("CC(=O)N(C)S(=O)(=O)C#N")]), 0)[0]
    atoms = [(ZINC.vocabulary.tokens[i] if i < len(ZINC.vocabulary) else "", bonds) for i, bonds in ids[:, :2].tolist()]
    assert atoms == [
        *[("", 0), ("C", 0), ("C", 1), ("C", 1), ("C", 1), ("O", 2), ("C", 3), ("N", 1), ("N", 1), ("C", 1), ("N", 2)],
        *[("S", 1), ("S", 1), ("S", 1), ("O", 2), ("S", 3), ("S", 3), ("S", 3), ("O", 2), ("S", 5), ("C", 1), ("C", 1)],
    ]


def test_tokens_of_both_corpora_are_their_own() -> None:
    for smiles in SOME:
        assert ZINC.decode([*ZINC.encode(smiles), ZINC.end]) == smiles
    with pytest.raises(TokenError, match=r"'\[NH\+\]' at position 4 .*; the prior molecule-zinc can write it"):
        MOSES.encode("CC([NH+])")
    with pytest.raises(TokenError, match=r"'\[H\]' at position 1 .*; the prior molecule can write it"):
        ZINC.encode("[H]N=C")
    with pytest.raises(TokenError, match=r"\[Si\](?!.*can write it)"):
        ZINC.encode("C[Si]C")


@pytest.mark.parametrize("smiles", SOME)
def test_every_beginning_of_a_molecule_may_become_one(smiles: str) -> None:
    tokens = split(smiles)
    assert all(is_valid_prefix(tokens[:n]) for n in range(1, len(tokens) + 1))


def test_what_a_prior_cannot_write_is_said_with_the_prior_that_can() -> None:
    charged = "C[C@H](N)C(=O)[O-]"
    of_moses, of_zinc = inputs.molecule(charged, "moses").remarks, inputs.molecule(charged, "zinc").remarks
    assert of_zinc == ()
    assert [remark.rpartition("; ")[2] for remark in of_moses] == ["the prior molecule-zinc can write it."] * 2
    [remark] = inputs.molecule("[H]/N=C(\\C)c1ccccc1", "moses").remarks
    assert "molecule-zinc" not in remark
    assert inputs.prefix("c1c[nH+]ccc1", "zinc")
    with pytest.raises(TokenError, match="the prior molecule-zinc can write it"):
        inputs.prefix("c1c[nH+]ccc1", "moses")


def test_the_corpus_is_a_setting_of_the_domain() -> None:
    zinc = build_domain("molecule", {"corpus": "zinc", "prefix": "C[NH+]"})
    assert isinstance(zinc, Molecule) and zinc.primer == tuple(ZINC.encode("C[NH+]"))
    assert (zinc.vocabulary, zinc.end, zinc.length) == (ZINC.vocabulary, ZINC.end, 80)
    assert MoleculeSettings() == MoleculeSettings.of({"length": 64, "corpus": "moses"})  # as runs of before have them
    assert MoleculeSettings() != MoleculeSettings(corpus="zinc")
    with pytest.raises(SettingError, match="no corpus named 'chembl'; choose one of moses, zinc"):
        MoleculeSettings(corpus="chembl")


def test_a_prior_brings_the_settings_that_it_was_trained_for(tmp_path: Path) -> None:
    network = RecurrentNetwork(NetworkSettings(len(ZINC.vocabulary), hidden=8))
    card = {"domain": "molecule", "settings": {"corpus": "zinc"}, "vocabulary": list(ZINC.vocabulary.tokens)}
    name = str(priors.save(priors.Prior("own", network, card), tmp_path))
    assert load_prior(name).space.vocabulary == ZINC.vocabulary
    assert priors.domain_settings(name, {"bucket": 5}) == {"corpus": "zinc", "bucket": 5}
    from seqtutor_core.config import TuningConfig

    config = TuningConfig("molecule", name, weights={"qed": 1.0}, settings={"prefix": "C[NH+]"}, device="cpu")
    assert prepare_tuning(config).objective.domain.vocabulary == ZINC.vocabulary
    with pytest.raises(PriorError, match="writes 48 tokens that are not the 25 wanted here"):
        load_prior(name, Molecule())


# ---------------------------------------------------------------- the corpus


def ways(n: int) -> list[str]:
    """Different molecules with charges: alkyl ammonium salts of benzoic acids."""
    return [f"{'C' * (i % 25 + 1)}[NH2+]Cc1ccc(C(=O){'N' * (i // 25 % 2)}{'C' * (i // 50 + 1)})cc1" for i in range(n)]


def test_a_file_becomes_a_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Canonical, split by molecule whatever the order of lines, the same again from a gzipped file."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    monkeypatch.setattr(zinc_corpus, "_read", lambda given: iter([(len(given), [writings(one) for one in given])]))
    lines = [*ways(1_200), "C[Si](C)C", "no molecule"]
    (tmp_path / "a.smi").write_text("\n".join(f"{line} name" for line in lines))
    with gzip.open(tmp_path / "a.smi.gz", "wt") as file:
        file.write("\r\n".join(reversed(lines)))
    found = []
    for name in ("a.smi", "a.smi.gz"):
        assert main(["prior", "corpus", "molecule-zinc", "--file", str(tmp_path / name), "--json"]) == 0
        built = zinc_corpus.load(tmp_path / "corpora" / "molecule-zinc")
        found.append({side: {ZINC.decode(ids) for ids, _ in built[side]} for side in zinc_corpus.SIDES})
    assert '"rare tokens": 1' in (out := capsys.readouterr().out) and '"broken": 1' in out
    assert found[0] == found[1]
    training, held_out = found[0]["training"], found[0]["held_out"]
    assert not training & held_out and len(training | held_out) == len({Chem.CanonSmiles(one) for one in ways(1_200)})
    assert 0.02 < len(held_out) / len(training) < 0.09
    assert {Chem.CanonSmiles(one) for one in found[0]["random"]} == training
    assert found[0]["random"] != training


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"", "has 0 lines, and a prior needs 1,000"),
        (b"CCO\n" * 20, "has 20 lines"),
        (b"\x1f\x8b\x08broken", "cannot be read"),
        (b"\x89PNG" + b"x" * 100, "is a PNG picture, not text"),
        (b"name,price\n" * 2_000, "2,000 of the 2,000 lines of .* begin with no molecule"),
    ],
)
def test_a_wrong_file_is_told(
    content: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zinc_corpus, "_read", lambda given: iter([(len(given), [writings(one) for one in given])]))
    file = tmp_path / "a.smi"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=message):
        zinc_corpus.build(tmp_path / "corpus", lambda done, total: None, str(file))
    assert not (tmp_path / "corpus").exists()


def test_a_corpus_of_a_package_takes_no_file_and_zinc_takes_one(capsys) -> None:
    assert main(["prior", "corpus", "molecule-zinc"]) != 0
    assert "is read from a file: ZINC 250k" in capsys.readouterr().err
    assert main(["prior", "corpus", "melody", "--file", "a.smi"]) != 0
    assert "reads no file" in capsys.readouterr().err


def test_the_vocabulary_has_the_tokens_of_the_features() -> None:
    sizes = FEATURES[ZINC]["structure"].sizes
    assert sizes == (len(ZINC.vocabulary) + 1, 7, 8, 2, *(3,) * 6)
    assert np.all([ZINC.seen[i].isdigit() for i in ZINC.rings])
