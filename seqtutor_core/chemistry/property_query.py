"""Which properties of a molecule are requested, and the measurement that comes back. Nothing here needs RDKit."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from seqtutor_core.chemistry.formula import ELEMENTS, parse_formula
from seqtutor_core.errors import SettingError
from seqtutor_core.rules import check, one_of, several, text

PROPERTIES = (
    "log_p",
    "qed",
    "sa_score",
    "largest_ring",
    "molecular_weight",
    "tpsa",
    "h_bond_donors",
    "h_bond_acceptors",
    "rotatable_bonds",
    "fraction_sp3",
    "heavy_atoms",
    "carbon_chain",
    "similarity",
    "required",
    "forbidden",
    "alerts",
    "similarity_2",
    "isomer",
    "rings",
    "aromatic_rings",
    "bertz",
    "element_count",
)
"""Numbers that can be measured of a molecule; properties.PropertyCalculator defines each."""
SCAFFOLD = "scaffold"
"""Can be requested too, and is a SMILES."""
ON_REQUEST = frozenset({"similarity_2", "isomer", "rings", "aromatic_rings", "bertz", "element_count"})
EXPENSIVE = frozenset({"qed", "sa_score", "alerts", SCAFFOLD}) | ON_REQUEST
"""Properties that cost more than parsing the molecule, or are seldom asked for: measured only on request."""
COUNTS = " counts"
FINGERPRINTS = tuple(
    kind + how for kind in ("ECFP4", "ECFP6", "FCFP4", "atom pairs", "pharmacophores") for how in ("", COUNTS)
)
"""What similarity is measured by: fingerprints.py defines each, binary or with counts."""
LARGEST, MEAN = OVER_TARGETS = ("largest", "mean")
MAX_TARGETS = 20
CATALOGUES = ("PAINS", "BRENK", "NIH")
MAX_SMARTS = 20


@dataclass(frozen=True)
class PropertyQuery:
    """What some properties compare a molecule with. SettingError for an unknown catalogue, fingerprint or element.

    SMILES and SMARTS are checked when a property first needs them.
    """

    target: tuple[str, ...] = ()
    """SMILES that `similarity` compares with."""
    required: tuple[str, ...] = ()
    """SMARTS."""
    forbidden: tuple[str, ...] = ()
    """SMARTS."""
    catalogues: tuple[str, ...] = CATALOGUES
    """Collections of structural alerts."""
    fingerprint: str = FINGERPRINTS[0]
    """What `similarity` is measured by."""
    over_targets: str = LARGEST
    """Of the similarities to several targets: the largest, or their mean."""
    target_2: tuple[str, ...] = ()
    fingerprint_2: str = FINGERPRINTS[0]
    over_targets_2: str = LARGEST
    """The same three for `similarity_2`."""
    formula: str = ""
    """That `isomer` compares with."""
    element: str = "F"
    """Whose atoms `element_count` counts."""

    def __post_init__(self) -> None:
        check(self, required=several(text, MAX_SMARTS), forbidden=several(text, MAX_SMARTS))
        check(self, catalogues=several(text, len(CATALOGUES)), formula=text, element=one_of(*ELEMENTS))
        check(self, target=several(text, MAX_TARGETS), target_2=several(text, MAX_TARGETS))
        check(self, fingerprint=one_of(*FINGERPRINTS), fingerprint_2=one_of(*FINGERPRINTS))
        check(self, over_targets=one_of(*OVER_TARGETS), over_targets_2=one_of(*OVER_TARGETS))
        parse_formula(self.formula)
        for name in self.catalogues:
            if name not in CATALOGUES:
                raise SettingError(f"no catalogue of alerts named {name!r}; choose among {', '.join(CATALOGUES)}")

    def part(self, name: str) -> tuple[str, ...]:
        """Return the part of the query that the value of a property depends on; empty for most."""
        parts = {
            "required": self.required,
            "forbidden": self.forbidden,
            "alerts": self.catalogues,
            "similarity": (self.fingerprint, self.over_targets, *self.target),
            "similarity_2": (self.fingerprint_2, self.over_targets_2, *self.target_2),
            "isomer": (self.formula,),
            "element_count": (self.element,),
        }
        return parts.get(name, ())

    @property
    def answerable(self) -> frozenset[str]:
        """The properties that have something to compare with: similarity needs a target, and so on."""
        needed: dict[str, object] = {"similarity": self.target, "similarity_2": self.target_2, "isomer": self.formula}
        needed |= {"required": self.required, "forbidden": self.forbidden, "alerts": self.catalogues}
        return frozenset(name for name in PROPERTIES if needed.get(name, True))

    @property
    def slow(self) -> frozenset[str]:
        """The properties that take milliseconds: they are not measured for looking alone."""
        kinds = {"similarity": self.fingerprint, "similarity_2": self.fingerprint_2}
        return frozenset({"bertz"} | {name for name, kind in kinds.items() if kind.startswith("pharmacophores")})

    def as_json(self) -> dict[str, Any]:
        """Return the query for json.dumps; PropertyQuery(**query.as_json()) equals the query."""
        return {**vars(self)}


@dataclass(frozen=True)
class Measurement:
    """The measured properties of one molecule, or the error of an invalid one."""

    smiles: str
    """As it was written."""
    canonical: str = ""
    """RDKit's canonical SMILES; empty for an invalid molecule."""
    error: str = ""
    """Why the SMILES is invalid or could not be measured; empty for a valid molecule."""
    scaffold: str = ""
    """Bemis-Murcko scaffold; empty without rings or if it was not requested."""
    values: Mapping[str, float] = field(default_factory=dict)
    """The requested properties by name; empty for an invalid molecule."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Requested properties that could not be measured, and why."""
    flat: str = ""
    """Canonical SMILES without stereochemistry, where it differs."""

    @property
    def graph(self) -> str:
        """The canonical SMILES without stereochemistry: the training set has none, so novelty compares this."""
        return self.flat or self.canonical

    @property
    def valid(self) -> bool:
        """Whether this is a molecule and was measured."""
        return not self.error

    def merged(self, other: "Measurement") -> "Measurement":
        """Return the union with another measurement of the same molecule; an error of either wins."""
        if not (self.valid and other.valid):
            return self if other.valid else replace(other, smiles=self.smiles)
        values, unknown = {**self.values, **other.values}, {**self.unknown, **other.unknown}
        return replace(self, scaffold=self.scaffold or other.scaffold, values=values, unknown=unknown)


def check_properties(requested: frozenset[str]) -> None:
    """Raise SettingError for a name that is not a property."""
    if unknown := requested - {*PROPERTIES, SCAFFOLD}:
        raise SettingError(
            f"no molecule property named {', '.join(sorted(unknown))}; there are: {', '.join(PROPERTIES)}, {SCAFFOLD}"
        )
