"""What networks see of a sequence: whole and step by step the same, and what it should be where one sees it."""

from collections.abc import Mapping

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from seqtutor_core.chemistry.tokens import MOSES, ZINC
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.melody.features import input_features as melody
from seqtutor_core.domains.molecule.features import ATOMS, CLOSE, FEATURES, OPEN, RINGS, VOCABULARY
from seqtutor_core.errors import PriorError
from seqtutor_core.features import Clock, InputFeature, InputFeatures
from tests.test_molecule_tokens import SOME

PERIODS = (0, 1, 3, 12, 16, 24, 25)
OFFERED = {
    **{f"melody {period}": melody(period) for period in PERIODS},
    "molecule": FEATURES[MOSES],
    "zinc": FEATURES[ZINC],
}
FREQUENT = {  # holds; brackets, ring numbers, aromatic atoms, double bonds
    "melody": [1],
    "molecule": [OPEN, CLOSE, *RINGS, 0, 8, 9],
    "zinc": [ZINC.vocabulary.id(token) for token in ["(", ")", "1", "2", "3", "c", "n", "=", "[nH+]"]],
}


def both(offered: Mapping[str, InputFeature], primer: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """The ids (B, P + T, n), whole and step by step, which are the same."""
    features = InputFeatures(offered)
    ids, state = features.sequence_ids(tokens, primer), features.begin(primer, tokens.shape[1])
    for t, each in enumerate(torch.cat([primer, tokens], 1).T):
        assert torch.equal(state.ids(), ids[:, t])
        state.append(each)
    assert int(ids.min()) >= 0
    sizes = torch.tensor([size for sizes in features.sizes.values() for size in sizes])
    assert bool((ids < sizes).all())
    return ids


@settings(max_examples=60, deadline=None)
@given(some.data())
@pytest.mark.parametrize("name", OFFERED)
def test_step_by_step_equals_the_whole(name: str, data: some.DataObject) -> None:
    """Whatever the tokens: a policy may write anything. Rows are dropped and multiplied on the way."""
    features = InputFeatures(OFFERED[name])
    size = features.sizes["token"][0] - 1
    token = some.one_of(some.integers(0, size - 1), some.sampled_from(FREQUENT[name.split()[0]]))
    steps, before = data.draw(some.integers(1, 40)), data.draw(some.integers(0, 20))
    tokens = torch.tensor(data.draw(some.lists(some.lists(token, min_size=60, max_size=60), min_size=2, max_size=2)))
    primer, tokens = tokens[:, :before], tokens[:, before : before + steps]
    both(OFFERED[name], primer, tokens)
    chosen = data.draw(some.lists(some.integers(0, 1), min_size=1, max_size=4))
    cut = data.draw(some.integers(0, steps))
    state = features.begin(primer, steps)
    for each in torch.cat([primer, tokens[:, :cut]], 1).T:
        state.append(each)
    state.keep(torch.tensor(chosen))
    after = tokens.flip(0)[torch.tensor(chosen)]  # each goes on as it did not before
    mixed = torch.cat([tokens[torch.tensor(chosen), :cut], after[:, cut:]], 1)
    ids = features.sequence_ids(mixed, primer[torch.tensor(chosen)])
    for t in range(cut, steps):
        assert torch.equal(state.ids(), ids[:, before + t])
        state.append(mixed[:, t])


def test_the_future_is_not_seen() -> None:
    tokens = torch.randint(25, (4, 30), generator=torch.Generator().manual_seed(0))
    other = tokens.clone()
    other[:, 12:] = 3
    for name, offered in OFFERED.items():
        one, two = (InputFeatures(offered).sequence_ids(each)[:, :13] for each in (tokens, other))
        assert torch.equal(one, two), name


def test_a_melody_by_hand() -> None:
    """Last token, sounding note, one and two bars ago, step in the bar, bar length; 38 stands for nothing yet."""
    seen = both(melody(3), torch.zeros(1, 0, dtype=torch.long), torch.tensor([[14, 1, 1, 16, 1, 0, 1]]))
    assert seen[0, :, 0].tolist() == [38, 14, 1, 1, 16, 1, 0]
    assert seen[0, :, 1].tolist() == [38, 14, 14, 14, 16, 16, 0]
    assert seen[0, :, 2].tolist() == [38, 38, 38, 14, 1, 1, 16]
    assert seen[0, :, 3].tolist() == [38] * 6 + [14]
    assert seen[0, :, 4].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert seen[0, :, 5].tolist() == [3] * 7


def test_bars_begin_after_the_primer() -> None:
    seen = both({"clock": Clock(9, 4)}, torch.tensor([[1, 2, 3]]), torch.tensor([[4, 5, 6, 7, 8]]))
    assert seen[0, :, 2].tolist() == [1, 2, 3, 0, 1, 2, 3, 0]
    assert seen[0, :, 0].tolist() == [9, 9, 9, 9, 1, 2, 3, 4]


# ---------------------------------------------------------------- the grammar of SMILES


def seen_of(tokens: list[list[int]]) -> torch.Tensor:
    """(B, T, n): token, atom, depth, then each ring."""
    return both(FEATURES[MOSES], torch.zeros(len(tokens), 0, dtype=torch.long), torch.tensor(tokens))


def stack(smiles: str) -> list[tuple[int, int, list[bool]]]:
    """Atom, depth and open rings before each token, by a stack: the plain way."""
    atom, atoms, opened, seen = len(VOCABULARY), list[int](), set[int](), []
    for token in MOSES.encode(smiles):
        seen.append((atom, len(atoms), [ring in opened for ring in RINGS]))
        if token == OPEN:
            atoms.append(atom)
        elif token == CLOSE:
            atom = atoms.pop()
        elif token in RINGS:
            opened ^= {token}
        elif token in ATOMS:
            atom = token
    return seen


@pytest.mark.parametrize("smiles", [*SOME, "CC(C)(C)C", "C(C(O)N)F", "C1(C(C1)O)N"])
def test_the_network_sees_atom_depth_and_open_rings(smiles: str) -> None:
    seen = seen_of([MOSES.encode(smiles)])[0].tolist()
    assert [(row[1], row[2], [bool(ring) for ring in row[3:]]) for row in seen] == stack(smiles)


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
    tokens = MOSES.encode(smiles)
    inputs = seen_of([tokens])[0, :, 3:].tolist()  # (T, R)
    closing = [i for i, token in enumerate(tokens) if token in RINGS and tokens[:i].count(token) % 2]
    assert [inputs[i][RINGS.index(tokens[i])] for i in closing] == seen


def test_unbalanced_branches_do_no_harm() -> None:
    """A policy may write anything: more closing than opening brackets, nothing but brackets."""
    seen = seen_of([[CLOSE, CLOSE, 0, OPEN, OPEN], [OPEN] * 5])
    assert seen[0, :, 2].tolist() == [0, 0, 0, 0, 0]
    assert seen[1, :, 2].tolist() == [0, 1, 2, 3, 4]


# ---------------------------------------------------------------- networks and domains


def test_a_network_chooses_by_name_and_others_are_refused() -> None:
    offered = build_domain("melody").features
    chosen = InputFeatures.select(offered, {"sounding": (39,), "token": (39,)})
    assert [*chosen.sizes] == ["sounding", "token"]  # in the network's order, which is that of its weights
    with pytest.raises(PriorError, match=r"sees rings .* here there is token, sounding, clock"):
        InputFeatures.select(offered, {"token": (39,), "rings": (3,)})
    with pytest.raises(PriorError, match=r"sees token in inputs of \(26,\) values, and here there is \(39,\)"):
        InputFeatures.select(offered, {"token": (26,)})
