"""What the reward terms of molecules compare with, and how a molecule may begin."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

from seqtutor_core.chemistry.property_query import PropertyQuery
from seqtutor_core.chemistry.tokens import MOSES, TOKENS
from seqtutor_core.domains.molecule.desirability import DEFAULT_DESIRABILITIES, Desirability
from seqtutor_core.domains.own import OWN, OwnRewards
from seqtutor_core.errors import SettingError
from seqtutor_core.own_rewards import check_name
from seqtutor_core.rules import by_name, check, made, one_of, optional, text, whole


@dataclass(frozen=True)
class MoleculeSettings(PropertyQuery):
    """A query, and what else can be set. SettingError for a value out of range, InputError for an impossible prefix."""

    shapes: Mapping[str, Desirability] = field(default_factory=dict)
    """Desirability by term; a term not named keeps its default."""
    bucket: int = 25
    """How often a scaffold may be seen until it costs a full point."""
    prefix: str = ""
    """SMILES, maybe unfinished, that every molecule continues."""
    length: int | None = None
    """Most tokens in a molecule, without the prefix, with the end; None: as many as the corpus needs."""
    own: str = ""
    own_2: str = ""
    """File names of own rewards, from the folder that they lie in; see own_rewards/folder.py."""
    own_version: str = ""
    """Changes with these files; filled in. Previews are kept by it."""
    corpus: str = MOSES.corpus
    """Corpus, moses or zinc, whose tokens molecules are written in and whose molecules are not novel; the prior's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, bucket=whole(1, 100_000), length=optional(whole(8, 256)), prefix=text, corpus=one_of(*TOKENS))
        if self.length is None:
            object.__setattr__(self, "length", TOKENS[self.corpus].longest)
        check(self, shapes=by_name(lambda _, desirability: Desirability.of(desirability)))
        unknown = set(self.shapes) - set(DEFAULT_DESIRABILITIES)
        if unknown:
            raise SettingError(
                f"no shape for {', '.join(sorted(unknown))}; there are: {', '.join(DEFAULT_DESIRABILITIES)}"
            )
        check(self, own=check_name, own_2=check_name, own_version=text)
        if self.own or self.own_2:
            object.__setattr__(self, "own_version", self.own_rewards.version)
        TOKENS[self.corpus].encode(self.prefix)
        _check_prefix(self.prefix, self.corpus)

    def __hash__(self) -> int:
        return hash(tuple(frozenset(v.items()) if isinstance(v, Mapping) else v for v in vars(self).values()))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "MoleculeSettings":
        """Return settings from a mapping; SettingError for an unknown name."""
        return made(cls, values, "molecule setting")

    @property
    def own_rewards(self) -> OwnRewards:
        """The own rewards, none of which counts yet."""
        return OwnRewards("molecule", {term: getattr(self, term) for term in OWN})

    @property
    def query(self) -> PropertyQuery:
        """What measurements compare with."""
        return PropertyQuery(**{f.name: getattr(self, f.name) for f in fields(PropertyQuery)})

    def desirability(self, term: str) -> Desirability | None:
        """Return the desirability of a term; None for a term whose value is rewarded without one."""
        return self.shapes.get(term, DEFAULT_DESIRABILITIES.get(term))


@lru_cache(64)
def _check_prefix(prefix: str, corpus: str) -> None:
    """Raise InputError for a prefix of no molecule; cached, since pages make settings all the time."""
    if prefix:
        from seqtutor_core.chemistry import inputs  # with RDKit, which settings do without otherwise

        inputs.prefix(prefix, corpus)
