"""Molecules: SMILES a token at a time, rewarded at their end for what RDKit measures of them."""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from seqtutor_core.chemistry.pool import shared
from seqtutor_core.chemistry.property_query import CATALOGUES, DEAR, PROPERTIES, SCAFFOLD, Facts, Question
from seqtutor_core.chemistry.tokens import END_ID, LONGEST, VOCABULARY, decode, encode, ended
from seqtutor_core.domains.base import Alarm, Figure, RewardTerm
from seqtutor_core.domains.molecule.alarms import alarms
from seqtutor_core.domains.molecule.desirability import DEFAULT_SHAPES, Shape
from seqtutor_core.domains.molecule.features import FEATURES
from seqtutor_core.domains.molecule.metrics import AVERAGED, live_figures, metrics
from seqtutor_core.domains.molecule.scoring import score_lines
from seqtutor_core.domains.molecule.terms import MEASURED, PAPER_WEIGHTS, TERMS, raw_terms, shaped, too_short
from seqtutor_core.domains.molecule.training_set import known
from seqtutor_core.errors import SettingError
from seqtutor_core.features import InputFeature
from seqtutor_core.rules import by_name, check, made, text, whole

WINDOW = 1024  # latest molecules that the live figures are over

NEEDS = {
    "similarity": "give a target molecule, or set its weight to 0",
    "required": "give SMARTS that the molecules should have, or set its weight to 0",
    "forbidden": "give SMARTS that the molecules should not have, or set its weight to 0",
    "alerts": "choose a catalogue of alerts, or set its weight to 0",
}

FIGURES = (
    Figure("valid", "Valid", "Share of the last 1,024 sequences that are molecules", percent=True),
    Figure("unique", "Unique", "Share of the valid ones that differ from those before", percent=True),
    Figure("novel", "Novel", "Share of the unique ones that the training set has not", percent=True),
    Figure("scaffolds", "Scaffolds", "Different Bemis-Murcko scaffolds among the last 1,024 sequences", percent=False),
)


@dataclass(frozen=True)
class MoleculeSettings:
    """What is wanted of a molecule; SettingError for a value out of range, InputError for an impossible prefix."""

    target: str = ""
    """SMILES that the similarity term compares with."""
    required: tuple[str, ...] = ()
    """SMARTS that the molecule should have."""
    forbidden: tuple[str, ...] = ()
    """SMARTS that it should not have."""
    catalogues: tuple[str, ...] = CATALOGUES
    """Structural alerts that count: PAINS, BRENK, NIH."""
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    """Desirability by term; a term not named keeps its default."""
    bucket: int = 25
    """How often a scaffold may be seen until it costs a full point."""
    prefix: str = ""
    """SMILES, maybe unfinished, that every molecule grows from."""
    length: int = LONGEST
    """Most tokens in a molecule, prefix left out, end included."""

    def __post_init__(self) -> None:
        check(self, bucket=whole(1, 100_000), length=whole(8, 256), prefix=text)
        check(self, shapes=by_name(lambda _, shape: Shape.of(shape)))
        unknown = set(self.shapes) - set(DEFAULT_SHAPES)
        if unknown:
            raise SettingError(f"no shape for {', '.join(sorted(unknown))}; there are: {', '.join(DEFAULT_SHAPES)}")
        question = Question(self.target, self.required, self.forbidden, self.catalogues)
        for name in ("required", "forbidden", "catalogues"):
            object.__setattr__(self, name, getattr(question, name))  # tuples, whatever they came as
        encode(self.prefix)
        _check_prefix(self.prefix)

    def __hash__(self) -> int:
        return hash(tuple(frozenset(v.items()) if isinstance(v, Mapping) else v for v in vars(self).values()))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "MoleculeSettings":
        """Settings from a mapping; SettingError for an unknown name."""
        return made(cls, values, "molecule setting")

    def shape(self, term: str) -> Shape | None:
        """The desirability of a term; None for a term that is a wish by itself."""
        return self.shapes.get(term, DEFAULT_SHAPES.get(term))


@lru_cache(64)
def _check_prefix(prefix: str) -> None:
    """InputError for a beginning that no molecule has; looked at once, for pages make settings all the time."""
    if prefix:
        from seqtutor_core.chemistry import inputs  # with RDKit, which settings do without otherwise

        inputs.prefix(prefix)


