"""The own rewards of a domain: terms whose values come from files of the user's, at most two at once."""

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from seqtutor_core.domains.base import Alarm, RewardTerm
from seqtutor_core.errors import SettingError
from seqtutor_core.own_rewards import OwnReward, Score, find, scorer

GROUP = "Your own"
OWN = ("own", "own_2")
"""The names of the terms, and of the settings that choose their files."""
OWN_TERMS = tuple(
    RewardTerm(name, label, GROUP, "What a file of yours says it is worth.", 0.0, 400.0, "points")
    for name, label in zip(OWN, ("Own reward", "Second own reward"), strict=True)
)
WINDOW = 1024  # latest sequences that the share of failures is over
EARLY = 64  # sequences; before that the share says little


class OwnRewards:
    """The files that a domain's settings choose: which of them count, and how they have fared lately."""

    def __init__(self, domain: str, names: Mapping[str, str]) -> None:
        """Take the files' names by term, empty for none; a missing file is an error only once a weight asks for it."""
        self.domain, self.names = domain, names
        self.active: list[str] = []
        self._errors: dict[str, deque[str]] = {term: deque(maxlen=WINDOW) for term in OWN}  # empty where all went well

    @property
    def terms(self) -> tuple[RewardTerm, ...]:
        """The terms, with what their files say of themselves."""
        return tuple(_described(term, self._find(term.name)) for term in OWN_TERMS)

    @property
    def version(self) -> str:
        """Changes with the files."""
        return " ".join(one.version for term in OWN if (one := self._find(term)))

    def activate(self, weights: Mapping[str, float]) -> bool:
        """Let those with a weight count from now on. Return whether one did not before.

        SettingError for a weight without a file, or with one that is missing or cannot be used.
        """
        for label, term in ((t.label, t.name) for t in OWN_TERMS):
            if weights.get(term) and not self.names[term]:
                raise SettingError(f"{label} has a weight but nothing to go by; choose a file, or set its weight to 0")
            if weights.get(term) and term not in self.active:
                find(self.domain, self.names[term])
        fresh = [term for term in OWN if weights.get(term) and term not in self.active]
        self.active += fresh
        return bool(fresh)

    def score(self, term: str, sequences: Sequence[str]) -> list[Score]:
        """Return the score of each sequence, in order; a file that has gone since costs them all."""
        try:
            return scorer(find(self.domain, self.names[term])).score(sequences)
        except SettingError as error:
            return [Score(error=str(error))] * len(sequences)

    def observe(self, errors: Mapping[str, Sequence[str]]) -> None:
        """Take note of what went wrong with the latest sequences, by term, empty where nothing did."""
        for term, each in errors.items():
            self._errors[term].extend(each)

    def alarms(self) -> list[Alarm]:
        """Return an alarm for each file that failed lately, with what it said last."""
        alarms = []
        for term, errors in self._errors.items():
            failed = [error for error in errors if error]
            if failed and (len(errors) >= EARLY or len(failed) == len(errors)):
                share = f"{len(failed) / len(errors):.1%}"
                alarms.append(Alarm(f"{self.names[term]} failed on {share} of the latest; 0 there", failed[-1]))
        return alarms

    def _find(self, term: str) -> OwnReward | None:
        if self.names[term]:
            with suppress(SettingError):
                return find(self.domain, self.names[term])
        return None


def _described(term: RewardTerm, reward: OwnReward | None) -> RewardTerm:
    """Return a term under the name and with the range that its file gives; what fails counts 0."""
    if reward is None:
        return term
    low, high = reward.bounds
    return replace(term, label=reward.label, bounds=(min(low, 0.0), max(high, 0.0)))
