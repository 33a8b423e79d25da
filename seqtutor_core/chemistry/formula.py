"""Molecular formulas: which atoms they name, and how near a molecule's atoms come to one. Nothing here needs RDKit."""

import math
import re
from collections.abc import Mapping

from seqtutor_core.errors import SettingError

ELEMENTS = tuple(
    """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb
    Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
    Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db
    Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
    """.split()  # noqa: SIM905  # a list of 118 quoted ones would be a screen long
)
MOST_ATOMS = 1000  # of one element
PART = re.compile(r"([A-Z][a-z]?)([0-9]{0,4})")
SPREAD, TOTAL_SPREAD = 1.0, 2.0  # atoms: standard deviations for one element, and for all atoms together


def parse_formula(text: str) -> dict[str, int]:
    """Return the atoms of a formula such as C7H8N2O2 by element; SettingError says what is wrong with it, and where."""
    atoms: dict[str, int] = {}
    place = 0
    while place < len(text):
        part = PART.match(text, place)
        if not part or part[1] not in ELEMENTS:
            raise SettingError(
                f"no formula: {text[:80]!r} has no element at character {place + 1}; write elements and their numbers, "
                "as in C7H8N2O2"
            )
        number = int(part[2] or 1)
        if not 1 <= number <= MOST_ATOMS:
            raise SettingError(f"{part[0]} in the formula {text[:80]!r}: choose from 1 to {MOST_ATOMS} atoms")
        atoms[part[1]] = atoms.get(part[1], 0) + number
        place = part.end()
    return atoms


def isomer_score(counts: Mapping[str, int], wanted: Mapping[str, int]) -> float:
    """Return how near atoms by element, hydrogens included, come to those of a formula: 1 for an isomer of it.

    The geometric mean of a Gaussian for each of the formula's elements and one for all atoms (Brown et al. 2019).
    """
    deviations = [(counts.get(element, 0) - number) / SPREAD for element, number in wanted.items()]
    deviations.append((sum(counts.values()) - sum(wanted.values())) / TOTAL_SPREAD)
    return math.exp(-sum(deviation**2 for deviation in deviations) / 2 / len(deviations))