class Molecule:
    """The molecule domain (protocol: seqtutor_core.domains.base.Domain)."""

    name = "molecule"
    vocabulary = VOCABULARY
    paper_weights = PAPER_WEIGHTS
    figures: tuple[Figure, ...] = FIGURES
    end: int | None = END_ID
    features: Mapping[str, InputFeature] = FEATURES
    terminal_reward = True
    slow_scoring = True

    def __init__(self, settings: MoleculeSettings | None = None) -> None:
        self.settings = s = settings or MoleculeSettings()
        self.length = s.length
        self.terms: tuple[RewardTerm, ...] = tuple(shaped(t, s.shape(t.name)) for t in TERMS)
        self.primer = tuple(encode(s.prefix))
        self.question = Question(s.target, s.required, s.forbidden, s.catalogues)
        self.measured = self.answerable - DEAR | {SCAFFOLD}
        self.scaffolds: Counter[str] = Counter()
        self.recent: deque[tuple[str, str, dict[str, float]]] = deque(maxlen=WINDOW)  # SMILES, scaffold, properties

    @property
    def answerable(self) -> frozenset[str]:
        """Properties that can be measured under these settings: similarity needs a target, and so on."""
        asked = {"similarity": self.settings.target, "required": self.settings.required}
        asked |= {"forbidden": self.settings.forbidden, "alerts": self.settings.catalogues}
        return frozenset(name for name in PROPERTIES if asked.get(name, True))

    # ------------------------------------------------------------ rewards

    def facts(self, tokens: Tensor, lengths: Tensor) -> list[Facts]:
        """What is known of each sequence (B, T), from the pool's cache where it was seen before."""
        return shared().measure(self.smiles(tokens, lengths), self.question, self.measured)

    def smiles(self, tokens: Tensor, lengths: Tensor) -> list[str]:
        """SMILES of tokens (B, T), prefix included; empty for a sequence that never ended."""
        rows = zip(tokens.tolist(), lengths.tolist(), strict=True)
        return [self.settings.prefix + decode(row[:n]) if ended(row[:n]) else "" for row, n in rows]

    def values(self, facts: Facts, length: int) -> dict[str, float]:
        """The terms of one molecule, raw: no desirability. Of an invalid one every term is 0, or too_short."""
        short = too_short(length)
        if facts.error:
            return {**dict.fromkeys((t.name for t in self.terms), 0.0), "too_short": short}
        return {
            **raw_terms(facts.values),
            "validity": 1.0,
            "novelty": float(not known(facts)),
            "scaffold_diversity": 0.0 - min(1.0, self.scaffolds[facts.scaffold] / self.settings.bucket),
            "too_short": short,
        }

    def shaped(self, values: Mapping[str, float], valid: bool) -> list[float]:
        """The K terms as they are rewarded; 0 for one that is not measured, or where there is no molecule."""
        shapes = {t.name: self.settings.shape(t.name) if valid else None for t in self.terms}
        found = {
            name: shape(values[name]) if shape else values[name] for name, shape in shapes.items() if name in values
        }
        return [found.get(t.name, 0.0) for t in self.terms]

    def score(self, tokens: Tensor, lengths: Tensor, only: Collection[str] | None = None) -> Tensor:
        """Terms (B, T, K) of tokens (B, T): everything is paid at the last step of a sequence."""
        rows = [
            self.shaped(self.values(facts, length + len(self.primer)), not facts.error)
            for facts, length in zip(self.facts(tokens, lengths), lengths.tolist(), strict=True)
        ]
        paid = torch.zeros(*tokens.shape, len(self.terms), device=tokens.device)
        paid[torch.arange(len(rows), device=tokens.device), lengths - 1] = torch.tensor(rows, device=tokens.device)
        return paid

    # ------------------------------------------------------------ a run and its memory

    def set_active_terms(self, weights: Mapping[str, float]) -> bool:
        """Enable the properties these weights need. Return True if stored scores must be recomputed.

        SettingError for a weight on a term that needs a setting which is not there.
        """
        for term in self.terms:
            if weights.get(term.name) and term.name in MEASURED and MEASURED[term.name] not in self.answerable:
                raise SettingError(f"{term.label} has a weight but nothing to go by; {NEEDS[term.name]}")
        needed = {MEASURED[name] for name, weight in weights.items() if weight and name in MEASURED} - self.measured
        self.measured |= needed
        return bool(needed)

    def observe(self, tokens: Tensor, lengths: Tensor) -> dict[str, float]:
        """Remember the scaffolds of a rollout, and give the live figures."""
        for facts in self.facts(tokens, lengths):
            novel = float(facts.valid and not known(facts))
            counted = {"novel": novel, "unknown": float(bool(facts.unknown))}
            self.recent.append((facts.canonical, facts.scaffold, {**facts.values, **counted}))
            if facts.canonical:
                self.scaffolds[facts.scaffold] += 1
        return live_figures(self.recent)

    def alarms(self, lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        """What the curves so far should worry the user about."""
        return alarms(lines)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of what was observed, as JSON values."""
        return {"scaffolds": dict(self.scaffolds), "recent": list(self.recent)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.scaffolds = Counter(state.get("scaffolds", {}))
        self.recent = deque(((c, s, values) for c, s, values in state.get("recent", [])), maxlen=WINDOW)

    # ------------------------------------------------------------ command line, figures

    def to_json(self, tokens: Sequence[int]) -> dict[str, Any]:
        return {"smiles": self.settings.prefix + decode(tokens)}

    def score_lines(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """{"smiles", "canonical", "valid", "terms"} of the SMILES on each line, raw; an invalid one says why."""
        return score_lines(lines, self)

    def metrics(self, tokens: Tensor, lengths: Tensor) -> dict[str, float | None]:
        """Validity, uniqueness, novelty, scaffolds, diversity, means and distances to the held-out set."""
        self.set_active_terms(dict.fromkeys(AVERAGED, 1.0))
        return metrics(self.facts(tokens, lengths))

    def random_primer(self, batch: int, generator: Any) -> Tensor:
        """Nothing: a SMILES begins at its beginning, (B, 0)."""
        return torch.zeros(batch, 0, dtype=torch.long, device=generator.device)
