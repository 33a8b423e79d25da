"""Known values, hand-made molecules, and the same numbers as RDKit gives more slowly."""

from collections.abc import Mapping
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import QED
from rdkit.Chem import rdMolDescriptors as descriptors
from rdkit.Chem.Scaffolds import MurckoScaffold

from benchmarks import scoring
from seqtutor_core.chemistry import accessibility, properties
from seqtutor_core.chemistry.alerts import Surroundings, surroundings
from seqtutor_core.chemistry.properties import measure
from seqtutor_core.chemistry.property_query import EXPENSIVE, PROPERTIES, SCAFFOLD, PropertyQuery
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.domains.molecule import corpus
from seqtutor_core.errors import InputError, MissingPartError, SettingError

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
CELECOXIB = "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1"
EVERYTHING = frozenset({*PROPERTIES, SCAFFOLD})


def asks_all(target):
    """The query of every property, with one target for both similarities."""
    return PropertyQuery(target=(target,), target_2=(target,))


def values(smiles: str, *names: str, **query: object) -> Mapping[str, float]:
    measurement = measure(smiles, PropertyQuery(**query), frozenset(names))  # type: ignore[arg-type]
    assert measurement.valid, measurement.error
    return measurement.values


def value(smiles: str, name: str, **query: object) -> float:
    return values(smiles, name, **query)[name]


@pytest.mark.parametrize("smiles", ["[NH3]->[Pt](<-[NH3])([Cl])[Cl]", "C%(100)CCCC%(100)", "N->[Pt]Cl"])
def test_what_only_rdkit_writes_is_measured(smiles: str) -> None:
    measurement = measure(smiles, asks_all(smiles), EVERYTHING)
    assert measurement.valid and measurement.values["similarity"] == 1


