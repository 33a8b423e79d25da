"""The reward terms of molecules: their sliders, their units, and how each follows from a measured property."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from seqtutor_core.chemistry.property_query import Measurement
from seqtutor_core.domains.base import UNBOUNDED, RewardTerm
from seqtutor_core.domains.molecule.desirability import Desirability
from seqtutor_core.domains.own import OWN, OWN_TERMS

DRUG, SIZE, LIKE, HONEST = "Drug-likeness", "Size and polarity", "Likeness and substructures", "Novelty and honesty"
SHORT, SHORTISH = 19, 26
"""Tokens; the paper's limits are 19 and the mean of its corpus minus two standard deviations, which in ours is 26."""
CHAIN = 6
"""Longest carbon chain, in atoms, that does not count as padding."""
LARGEST_FREE_RING = 6
"""Atoms of the largest ring that costs nothing."""

QED_HIGHEST = 0.94845  # each of QED's eight properties at its best, the counts as whole numbers; rounded up
SHARE, COST, COSTS, COUNT = (0.0, 1.0), (-1.0, 0.0), (-math.inf, 0.0), (0.0, math.inf)
BOUNDS: Mapping[str, tuple[float, float]] = {  # lowest and highest, raw; 0 if it is invalid. Log P has none
    "qed": (0.0, QED_HIGHEST),
    "synthetic_accessibility": (-10.0, 0.0),
    "ring_penalty": COSTS,
    "molecular_weight": COUNT,
    "heavy_atoms": COUNT,
    "tpsa": COUNT,
    "h_bond_donors": COUNT,
    "h_bond_acceptors": COUNT,
    "rotatable_bonds": COUNT,
    "fraction_sp3": SHARE,
    "similarity": SHARE,
    "required": SHARE,
    "forbidden": COSTS,
    "alerts": COSTS,
    "validity": SHARE,
    "novelty": SHARE,
    "scaffold_diversity": COST,
    "carbon_chain": COST,
    "too_short": COST,
    "similarity_2": SHARE,
    "isomer": SHARE,
    "rings": COUNT,
    "aromatic_rings": COUNT,
    "bertz": COUNT,
    "element_count": COUNT,
}


def _term(name: str, label: str, group: str, text: str, scale: tuple[float, float, str]) -> RewardTerm:
    default, largest, unit = scale
    return RewardTerm(name, label, group, text, default, largest, unit, BOUNDS.get(name, UNBOUNDED))


TERMS = (
    _term("qed", "Drug-likeness (QED)", DRUG, "Quantitative estimate, 0 to 1.", (40.0, 200.0, "QED")),
    _term("log_p", "Lipophilicity (log P)", DRUG, "Crippen's estimate; drugs lie from 0 to 5.", (0.0, 30.0, "log P")),
    _term("synthetic_accessibility", "Easy to make", DRUG, "Minus the SA score, 1 to 10.", (2.0, 20.0, "minus SA")),
    _term(
        "ring_penalty",
        "No large rings",
        DRUG,
        f"Ring atoms beyond {LARGEST_FREE_RING} cost 1 each.",
        (0.0, 30.0, "atoms"),
    ),
    _term("molecular_weight", "Weight", SIZE, "Average mass.", (0.0, 100.0, "Da")),
    _term("heavy_atoms", "Heavy atoms", SIZE, "All but hydrogen.", (0.0, 100.0, "atoms")),
    _term("tpsa", "Polar surface (TPSA)", SIZE, "Below 140 for uptake, 90 for the brain.", (0.0, 100.0, "Å²")),
    _term("h_bond_donors", "H-bond donors", SIZE, "At most 5 by Lipinski's rule.", (0.0, 100.0, "donors")),
    _term("h_bond_acceptors", "H-bond acceptors", SIZE, "At most 10 by Lipinski's rule.", (0.0, 100.0, "acceptors")),
    _term("rotatable_bonds", "Rotatable bonds", SIZE, "Fewer make a stiffer molecule.", (0.0, 100.0, "bonds")),
    _term("fraction_sp3", "Fraction sp3", SIZE, "Share of carbons with four neighbours.", (0.0, 100.0, "share")),
    _term("similarity", "Like the target", LIKE, "Tanimoto similarity to the target.", (0.0, 400.0, "Tanimoto")),
    _term("required", "Has the substructures", LIKE, "Share of the required SMARTS found.", (0.0, 200.0, "share")),
    _term("forbidden", "Avoids substructures", LIKE, "Each forbidden SMARTS costs 1.", (0.0, 200.0, "matches")),
    _term("alerts", "No structural alerts", LIKE, "Each alert costs 1.", (0.0, 100.0, "alerts")),
    _term("validity", "Valid", HONEST, "A SMILES that is a molecule earns 1.", (20.0, 600.0, "share valid")),
    _term("novelty", "Novel", HONEST, "A molecule the training set has not earns 1.", (0.0, 100.0, "share novel")),
    _term("scaffold_diversity", "New scaffolds", HONEST, "One seen often costs up to 1.", (0.0, 100.0, "points")),
    _term("carbon_chain", "No carbon padding", HONEST, f"A chain beyond {CHAIN} costs 1.", (0.0, 200.0, "chains")),
    _term("too_short", "Not too short", HONEST, f"Fewer than {SHORT} tokens cost 1.", (0.0, 250.0, "points")),
    _term("similarity_2", "Like the second target", LIKE, "Similarity to other targets.", (0.0, 400.0, "Tanimoto")),
    _term("isomer", "Has the formula", LIKE, "1 for an isomer of the formula.", (0.0, 400.0, "share")),
    _term("rings", "Rings", SIZE, "Of the smallest set of rings.", (0.0, 100.0, "rings")),
    _term("aromatic_rings", "Aromatic rings", SIZE, "Fewer dissolve better.", (0.0, 100.0, "rings")),
    _term("element_count", "Atoms of an element", SIZE, "Of the element chosen below.", (0.0, 100.0, "atoms")),
    _term("bertz", "Complexity (Bertz)", DRUG, "By bonds and kinds of atoms.", (0.0, 100.0, "bits")),
    *OWN_TERMS,
)
"""In this order for good, new ones last: replay memories in checkpoints have a column for each."""

