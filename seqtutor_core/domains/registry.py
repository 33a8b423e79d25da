"""The one list of domains. What a domain brings is imported when it is asked for, and not before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from seqtutor_core.domains.base import Domain
from seqtutor_core.errors import SettingError
from seqtutor_core.features import InputFeature
from seqtutor_core.rules import shown
from seqtutor_core.training import Sequences, TrainingSettings


class TrainingRecipes(Protocol):
    """How the priors of one corpus are made; a module with these names will do."""

    RECIPES: Mapping[str, TrainingSettings]
    """How each of its priors is trained, by the prior's name."""
    STARTS: Mapping[str, str]
    """By recipe the one whose best weights it begins with; one that is not named begins with random weights."""
    DATA: Mapping[str, Any]
    """What their cards say of the data: source, licence, and the command that builds the corpus."""
    SETTINGS: Mapping[str, Any]
    """The settings of the domain that they are for; what else its settings are is for the user to say."""
    FILE: str
    """What the file holds that the corpus is built from; empty where it comes with a package."""

    def input_features(self, period: int) -> Mapping[str, InputFeature]:
        """Return the domain's input features by name, for sequences whose bars have so many steps."""

    def build(self, folder: Path, progress: Callable[[int, int], None], file: str) -> dict[str, object]:
        """Build the corpus in a folder; progress is called with (done, in all). Return its statistics.

        file: what FILE says; empty where it is.
        """

    def ship(self, folder: Path) -> None:
        """Replace the statistics that the package carries by those of the built corpus."""

    def sequences(self, folder: Path, recipe: str) -> tuple[Sequences, Sequences]:
        """Return training and held-out tokens for a recipe; InputError when the corpus is not built."""

    def corpus_facts(self, folder: Path) -> dict[str, Any]:
        """Return what the cards say of the corpus."""


LearnerDefaults = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By preset and learner: settings of the learner that begin with other values here than everywhere else."""


@dataclass(frozen=True)
class DomainEntry:
    """One line of the list."""

    build: Callable[[Mapping[str, Any]], Domain]
    """From the domain's settings by name; SettingError for an unknown or an impossible one."""
    corpora: Mapping[str, Callable[[], TrainingRecipes]] = field(default_factory=dict)
    """How its priors are made, by the name of the corpus; none: they come from elsewhere."""
    kl_coefficient: float = 4.0
    """The c that its page and its commands begin with."""
    gpu_batch: int = 1024
    """Sequences at a time that a GPU learns from, where they fit in its memory."""
    learner_defaults: Callable[[], LearnerDefaults] = dict
    """What learners begin with here."""


def _shipped(name: str, more_corpora: Mapping[str, str] | None = None, **fields: Any) -> DomainEntry:
    """Describe a folder beside this file, with `build` and the modules `recipes` and `learner_defaults`.

    more_corpora: by their names the modules of recipes for other corpora than the one called like the domain. fields:
    others of the line.
    """

    def module(part: str = "") -> Any:
        return import_module(f"seqtutor_core.domains.{name}{part}")

    return DomainEntry(
        build=lambda settings: module().build(settings),
        corpora={corpus: partial(module, of) for corpus, of in {name: ".recipes", **(more_corpora or {})}.items()},
        learner_defaults=lambda: module(".learner_defaults").LEARNER_DEFAULTS,
        **fields,
    )


DOMAINS: dict[str, DomainEntry] = {
    "melody": _shipped("melody", gpu_batch=4096),
    "molecule": _shipped("molecule", {"molecule-zinc": ".zinc_recipes"}, kl_coefficient=1.0),
}


def domain_entry(name: str) -> DomainEntry:
    """Return a domain's line of the list; SettingError for an unknown name."""
    if name not in DOMAINS:
        raise SettingError(f"no domain named {shown(name)}; choose one of {', '.join(DOMAINS)}")
    return DOMAINS[name]


def build_domain(name: str, settings: Mapping[str, Any] | None = None) -> Domain:
    """Return a domain by name; SettingError for an unknown name or setting."""
    return domain_entry(name).build(settings or {})
