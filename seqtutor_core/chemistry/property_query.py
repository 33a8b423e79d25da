"""Which properties of a molecule are requested, and the measurement that comes back. Nothing here needs RDKit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from seqtutor_core.errors import SettingError
from seqtutor_core.rules import check, several, text

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
)
"""Numbers that can be measured of a molecule; properties.PropertyCalculator defines each."""
SCAFFOLD = "scaffold"
"""Can be requested too, and is a SMILES."""
EXPENSIVE = frozenset({"qed", "sa_score", "alerts", SCAFFOLD})
"""Properties that cost more than parsing the molecule: measured only on request."""
CATALOGUES = ("PAINS", "BRENK", "NIH")
MAX_SMARTS = 20


@dataclass(frozen=True)
class PropertyQuery:
    """What some properties compare a molecule with. SettingError for an unknown catalogue.

    SMILES and SMARTS are checked when a property first needs them.
    """

    target: str = ""
    """SMILES that `similarity` compares with."""
    required: tuple[str, ...] = ()
    """SMARTS."""
    forbidden: tuple[str, ...] = ()
    """SMARTS."""
    catalogues: tuple[str, ...] = CATALOGUES
    """Collections of structural alerts."""

    def __post_init__(self) -> None:
        check(self, target=text, required=several(text, MAX_SMARTS), forbidden=several(text, MAX_SMARTS))
        check(self, catalogues=several(text, len(CATALOGUES)))
        for name in self.catalogues:
            if name not in CATALOGUES:
                raise SettingError(f"no catalogue of alerts named {name!r}; choose among {', '.join(CATALOGUES)}")

    def part(self, name: str) -> tuple[str, ...]:
        """Return the part of the query that the value of a property depends on; empty for most."""
        parts = {"required": self.required, "forbidden": self.forbidden, "alerts": self.catalogues}
        return (self.target,) if name == "similarity" else parts.get(name, ())

    def as_json(self) -> dict[str, Any]:
        """Return the query for json.dumps; PropertyQuery(**query.as_json()) equals the query."""
        return asdict(self)


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