PAPER_WEIGHTS: Mapping[str, float] = {  # the authors' scripts; see docs/rewards.md for what each became
    "validity": 600.0,
    "log_p": 3.0,
    "qed": 40.0,
    "synthetic_accessibility": 2.0,
    "ring_penalty": 5.0,
    "carbon_chain": 150.0,
    "too_short": 200.0,
}

TERM_PROPERTIES: Mapping[str, str] = {  # the term, and the property it follows from
    "log_p": "log_p",
    "qed": "qed",
    "synthetic_accessibility": "sa_score",
    "ring_penalty": "largest_ring",
    "molecular_weight": "molecular_weight",
    "heavy_atoms": "heavy_atoms",
    "tpsa": "tpsa",
    "h_bond_donors": "h_bond_donors",
    "h_bond_acceptors": "h_bond_acceptors",
    "rotatable_bonds": "rotatable_bonds",
    "fraction_sp3": "fraction_sp3",
    "similarity": "similarity",
    "required": "required",
    "forbidden": "forbidden",
    "alerts": "alerts",
    "carbon_chain": "carbon_chain",
    **{name: name for name in ("similarity_2", "isomer", "rings", "aromatic_rings", "element_count", "bertz", *OWN)},
}


def raw_terms(measurements: Sequence[Measurement]) -> dict[str, np.ndarray]:
    """Return the terms (B,) of molecules that follow from their properties alone, signs and limits applied, by name.

    NaN where a property was not measured; a term that no molecule has is left out.
    """
    measured = set().union(*(one.values for one in measurements))
    terms = {
        term: np.array([one.values.get(name, np.nan) for one in measurements], np.float64)
        for term, name in TERM_PROPERTIES.items()
        if name in measured
    }
    for term in ("synthetic_accessibility", "forbidden", "alerts"):
        if term in terms:
            terms[term] = 0.0 - terms[term]  # never -0.0
    if "ring_penalty" in terms:
        terms["ring_penalty"] = np.minimum(0.0, LARGEST_FREE_RING - terms["ring_penalty"])
    if "carbon_chain" in terms:
        terms["carbon_chain"] = np.where(np.isnan(terms["carbon_chain"]), np.nan, 0.0 - (terms["carbon_chain"] > CHAIN))
    return terms


def with_desirability(term: RewardTerm, desirability: Desirability | None) -> RewardTerm:
    """Return the term with its bounds under a desirability: 0 to 1, unless the raw value is rewarded."""
    return term if desirability is None or desirability.kind == "raw" else replace(term, bounds=SHARE)


def too_short(tokens: Sequence[int]) -> np.ndarray:
    """Return (B,) minus what the paper takes, 200 below SHORT tokens and 25 below SHORTISH, over its weight of 200."""
    return np.select([np.less(tokens, SHORT), np.less(tokens, SHORTISH)], [-1.0, -0.125], 0.0)
