"""Similarity by every fingerprint, formulas, rings, complexity, elements: as RDKit has them, and by hand."""

import math
from collections import Counter
from typing import Any

import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import AllChem, GraphDescriptors, rdMolDescriptors
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D

from seqtutor_core.chemistry.formula import parse_formula
from seqtutor_core.chemistry.properties import measure
from seqtutor_core.chemistry.property_query import FINGERPRINTS, ON_REQUEST, PropertyQuery
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.domains.molecule.scored_molecules import score_molecules
from seqtutor_core.errors import InputError, SettingError
from seqtutor_core.objective import GEOMETRIC_MEAN, Objective
from tests.test_own_rewards import pay

MOLECULES = (
    "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F",
    "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1",
    "COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1",
    "C[N+](C)(C)CC([O-])=O",
    "[2H]OC1CC1",
    "BrC1CCCCC1I",
)
older: Any = AllChem
OLDER = {  # the functions that the generators have replaced
    "ECFP4 counts": lambda mol: older.GetMorganFingerprint(mol, 2),
    "ECFP6 counts": lambda mol: older.GetMorganFingerprint(mol, 3),
    "FCFP4 counts": lambda mol: older.GetMorganFingerprint(mol, 2, useFeatures=True),
    "atom pairs counts": lambda mol: older.GetAtomPairFingerprint(mol, maxLength=10),
    "ECFP4": lambda mol: older.GetMorganFingerprintAsBitVect(mol, 2, 2048),
    "ECFP6": lambda mol: older.GetMorganFingerprintAsBitVect(mol, 3, 2048),
    "FCFP4": lambda mol: older.GetMorganFingerprintAsBitVect(mol, 2, 2048, useFeatures=True),
    "pharmacophores": lambda mol: Generate.Gen2DFingerprint(mol, Gobbi_Pharm2D.factory),
}


def value(smiles: str, name: str, **query: object) -> float:
    return measure(smiles, PropertyQuery(**query), frozenset({name})).values[name]  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", FINGERPRINTS)
def test_similarity_is_rdkits(kind: str) -> None:
    for smiles in MOLECULES:
        found = value(smiles, "similarity_2", target_2=MOLECULES[:1], fingerprint_2=kind)
        if kind in OLDER:
            pair = [OLDER[kind](Chem.MolFromSmiles(text)) for text in (smiles, MOLECULES[0])]
            assert found == DataStructs.TanimotoSimilarity(*pair)
        else:  # no older function has it
            assert (found == 1) == (smiles == MOLECULES[0]) and 0 <= found <= 1


def test_pharmacophores_are_counted() -> None:
    assert value("OCCCCCO", "similarity", target=("OCCCCCO",), fingerprint="pharmacophores counts") == 1
    by_kind = [
        value(MOLECULES[0], "similarity", target=(MOLECULES[1],), fingerprint=kind)
        for kind in ("pharmacophores", "pharmacophores counts")
    ]
    assert by_kind == pytest.approx([0.118644, 0.068670], abs=1e-6)  # of RDKit 2026.09


def test_of_several_targets_the_largest_or_the_mean_counts() -> None:
    each = [value(MOLECULES[1], "similarity", target=(target,)) for target in MOLECULES]
    assert value(MOLECULES[1], "similarity", target=MOLECULES) == max(each) == 1
    assert value(MOLECULES[1], "similarity", target=MOLECULES, over_targets="mean") == pytest.approx(sum(each) / 6)


def test_rings_complexity_and_elements_are_rdkits() -> None:
    for smiles in MOLECULES:
        mol = Chem.MolFromSmiles(smiles)
        assert value(smiles, "rings") == rdMolDescriptors.CalcNumRings(mol)
        assert value(smiles, "aromatic_rings") == rdMolDescriptors.CalcNumAromaticRings(mol)
        assert value(smiles, "bertz") == GraphDescriptors.BertzCT(mol)
        atoms = Counter(atom.GetSymbol() for atom in Chem.AddHs(mol).GetAtoms())
        for element in ("C", "H", "F", "I"):
            assert value(smiles, "element_count", element=element) == atoms[element]


