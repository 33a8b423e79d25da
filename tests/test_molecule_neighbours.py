"""The nearest training molecules: exact beside RDKit's own search, whole or not at all on disk."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from seqtutor_core.chemistry import neighbours
from seqtutor_core.errors import InputError, SettingError

RINGS = ["c1ccc({})cc1", "c1ccnc({})c1", "C1CCN({})CC1", "c1csc({})n1", "C1CC1{}"]
LINKS = ["C{}", "CC{}", "C(=O){}", "S(=O)(=O){}", "C(C){}", "CO{}"]
ENDS = ["C", "N", "O", "NC", "OC", "N(C)C", "C(F)(F)F", "C#N", "Nc1ccccc1", "N1CCOCC1"]
TRAINING = [r.format(a.format(e)) for r, a, e in itertools.product(RINGS, LINKS, ENDS)]
CELECOXIB = "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F"
MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)


def reference(query: str, training: list[str]) -> list[float]:
    """All similarities by RDKit, best first."""
    prints = [MORGAN.GetFingerprint(Chem.MolFromSmiles(s)) for s in (query, *training)]
    return sorted(DataStructs.BulkTanimotoSimilarity(prints[0], prints[1:]), reverse=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of 300 molecules, built by processes as the real one is."""
    place = tmp_path_factory.mktemp("corpus")
    heard: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "PORTION", 70)
        neighbours.build(place, TRAINING, lambda done, total: heard.append((done, total)))
    assert heard == [(70, 300), (140, 300), (210, 300), (280, 300), (300, 300)]
    return place


@pytest.mark.parametrize("query", [CELECOXIB, "CCO", "C", "c1ccncc1CC(=O)N1CCOCC1", "C[Si](C)(C)C", "C" * 120])
@pytest.mark.parametrize("k", [1, 5, 300])
def test_nearest_is_exact(folder: Path, query: str, k: int) -> None:
    found = neighbours.nearest(folder, query, k)
    assert [similarity for _, similarity in found] == pytest.approx(reference(query, TRAINING)[:k], abs=1e-12)
    for smiles, similarity in found[:5]:
        assert reference(query, [smiles]) == pytest.approx([similarity], abs=1e-12)


def test_a_training_molecule_is_its_own_neighbour(folder: Path) -> None:
    for smiles in TRAINING[::37]:
        [(found, similarity)] = neighbours.nearest(folder, Chem.MolToSmiles(Chem.MolFromSmiles(smiles)))
        assert (Chem.CanonSmiles(found), similarity) == (Chem.CanonSmiles(smiles), 1.0)


def test_more_neighbours_than_molecules_are_all_there_are(folder: Path) -> None:
    found = neighbours.nearest(folder, "CCO", 1000)
    assert sorted(smiles for smiles, _ in found) == sorted(TRAINING)


def test_similarity_by_hand() -> None:
    words = np.array([[0b1011, 0], [0b0100, 1], [0, 0]], np.uint64)
    query = np.array([0b0011, 0], np.uint64)
    assert neighbours._tanimoto(words, query).tolist() == [2 / 3, 0.0, 0.0]


def test_groups_come_by_what_they_may_reach() -> None:
    counts = np.array([0, 0, 2, 2, 5, 6])  # rows 0-1 set 1 bit, rows 2-4 set 3, row 5 sets 4
    assert list(neighbours._groups(counts, 3)) == [(1.0, 2, 5), (0.75, 5, 6), (1 / 3, 0, 2)]


def test_what_cannot_be_answered(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not indexed; .*python -m seqtutor_core prior neighbours"):
        neighbours.nearest(tmp_path, "CCO")
    with pytest.raises(InputError, match="'x' at position 2"):
        neighbours.nearest(folder, "Cx")
    with pytest.raises(SettingError, match="0 neighbours"):
        neighbours.nearest(folder, "CCO", 0)


def small(place: Path, training: list[str]) -> None:
    words = np.frombuffer(neighbours._fingerprints(training), np.uint64).reshape(-1, neighbours.WORDS)
    neighbours._write(place, training, words)


def test_a_damaged_index_says_so(tmp_path: Path) -> None:
    small(tmp_path, ["CCO", "CCN"])
    assert neighbours.available(tmp_path)
    part = tmp_path / "neighbours" / "fingerprints.npy"
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"damaged .* build it again"):
        neighbours.nearest(tmp_path, "CCO")


def test_a_build_that_fails_leaves_the_older_index_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(tmp_path, ["CCO"])
    save = np.save

    def full_disk(path: Path, array: np.ndarray) -> None:
        if path.name == "ends.npy":
            raise OSError(28, "No space left on device")
        save(path, array)

    monkeypatch.setattr(np, "save", full_disk)
    with pytest.raises(OSError, match="No space"):
        small(tmp_path, ["CCN", "CCC"])
    assert [path.name for path in tmp_path.iterdir()] == ["neighbours"]
    assert neighbours.nearest(tmp_path, "CCN")[0][0] == "CCO"


def test_a_new_build_replaces_the_older_index(tmp_path: Path) -> None:
    small(tmp_path, ["CCO", "CCC"])
    small(tmp_path, ["CCN"])
    assert neighbours.nearest(tmp_path, "CCO", 5) == [("CCN", reference("CCO", ["CCN"])[0])]
