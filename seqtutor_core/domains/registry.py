"""The one list of domains. What a domain brings is imported when it is asked for, and not before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from seqtutor_core.domains.base import Domain
from seqtutor_core.errors import SettingError
from seqtutor_core.features import InputFeature
from seqtutor_core.rules import shown
from seqtutor_core.training import Sequences, TrainingSettings


class TrainingRecipes(Protocol):
    """How a domain's priors are made; a module with these names will do."""

    RECIPES: Mapping[str, TrainingSettings]
    """How each of its priors is trained, by the prior's name."""
    DATA: Mapping[str, Any]
    """What their cards say of the data: source, licence, and the command that builds the corpus."""

    def input_features(self, period: int) -> Mapping[str, InputFeature]:
        """Return the domain's input features by name, for sequences whose bars have so many steps."""

    def build(self, folder: Path, progress: Callable[[int, int], None]) -> dict[str, object]:
        """Build the corpus in a folder; progress is called with (done, in all). Return its statistics."""

    def ship(self, folder: Path) -> None:
        """Replace the statistics that the package carries by those of the built corpus."""

    def sequences(self, folder: Path) -> tuple[Sequences, Sequences]:
        """Return training and held-out tokens; InputError when the corpus is not built."""

    def corpus_facts(self) -> dict[str, Any]:
        """Return what the cards say of the corpus."""


LearnerDefaults = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By preset and learner: settings of the learner that begin with other values here than everywhere else."""


@dataclass(frozen=True)
class DomainEntry:
    """One line of the list."""

    build: Callable[[Mapping[str, Any]], Domain]
    """From the domain's settings by name; SettingError for an unknown or an impossible one."""
    training_recipes: Callable[[], TrainingRecipes] | None = None
    """How its priors are made; None: they come from elsewhere."""
    kl_coefficient: float = 4.0
    """The c that its page and its commands begin with."""
    learner_defaults: Callable[[], LearnerDefaults] = dict
    """What learners begin with here."""


def _shipped(name: str, kl_coefficient: float = DomainEntry.kl_coefficient) -> DomainEntry:
    """A folder beside this file, with `build` and the modules `recipes` and `learner_defaults`."""

    def module(part: str = "") -> Any:
        return import_module(f"seqtutor_core.domains.{name}{part}")

    return DomainEntry(
        build=lambda settings: module().build(settings),
        training_recipes=lambda: module(".recipes"),
        kl_coefficient=kl_coefficient,
        learner_defaults=lambda: module(".learner_defaults").LEARNER_DEFAULTS,
    )


DOMAINS: dict[str, DomainEntry] = {
    "melody": _shipped("melody"),
    "molecule": _shipped("molecule", kl_coefficient=1.0),
}


def build_domain(name: str, settings: Mapping[str, Any] | None = None) -> Domain:
    """Return a domain by name; SettingError for an unknown name or setting."""
    if name not in DOMAINS:
        raise SettingError(f"no domain named {shown(name)}; choose one of {', '.join(DOMAINS)}")
    return DOMAINS[name].build(settings or {})