def test_whatever_rdkit_raises_costs_one_molecule(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> float:
        raise KeyError("tpsa")

    monkeypatch.setattr(properties.PropertyCalculator, "tpsa", property(broken))
    measurement = measure(ASPIRIN, PropertyQuery(), EVERYTHING - {"similarity", "similarity_2"})
    assert measurement.error == "RDKit cannot measure this molecule ('tpsa')"


def test_aspirin() -> None:
    measurement = measure(ASPIRIN, asks_all(ASPIRIN), EVERYTHING)
    assert measurement.canonical == ASPIRIN and measurement.scaffold == "c1ccccc1"
    assert {name: round(v, 4) for name, v in measurement.values.items()} == {
        "log_p": 1.3101,
        "qed": 0.5501,
        "sa_score": 1.58,
        "largest_ring": 6,
        "molecular_weight": 180.159,  # C9H8O4
        "tpsa": 63.6,  # 2 x 17.07 (C=O) + 9.23 (ester O) + 20.23 (OH)
        "h_bond_donors": 1,
        "h_bond_acceptors": 3,
        "rotatable_bonds": 2,
        "fraction_sp3": 0.1111,  # the methyl of 9 carbons
        "heavy_atoms": 13,
        "carbon_chain": 1,
        "rings": 1,
        "aromatic_rings": 1,
        "bertz": 343.2229,
        "element_count": 0,  # of fluorine
        "isomer": 0,  # of no formula
        "similarity": 1,
        "similarity_2": 1,
        "required": 1,
        "forbidden": 0,
        "alerts": measurement.values["alerts"],
    }
    assert measurement.values["alerts"] >= 1  # a phenol ester


@pytest.mark.parametrize(
    ("smiles", "largest"),
    [("CCO", 0), ("C1CC1", 3), ("c1ccc2ccccc2c1", 6), ("C1CCCCCCC1CC1CC1", 8), ("C1CC2CCC1C2", 5)],
)
def test_largest_ring(smiles: str, largest: int) -> None:
    assert value(smiles, "largest_ring") == largest


@pytest.mark.parametrize(
    ("smiles", "chain"),
    [
        ("CCCCCCCC", 8),
        ("CCCC(C)CCCCC", 5),  # the branching carbon has one hydrogen
        ("CCCOCCCC", 4),
        ("CCC=CCCC", 3),  # sp2 in between
        ("C1CCCCC1CCC", 3),  # the ring does not count
        ("c1ccccc1", 0),
        ("C", 1),
        ("CC(C)(C)C", 1),
        ("FC(F)(F)CCC(F)(F)F", 2),
        ("CCCC.CC", 4),
    ],
)
def test_carbon_chain(smiles: str, chain: int) -> None:
    assert value(smiles, "carbon_chain") == chain


def test_similarity() -> None:
    assert value(CELECOXIB, "similarity", target=CELECOXIB) == 1
    # the same molecule begun at another atom
    other = Chem.MolToSmiles(Chem.MolFromSmiles(CELECOXIB), rootedAtAtom=20, canonical=False)
    assert other != CELECOXIB and value(other, "similarity", target=CELECOXIB) == 1
    assert value("[Na+].[Cl-]", "similarity", target="CCCC") == 0
    assert 0 < value(ASPIRIN, "similarity", target=CELECOXIB) < 0.5


def test_similarity_needs_a_target_that_is_a_molecule() -> None:
    with pytest.raises(InputError, match="no target; give one"):
        value("CC", "similarity")
    with pytest.raises(InputError, match="target 'C1CC' cannot be used: ring 1 is opened and never closed"):
        value("CC", "similarity", target="C1CC")


def test_required_and_forbidden() -> None:
    smarts = ("[OX2H]", "[#7]", "c1ccccc1", "C(=O)O")
    assert value(ASPIRIN, "required", required=smarts) == 0.75
    assert value(ASPIRIN, "forbidden", forbidden=smarts) == 3
    assert value(ASPIRIN, "required") == 1 and value(ASPIRIN, "forbidden") == 0
    with pytest.raises(InputError, match=r"not SMARTS: '\(' at position 2"):
        value("CC", "required", required=("C(",))


def test_alerts() -> None:
    """Quinones: PAINS knows quinone_A(370), and Brenk and the NIH have patterns of their own."""
    quinone = "O=C1C=CC(=O)C=C1"
    each = [value(quinone, "alerts", catalogues=(name,)) for name in ("PAINS", "BRENK", "NIH")]
    assert each[0] == 1 and each[1] >= 1
    assert value(quinone, "alerts") == sum(each)
    assert value(quinone, "alerts", catalogues=()) == 0 and value("CCO", "alerts") == 0
    with pytest.raises(SettingError, match="no catalogue of alerts named 'Lilly'; choose among PAINS, BRENK, NIH"):
        PropertyQuery(catalogues=("Lilly",))


def test_a_question_survives_json() -> None:
    query = PropertyQuery(("CC",), ("C",), ("N", "O"), ("NIH",))
    assert PropertyQuery(**query.as_json()) == query
    assert hash(PropertyQuery(required=["C"])) == hash(PropertyQuery(required=("C",)))  # type: ignore[arg-type]


def test_only_what_is_wanted_is_measured() -> None:
    measurement = measure("c1ccccc1CC", PropertyQuery(), frozenset({"tpsa"}))
    assert measurement.values == {"tpsa": 0.0} and measurement.scaffold == ""
    assert set(measure("CC", asks_all("C"), frozenset(PROPERTIES)).values) == set(PROPERTIES)
    assert {*PROPERTIES, SCAFFOLD} > EXPENSIVE
    with pytest.raises(SettingError, match="no molecule property named logp; there are: log_p, qed"):
        measure("CC", PropertyQuery(), frozenset({"logp"}))


def test_one_logp_of_qed_and_logp(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Chem.Mol] = []
    original = properties.crippen.log_p

    def counted(mol: Chem.Mol, around: Surroundings) -> float:
        calls.append(mol)
        return original(mol, around)

    monkeypatch.setattr(properties.crippen, "log_p", counted)
    values(ASPIRIN, "qed", "log_p")
    assert len(calls) == 1


# ---------------------------------------------------------------- equal to RDKit

EXOTIC = [
    "CC(C)C1=CC2=C(C)C=CC2=C(C)C=C1",  # RDKit's own notes on its count of aromatic rings
    "N1C2=CC=CC=C2SC3=C1C=CC4=C3C=CC=C4",
    "OC1=C(O)C=C2C(=C1)OC3=CC(=O)C(=CC3=C2C4=CC=CC=C4)O",
    "c1ccc2c(c1)Cc1ccccc1-2",
    "C1=CC2=CC=C3C=CC4=CC=C5C=CC6=CC=C1C7=C2C3=C4C5=C67",
    "C1CC2CCC1C2",
    "O=C1C=CC(=O)C=C1",
    "[O-][N+](=O)c1ccc(N=[N+]=[N-])cc1S",
    "C[N+](C)(C)CC(=O)[O-]",
    "FC(F)(F)c1c(Cl)c(Br)c(I)cc1P(=O)(O)O",
    "CC#CC(=O)C=C(C=O)C=O",
    "[13CH3]C[15NH2]",
    "[2H]C([2H])([2H])O",
    "C[Si](C)(C)Cl",
    "[Na+].OC(=O)c1ccccc1",
    "N#N",
    "[H][H]",
    "F.F.F.F",
    "*c1ccccc1",
    "[NH3][Pt](Cl)(Cl)[NH3]",
    "C->[Fe]",
    "CCCCCCCCCCCC(=O)OO",
    "CC#CCCC(C)(C)COC(F)(F)C(F)(F)F",  # ends that do not count as rotatable, and bonds between two that are stiff
    "CC(=[NH2+])N(C)C(=O)OCC(=O)[O-]",
    "CC[N+](C)(C)NS(=O)(=O)CN=C(N)NC(=S)CC",
    "[2H]C([2H])([2H])OCC",
    "C" * 300,  # more bonds than RDKit looks at
]


def reference(smiles: str) -> dict[str, float]:
    mol = Chem.MolFromSmiles(smiles)
    return {
        "qed": QED.qed(mol),
        "log_p": descriptors.CalcCrippenDescriptors(mol, includeHs=True, force=True)[0],
        "molecular_weight": descriptors._CalcMolWt(mol),
        "tpsa": descriptors.CalcTPSA(mol),
        "h_bond_donors": descriptors.CalcNumHBD(mol),
        "h_bond_acceptors": descriptors.CalcNumHBA(mol),
        "rotatable_bonds": descriptors.CalcNumRotatableBonds(mol),
        "fraction_sp3": descriptors.CalcFractionCSP3(mol),
        "sa_score": accessibility.fragments().calculateScore(Chem.Mol(mol)),
    }


def moses(count: int, first: int = 0) -> list[str]:
    try:
        return list(islice(corpus.smiles("held_out"), first, first + count))
    except MissingPartError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("smiles", EXOTIC)
def test_exotic_molecules_equal_rdkit(smiles: str) -> None:
    expected = reference(smiles)
    assert values(smiles, *expected) == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
def test_training_molecules_equal_rdkit() -> None:
    for smiles in moses(3000):
        expected = reference(smiles)
        assert values(smiles, *expected) == pytest.approx(expected, abs=1e-9), smiles


def test_scaffolds_equal_rdkit() -> None:
    for smiles in moses(200):
        scaffold = MurckoScaffold.MurckoScaffoldSmiles(smiles=smiles)
        assert measure(smiles, PropertyQuery(), frozenset({SCAFFOLD})).scaffold == scaffold
    assert measure("CCCC", PropertyQuery(), frozenset({SCAFFOLD})).scaffold == ""


HYDROGENS = [  # on everything but carbon, a rule each
    "O",
    "OO",
    "ON",
    "CO",
    "OC=C",
    "OC#N",
    "OC(=O)O",
    "OC(=N)N",
    "OS(=O)(=O)O",
    "OP(=O)(O)O",
    "OB(O)c1ccccc1",
    "On1cccc1",
    "Oc1ccc[nH]1",
    "C#CO",
    "CS",
    "P",
    "[SiH4]",
    "[OH-]",
    "[OH3+]",
    "CC(O)=[OH+]",
    "[NH4+]",
    "[2H]OC",
    "[H]O[2H]",
]


@pytest.mark.parametrize("smiles", HYDROGENS)
def test_hydrogens_contribute_to_log_p_as_in_rdkit(smiles: str) -> None:
    expected = descriptors.CalcCrippenDescriptors(Chem.MolFromSmiles(smiles))[0]
    assert value(smiles, "log_p") == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("smiles", ["CCO", ASPIRIN, "C[NH3+]", "[2H]CO"])
@pytest.mark.parametrize("ours_first", [True, False])
def test_log_p_does_not_mind_what_rdkit_keeps_on_a_molecule(smiles: str, ours_first: bool) -> None:
    fresh = [descriptors.CalcCrippenDescriptors(Chem.MolFromSmiles(smiles), includeHs=hs)[0] for hs in (True, False)]
    for hydrogens in (True, False):
        mol = Chem.MolFromSmiles(smiles)
        if ours_first:
            properties.crippen.log_p(mol, surroundings(mol))
        theirs = descriptors.CalcCrippenDescriptors(mol, includeHs=hydrogens)[0]
        assert theirs == fresh[not hydrogens]
        assert properties.crippen.log_p(mol, surroundings(mol)) == pytest.approx(fresh[0], abs=1e-9)


def test_log_p_tells_an_aromatic_neighbour_of_the_carbon_from_one_that_is_not() -> None:
    """To the oxygen of both the surroundings look alike."""
    for smiles in ("CC(=O)C1=CCCCC1", "CC(=O)c1ccccc1", "CC(=O)C1=CCCCC1"):
        expected = descriptors.CalcCrippenDescriptors(Chem.MolFromSmiles(smiles))[0]
        assert value(smiles, "log_p") == pytest.approx(expected, abs=1e-9)


def test_log_p_of_ethanol_by_hand() -> None:
    """CH3-C: C1 0.1441; CH2-O: C3 -0.2035; O: O2 -0.2893; five H on carbon 0.123 each; H of an alcohol -0.2677."""
    assert value("CCO", "log_p") == pytest.approx(0.1441 - 0.2035 - 0.2893 + 5 * 0.123 - 0.2677)


# ---------------------------------------------------------------- what is no molecule, and what is an odd one


@pytest.mark.parametrize(
    ("smiles", "said"),
    [
        ("", "no SMILES is given"),
        (" ", "' ' at position 1"),
        ("CC O", "' ' at position 3"),
        ("CÖ", "'Ö' at position 2"),
        ("C\x00C", "at position 2"),
        ("c1cc(", "not SMILES: '(' at position 5"),
        ("C1CC", "ring 1 is opened and never closed: '1' at position 2"),
        ("C%12CC", "ring 12 is opened and never closed"),
        ("C)C", "')' at position 2"),
        ("[Xx]", "at position 2 of '[Xx]'"),
        ("CC(C)(C)(C)C", "C has 5 bonds, more than its valence allows: 'C' at position 2"),
        ("c1cccc1", "no alternation of single and double bonds"),
        ("cC", "in no ring"),
        ("C=", "'=' at position 2"),
        ("C11", "a ring closes onto the atom it starts from"),
        ("[" * 500, "never closed"),
        ("C" * 20_000, "20,000 characters of SMILES are more than 10,000"),
    ],
)
def test_what_is_no_molecule_says_why(smiles: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    measurement = measure(smiles, asks_all("CC"), EVERYTHING)
    assert not measurement.valid and said in measurement.error and "\n" not in measurement.error
    assert (measurement.smiles, measurement.canonical, measurement.scaffold, dict(measurement.values)) == (
        smiles,
        "",
        "",
        {},
    )


def test_a_mixture_is_measured_as_a_whole() -> None:
    measurement = measure("O.CCO.[Na+].[Cl-]", PropertyQuery(), frozenset({"heavy_atoms", "molecular_weight"}))
    assert measurement.values["heavy_atoms"] == 6
    assert measurement.values["molecular_weight"] == pytest.approx(18.015 + 46.069 + 22.990 + 35.453, abs=0.01)


def test_five_hundred_atoms() -> None:
    units = measure("C" + "c1ccccc1" * 83 + "C", asks_all("CC"), EVERYTHING)
    assert units.values["heavy_atoms"] == 500 and set(units.values) == set(PROPERTIES)


def test_the_score_that_ships_with_rdkit_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    accessibility.fragments.cache_clear()
    monkeypatch.setattr(accessibility.RDConfig, "RDContribDir", "nowhere")
    with pytest.raises(MissingPartError, match=r"missing in nowhere.SA_Score; reinstall rdkit"):
        value("CC", "sa_score")
    monkeypatch.undo()
    assert value(ASPIRIN, "sa_score") == pytest.approx(1.58, abs=0.001)


smiles_like = st.lists(st.sampled_from([*MOSES.seen, "[", "]", "%", "[O-]", ".", "/", "*", "9", " ", "é"])).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), smiles_like))
def test_any_text_gets_facts(text: str) -> None:
    measurement = measure(text, asks_all("CCO"), EVERYTHING - {"alerts"})
    assert (
        measurement.smiles == text
        and measurement.valid == bool(measurement.canonical)
        and measurement.valid != bool(measurement.error)
    )
    assert measurement.valid == (set(measurement.values) == set(PROPERTIES) - {"alerts"})


def test_the_benchmark_asks_for_what_every_property_needs() -> None:
    assert scoring.QUERY.answerable == frozenset(PROPERTIES)
