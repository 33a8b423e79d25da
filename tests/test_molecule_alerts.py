"""Alerts through the filter are those that RDKit finds one by one, names and all, on ordinary and on odd molecules."""

from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem, rdBase
from rdkit.Chem import QED, FilterCatalog

from seqtutor_core.chemistry.alerts import Patterns, catalogue, count_alerts, surroundings
from seqtutor_core.chemistry.property_query import CATALOGUES
from seqtutor_core.chemistry.stars import ring_size, star
from seqtutor_core.domains.molecule import corpus
from seqtutor_core.errors import MissingPartError

ODD = [
    "",
    "*",
    "*C(=O)C=C*",
    "[H][H]",
    "[2H]C([2H])([2H])Oc1ccc(O)cc1O",  # hydrogens that are atoms
    "[H]/N=C(/C)C(=O)C=C",
    "[13CH3][15NH]N",
    "[18O]=C1C=CC(=O)C=C1",
    "C[C@H](F)/C=C\\C(=O)Cl",
    "[Na+].[Cl-]",
    "[O-][N+](=O)c1ccc([N+](=O)[O-])c([N+](=O)[O-])c1",
    "C[N+](C)(C)CC[N+](C)(C)C.[Br-].[Br-]",
    "[NH3][Pt](Cl)(Cl)[NH3]",
    "C[Se]C",
    "CC(=O)OCC.CC(=O)OCC.CC(=O)OCC",
    "C1COCCOCCOCCOCCOCCO1",
    "C1CC2CCC1C2",
    "O=C1CCN1",
    "N1=NC1",
    "C1" + "C" * 60 + "1",
    "F.F.F.F",
    "[B-](F)(F)(F)F",
    "Cl[Si](C)(C)C",
    "OB(O)c1ccccc1",
    "N#[N+][N-]c1ccccc1",
    "c1ccc2cc3cc4ccccc4cc3cc2c1",
    "C1=CC2=CC=C3C=CC4=CC=C5C=CC6=CC=C1C7=C2C3=C4C5=C67",
    "N" + "CC(=O)N" * 60 + "C",
    "C(Br)(Br)(Br)C(I)(I)I",
]


@pytest.fixture(scope="module")
def rdkit_catalogue() -> FilterCatalog.FilterCatalog:
    params = FilterCatalog.FilterCatalogParams()
    for name in CATALOGUES:
        params.AddCatalog(getattr(FilterCatalog.FilterCatalogParams.FilterCatalogs, name))
    return FilterCatalog.FilterCatalog(params)


def molecules(count: int) -> Iterator[Chem.Mol]:
    """Yield odd molecules, alerts that can be read as molecules, so that many match something, and training ones."""
    alerts = [Chem.MolToSmiles(pattern) for pattern in catalogue(CATALOGUES)[::4]]
    try:
        training = list(islice(corpus.smiles("held_out"), count))
    except MissingPartError:
        training = []
    with rdBase.BlockLogs():
        yield from filter(None, map(Chem.MolFromSmiles, [*ODD, *QED.StructuralAlertSmarts, *alerts, *training]))


def found(patterns: Patterns, mol: Chem.Mol) -> list[int]:
    return patterns.matches(mol, surroundings(mol), mol.GetRingInfo().AtomRings())


def test_alerts_are_those_of_rdkit(rdkit_catalogue: FilterCatalog.FilterCatalog) -> None:
    names = [rdkit_catalogue.GetEntry(i).GetDescription() for i in range(rdkit_catalogue.GetNumEntries())]
    patterns, matched = Patterns(catalogue(CATALOGUES)), set()
    for mol in molecules(50):
        expected = [entry.GetDescription() for entry in rdkit_catalogue.GetMatches(mol)]
        assert [names[i] for i in found(patterns, mol)] == expected, Chem.MolToSmiles(mol)
        matched |= set(expected)
    assert len(matched) > len(names) / 5


