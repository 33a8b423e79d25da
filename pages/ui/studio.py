"""What one domain's page has of its own. Everything else in pages/ui is drawn from this and knows no domain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import Domain, Figure, RewardTerm, build_domain


@dataclass(frozen=True)
class RewardPreset:
    """A choice that sets every reward slider."""

    help: str
    weights: Mapping[str, float]
    """Weight by term; a term not named is set to 0."""
    extras: Mapping[str, Any]
    """Further settings that it brings, by their names."""
    note: str = ""
    """What to expect, shown while the settings are the preset's."""


HELP = """
**A** is what the prior writes, **B** what tuning would lead to (no training), **C** the policy as it is tuned;
keep what you like with the star.

1. Move a slider: B follows at once.{moved}
2. **Start**: C follows the policy while it learns. Sliders steer it.
3. {right}

Keys: `Alt+S` start, `Alt+P` pause or go on, `Alt+X` stop{keys}.
"""
"""How a studio is used, in Markdown, with places for what only one of them says."""


def nothing(*_: Any) -> None:
    """Do nothing, for domains that have nothing there."""


@dataclass(frozen=True)
class Studio:
    """One domain's page: its words, defaults and what only it draws. The functions are given the studio itself."""

    domain: str
    prefix: str
    """Begins every key of this page's widgets, and so every parameter of its links; see state.key."""
    one: str
    many: str
    """What a sequence of this domain is called."""
    defaults: Mapping[str, Any]
    """Setting -> value on the first visit, reward weights among them."""
    reward_presets: Mapping[str, RewardPreset]
    kl_words: Sequence[tuple[float, str]]
    """(limit, what a c below it means), the last with an infinite limit."""
    budgets: Sequence[int]
    """Tuning times on offer, in seconds."""
    invitation: str
    """What stands where a run will be."""
    help: str
    """How the studio is used, in Markdown."""
    settings: Callable[["Studio"], dict[str, Any]]
    """Returns the domain's own settings for TuningConfig; SettingError or InputError if they do not fit together."""
    valid_settings: Callable[["Studio"], dict[str, Any]]
    """Returns the settings that can be read, for what the page shows meanwhile."""
    objective_settings: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Returns the settings, defaults included, that change sequences or rewards; JSON values."""
    sampling_settings: Callable[["Studio"], dict[str, Any]]
    """Returns the settings that samples of a network depend on."""
    primer: Callable[["Studio"], tuple[int, ...]]
    """Tokens that every sequence continues."""
    reused: Callable[["Studio", TuningConfig], dict[str, Any]]
    """The page's values for the settings of a run; what is no widget's, such as own notes, it takes over itself."""
    more_controls: Callable[["Studio"], None]
    """Draws the controls that only this domain has."""
    beside: Callable[["Studio", RewardTerm], None] = nothing
    """Draws what stands at the end of a term's row."""
    shapes: Callable[[Sequence[RewardTerm]], dict[str, Any]] = lambda terms: {}
    """Returns settings that give these terms values from 0 to 1."""
    starting: Callable[[], None] = nothing
    """Called before a run starts, in a callback."""

    def objective_domain(self, settings: Mapping[str, Any]) -> Domain:
        """Return the domain with only those of its settings that change sequences or rewards."""
        return build_domain(self.domain, self.objective_settings(settings))

    @property
    def terms(self) -> tuple[RewardTerm, ...]:
        """The domain's reward terms, one slider each."""
        return build_domain(self.domain).terms

    @property
    def figures(self) -> tuple[Figure, ...]:
        """What the domain says of a run besides reward and KL."""
        return build_domain(self.domain).figures