def test_isomers_by_hand() -> None:
    assert value("c1ccccc1", "isomer", formula="C6H6") == 1
    # C6H12 against C6H6: six hydrogens too many, 18 atoms instead of 12
    wanted = (1 * math.exp(-(6**2) / 2) * math.exp(-((6 / 2) ** 2) / 2)) ** (1 / 3)
    assert value("C1CCCCC1", "isomer", formula="C6H6") == pytest.approx(wanted, rel=1e-12)
    assert value("[NH4+].[Cl-]", "isomer", formula="NH4Cl") == 1


def test_formulas_are_read_or_refused_with_the_place() -> None:
    assert parse_formula("C9H10N2O2PF2Cl") == {"C": 9, "H": 10, "N": 2, "O": 2, "P": 1, "F": 2, "Cl": 1}
    assert parse_formula("CH3CH3") == {"C": 2, "H": 6}
    for text, message in (
        ("C6Hx", "no element at character 3"),
        ("c6", "no element at character 1"),
        ("C6(OH)", "no element at character 3"),
        ("C0", "choose from 1 to 1000 atoms"),
        ("C99999", "choose from 1 to 1000|no element"),
    ):
        with pytest.raises(SettingError, match=message):
            parse_formula(text)


def test_wrong_settings_are_named() -> None:
    for settings, message in (
        ({"fingerprint": "MACCS"}, "no fingerprint named 'MACCS'"),
        ({"over_targets": "least"}, "no over_targets named"),
        ({"element": "Xx"}, "no element named 'Xx'"),
        ({"formula": "what"}, "no formula"),
        ({"target": ["C"] * 21}, "at most 20"),
    ):
        with pytest.raises(SettingError, match=message):
            MoleculeSettings.of(settings)
    with pytest.raises(InputError, match="the target 'C1' cannot be used"):
        value("C", "similarity_2", target_2=("C1",))
    for term in ("similarity_2", "isomer"):
        with pytest.raises(SettingError, match="nothing to go by"):
            Molecule().set_active_terms({term: 1.0})


def test_new_terms_are_measured_on_request_alone() -> None:
    """Replay memories of older checkpoints have no column for them, so the first weight scores all anew."""
    molecule = Molecule(MoleculeSettings(target_2=("CCO",), formula="C2H6O"))
    for name in ON_REQUEST:
        assert molecule.set_active_terms({name: 1.0}), name
    assert not molecule.set_active_terms(dict.fromkeys(ON_REQUEST, 1.0))


# ---------------------------------------------------------------- molecules that somebody typed


def test_a_typed_molecule_earns_what_a_rollout_of_its_tokens_earns() -> None:
    typed = ["CC(=O)Oc1ccccc1C(=O)O", "CCO", "CCCCCCCCCCCCCC", "c1ccccc1Br", "c1ccc"]  # the last is none
    weights = {"qed": 40.0, "log_p": 2.0, "too_short": 3.0, "carbon_chain": 5.0, "validity": 7.0, "tpsa": 1.0}
    objective = Objective(Molecule(MoleculeSettings(corpus="zinc")), weights, 1.0)
    molecule: Any = objective.domain
    molecule.set_active_terms(weights)
    sums = pay(molecule, *([*molecule.tokens.encode(each), molecule.end] for each in typed)).sum(1)
    scored = score_molecules(objective, typed)
    assert [one.reward for one in scored] == pytest.approx(objective.reward(sums.double()).tolist(), abs=1e-4)
    assert scored[1].reward < scored[0].reward and scored[-1].reward < 0
    for one in scored:
        effects = [abs(each.effect) for each in one.contributions]
        assert effects == sorted(effects, reverse=True) and len(effects) == len(weights)


def test_under_a_geometric_mean_what_costs_most_stands_first() -> None:
    objective = Objective(Molecule(), {"qed": 1.0, "tpsa": 3.0}, 1.0, GEOMETRIC_MEAN)
    (aspirin,) = score_molecules(objective, ["CC(=O)Oc1ccccc1C(=O)O"])
    factors = [each.effect for each in aspirin.contributions]
    assert factors == sorted(factors)
    assert aspirin.reward == pytest.approx(4 * math.prod(factors))