@pytest.mark.slow
def test_alerts_of_training_molecules_are_those_of_rdkit(rdkit_catalogue: FilterCatalog.FilterCatalog) -> None:
    for mol in molecules(600):
        one_by_one = sum(map(mol.HasSubstructMatch, QED.StructuralAlerts)), len(rdkit_catalogue.GetMatches(mol))
        rings = mol.GetRingInfo().AtomRings()
        assert count_alerts(mol, surroundings(mol), rings, CATALOGUES) == one_by_one, Chem.MolToSmiles(mol)


def test_each_alert_is_one_pattern_that_must_match_once(rdkit_catalogue: FilterCatalog.FilterCatalog) -> None:
    """What RDKit keeps of an alert beside its pattern: at least one match, and as many as there are."""
    for i in range(rdkit_catalogue.GetNumEntries()):
        text = rdkit_catalogue.GetEntry(i).Serialize()
        start = text.index(b"\xef\xbe\xad\xde")  # a pickled molecule, its length before it
        least, most = text[start + int(text[:start].split()[-1]) :].split()[:2]
        assert (int(least), int(most)) == (1, 2**32 - 1)


def test_patterns_are_counted_as_one_by_one() -> None:
    patterns = [Chem.MolFromSmarts(smarts) for smarts in QED.StructuralAlertSmarts]
    counted, matched = Patterns(patterns), set()
    for mol in molecules(200):
        one_by_one = [i for i, pattern in enumerate(patterns) if mol.HasSubstructMatch(pattern)]
        assert found(counted, mol) == one_by_one, Chem.MolToSmiles(mol)
        matched |= set(one_by_one)
    assert len(matched) > len(patterns) / 2


ATOMS = ["C", "N", "O", "c", "[NH2]", "[C;!R]", "[#7;R1]", "[O-]", "[N+]", "[C,N]", "[!#6]", "[$(C=O)]", "[!$(CN);C]"]
ATOMS += ["[CX4]", "[OD1]", "[c;r5,r6]", "[$(cN),$(cO)]", "[$([OX2;!$(OC=O)])]", "a", "A", "*", "[CH2,CH3]", "[F,Cl]"]
BONDS = ["", "-", "=", "~", "@", "!@", "-;!@", ":", "-,=", "#"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(BONDS), st.sampled_from(ATOMS), st.booleans()), min_size=1, max_size=6))
def test_any_smarts_is_found_as_rdkit_finds_it(steps: list[tuple[str, str, bool]]) -> None:
    smarts = ATOMS[len(steps)] + "".join(f"({b}{a})" if branch else b + a for b, a, branch in steps)
    pattern = Chem.MolFromSmarts(smarts)
    patterns = Patterns([pattern])
    for mol in _some():
        assert bool(found(patterns, mol)) == mol.HasSubstructMatch(pattern), (smarts, mol)


def _some() -> list[Chem.Mol]:
    if not _SOME:
        _SOME.extend(islice(molecules(0), 0, None, 4))
    return _SOME


_SOME: list[Chem.Mol] = []


def test_a_star_keeps_what_surroundings_tell() -> None:
    def of(smarts: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        return star(Chem.MolFromSmarts(smarts).GetAtomWithIdx(0))

    assert of("[CH2!$(CN)](=!@[O;R0])[c;r6]") == ("[C&H2]", (("-,:", "[#6&R]"), ("=", "[#8&R0]")))
    assert of("[$(C=O),$(S=O)]~[!#6&!#1]") == ("[C,S]", (("~", "[!#6&!#1]"),))
    assert of("[13C@H]") == ("[C&H1]", ())
    assert of("[CH2]1(!@[O;R0])NN1") == ("[R;C&H2]", (("-,:", "[R;#7]"), ("-,:", "[R;#7]"), ("~", "[#8&R0]")))
    assert ring_size(Chem.MolFromSmarts("[C,N;r9,r10]").GetAtomWithIdx(0)) == 9
    assert ring_size(Chem.MolFromSmarts("[C,r9]").GetAtomWithIdx(0)) == 0
