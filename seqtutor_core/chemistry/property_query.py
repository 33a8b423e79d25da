"""What is asked about a molecule, and what is answered. Nothing here needs RDKit."""

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
"""Numbers that can be wanted of a molecule; properties.Measured says what each is."""
SCAFFOLD = "scaffold"
"""May be wanted too, and is a SMILES."""
DEAR = frozenset({"qed", "sa_score", "alerts", SCAFFOLD})
"""What costs more than parsing the molecule does: measure these only when somebody asks."""
CATALOGUES = ("PAINS", "BRENK", "NIH")
MOST_SMARTS = 20


@dataclass(frozen=True)
class Question:
    """What some properties are relative to; SettingError for an unknown catalogue.

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
        check(self, target=text, required=several(text, MOST_SMARTS), forbidden=several(text, MOST_SMARTS))
        check(self, catalogues=several(text, len(CATALOGUES)))
        for name in self.catalogues:
            if name not in CATALOGUES:
                raise SettingError(f"no catalogue of alerts named {name!r}; choose among {', '.join(CATALOGUES)}")

    def part(self, name: str) -> tuple[str, ...]:
        """What the value of a property depends on besides the molecule."""
        parts = {"required": self.required, "forbidden": self.forbidden, "alerts": self.catalogues}
        return (self.target,) if name == "similarity" else parts.get(name, ())

    def as_json(self) -> dict[str, Any]:
        """For json.dumps; Question(**of_it) gives it back."""
        return asdict(self)


@dataclass(frozen=True)
class Facts:
    """What was measured of one molecule."""

    smiles: str
    """As given."""
    canonical: str = ""
    """RDKit's canonical SMILES; empty for what is no molecule."""
    error: str = ""
    """Why it is no molecule, or could not be measured; empty for a molecule."""
    scaffold: str = ""
    """Bemis-Murcko scaffold; empty without rings or when it was not wanted."""
    values: Mapping[str, float] = field(default_factory=dict)
    """The wanted properties, by name; empty for what is no molecule."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Wanted properties of a molecule that could not be told, and why."""
    flat: str = ""
    """Canonical SMILES without stereochemistry, where it differs."""

    @property
    def graph(self) -> str:
        """The canonical SMILES without stereochemistry, by which the training set is compared: it has none."""
        return self.flat or self.canonical

    @property
    def valid(self) -> bool:
        """Whether this is a molecule and was measured."""
        return not self.error

    def merged(self, other: "Facts") -> "Facts":
        """What these and others of the same molecule say together; an error has the last word."""
        if not (self.valid and other.valid):
            return self if other.valid else replace(other, smiles=self.smiles)
        values, unknown = {**self.values, **other.values}, {**self.unknown, **other.unknown}
        return replace(self, scaffold=self.scaffold or other.scaffold, values=values, unknown=unknown)


def check_wanted(wanted: frozenset[str]) -> None:
    """SettingError for a name that is no property."""
    if unknown := wanted - {*PROPERTIES, SCAFFOLD}:
        raise SettingError(
            f"no molecule property named {', '.join(sorted(unknown))}; there are: {', '.join(PROPERTIES)}, {SCAFFOLD}"
        )
