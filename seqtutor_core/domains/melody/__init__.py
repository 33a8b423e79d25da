"""Melodies: 38 tokens, one a sixteenth, under the rewards of music theory."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from seqtutor_core.domains.base import Alarm, BaseDomain, RewardTerm
from seqtutor_core.domains.melody import style, theory
from seqtutor_core.domains.melody.features import input_features
from seqtutor_core.domains.melody.keys import SCALES, Key
from seqtutor_core.domains.melody.metrics import metrics
from seqtutor_core.domains.melody.scoring import score_lines
from seqtutor_core.domains.melody.tokens import FIRST_NOTE, HIGHEST, LOWEST, VOCABULARY, beats_per_bar
from seqtutor_core.domains.own import OWN, OWN_TERMS, OwnRewards
from seqtutor_core.errors import SettingError
from seqtutor_core.features import InputFeature
from seqtutor_core.own_rewards import Score, check_name
from seqtutor_core.recorded import branches
from seqtutor_core.rules import check, made, number, one_of, text, whole

PAPER_TERMS = (
    "key",
    "tonic",
    "repetition",
    "autocorrelation",
    "motif",
    "repeated_motif",
    "interval",
    "leap",
    "extremes",
)


def _term(name: str, label: str, group: str, text: str, unit: str, largest: float = 5.0) -> RewardTerm:
    return RewardTerm(name, label, group, text, 1.0 if name in PAPER_TERMS else 0.0, float(largest), unit)


TERMS = (
    _term("key", "Stay in key", "Harmony", "Each note outside the key costs 1.", "notes outside the key"),
    _term("tonic", "Home note", "Harmony", "Begin and end on the tonic, then let it ring.", "points (3 each)"),
    _term("interval", "Pleasant intervals", "Harmony", "Consonant steps earn, sevenths and wide jumps cost.", "points"),
    _term(
        "leap", "Resolve leaps", "Contour", "After a leap, coming back earns 5; leaping on costs 5.", "points (5 each)"
    ),
    _term("extremes", "One peak, one low", "Contour", "The highest and the lowest note occur once.", "points (3 each)"),
    _term("contour", "Steps, not skips", "Contour", "Moving by step earns 1, skipping costs 1.", "steps minus skips"),
    _term(
        "pitch_range", "Singable range", "Contour", "Notes outside the range cost 1 a semitone.", "semitones outside"
    ),
    _term("repetition", "No droning", "Repetition and structure", "A note repeated too often costs 100.", "points"),
    _term("autocorrelation", "Unpredictable", "Repetition and structure", "Patterns that echo at once cost.", "points"),
    _term("motif", "Motifs", "Repetition and structure", "Three or more different notes in half a bar earn.", "points"),
    _term("repeated_motif", "Motifs return", "Repetition and structure", "A motif that comes again earns.", "points"),
    _term("rhythm", "Natural note lengths", "Rhythm", "Note lengths like those of the folk tunes.", "distance", 100),
    _term("density", "Note density", "Rhythm", "Close to the chosen number of notes a beat.", "notes off target"),
    _term("on_beat", "On the beat", "Rhythm", "The share of notes that begin on a beat.", "share", 100),
    _term("phrase_rests", "Breathe", "Rhythm", "A rest at the end of each phrase earns 1.", "rests", 20),
    *OWN_TERMS,
)


@dataclass(frozen=True)
class MelodySettings:
    """What a melody is; SettingError for a value out of range. The defaults are the paper's where it has one."""

    length: int = 32
    """Tokens in a melody, 16 to 256."""
    mode: str = "major"
    """major or minor; the prior writes in C major and A minor, which share their notes."""
    key: int = 0
    """Pitch class that the tonic sounds at (C = 0); only what is heard is moved, the tokens stay in C or A minor."""
    tempo: float = 120.0
    """Beats a minute."""
    steps_per_beat: int = 4
    """The time grid: 4 makes a token a sixteenth, 2 an eighth, 3 a triplet."""
    bar: int = 16
    """Steps in the network's bar: 16 for 4/4, 12 for 3/4; with steps_per_beat 2 these are two bars of music."""
    notes_per_beat: float = 1.5
    """Target of the density term."""
    lowest: int = 55
    highest: int = 79
    """Limits of the range term, MIDI pitches."""
    phrase: int = 32
    """Steps in a phrase, for rests at its end."""
    instrument: int = 0
    """General MIDI program that a melody is played by."""
    own: str = ""
    own_2: str = ""
    """File names of own rewards, from the folder that they lie in; see own_rewards/folder.py."""
    own_version: str = ""
    """Changes with these files; filled in. Previews are kept by it."""

    def __post_init__(self) -> None:
        check(self, length=whole(16, 256), phrase=whole(4, 256), mode=one_of(*SCALES), key=whole(0, 11))
        check(self, tempo=number(20, 320, " beats a minute"), notes_per_beat=number(0, 4))
        check(self, instrument=whole(0, 127), own=check_name, own_2=check_name, own_version=text)
        if self.own or self.own_2:
            object.__setattr__(self, "own_version", self.own_rewards.version)
        check(self, steps_per_beat=one_of(2, 3, 4), bar=one_of(12, 16))
        check(self, lowest=whole(LOWEST, HIGHEST), highest=whole(LOWEST, HIGHEST))
        if self.bar % self.steps_per_beat:
            raise SettingError(
                f"a bar of {self.bar} steps holds no whole beats of {self.steps_per_beat}; change either"
            )
        if self.lowest > self.highest:
            raise SettingError(f"lowest {self.lowest} lies above highest {self.highest}; put the lower pitch first")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "MelodySettings":
        """Make settings from a mapping; SettingError for an unknown name."""
        return made(cls, values, "melody setting")

    @property
    def own_rewards(self) -> OwnRewards:
        """The own rewards, none of which counts yet."""
        return OwnRewards("melody", {term: getattr(self, term) for term in OWN})

    @property
    def frame(self) -> Key:
        """The key of the tokens."""
        return Key(0 if self.mode == "major" else 9, self.mode)

    @property
    def beats_per_bar(self) -> int:
        """Quarter notes in a bar of music, 3 or 4."""
        return beats_per_bar(self.bar, self.steps_per_beat)

    @property
    def steps_per_bar(self) -> int:
        """Steps in a bar of music."""
        return self.beats_per_bar * self.steps_per_beat

    @property
    def transpose(self) -> int:
        """Semitones from the tokens to what is heard, -6 to 5."""
        return (self.key - self.frame.tonic + 6) % 12 - 6


class Melody(BaseDomain):
    """The melody domain (protocol: seqtutor_core.domains.base.Domain)."""

    name = "melody"
    vocabulary = VOCABULARY
    terms: tuple[RewardTerm, ...] = TERMS
    paper_weights: Mapping[str, float] = dict.fromkeys(PAPER_TERMS, 1.0)
    end: int | None = None
    settings: MelodySettings

    def __init__(self, settings: MelodySettings | None = None) -> None:
        self.settings = settings or MelodySettings()
        self.length = self.settings.length
        self.own = self.settings.own_rewards
        self.terms = (*(t for t in TERMS if t.name not in OWN), *self.own.terms)

    @property
    def features(self) -> Mapping[str, InputFeature]:
        return input_features(self.settings.bar)

    @property
    def scores_on_device(self) -> bool:
        return not self.own.active  # which are computed by other processes

    def score(self, tokens: Tensor, lengths: Tensor | None = None, only: Collection[str] | None = None) -> Tensor:
        """Return the unweighted terms (B, T, 17), float64, in the order of `terms`; T is at most `length`.

        only: the names of the terms to compute; the others are 0.
        """
        zero = torch.zeros(tokens.shape, dtype=torch.float64, device=tokens.device)
        found = self._terms()
        asked = [t.name for t in self.terms if only is None or t.name in only]
        values = branches([partial(found[name], tokens) for name in asked], tokens.is_cuda)
        scores = dict(zip(asked, values, strict=True))
        return torch.stack([scores.get(t.name, zero) for t in self.terms], -1)

    def set_active_terms(self, weights: Mapping[str, float]) -> bool:
        """Let own rewards with a weight count. Return True if stored scores must be recomputed.

        SettingError for one whose file is missing.
        """
        return self.own.activate(weights)

    def observe(self, tokens: Tensor, lengths: Tensor) -> dict[str, float]:
        """Take note of the melodies that own rewards fail on; there are no figures."""
        errors = {term: [one.error for one in self._own_scores(term, tokens)] for term in self.own.active}
        self.own.observe(errors)
        return {}

    def alarms(self, lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
        """Return an alarm for each own reward that fails."""
        return self.own.alarms()

    def _own_scores(self, term: str, tokens: Tensor) -> list[Score]:
        return self.own.score(term, [" ".join(map(str, row)) for row in tokens.tolist()])

    def _own(self, term: str, tokens: Tensor) -> Tensor:
        """Return an own reward of tokens (B, T): of whole melodies alone, at the last step unless it has one a step."""
        points = torch.zeros(tokens.shape, dtype=torch.float64, device=tokens.device)
        if term in self.own.active and tokens.shape[1] == self.length:
            for row, score in zip(points, self._own_scores(term, tokens), strict=True):
                if score.values:
                    row[-len(score.values) :] = torch.tensor(score.values, dtype=torch.float64)
        return points

    def _terms(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Return each term as a function of tokens (B, T)."""
        s = self.settings
        return {
            **theory.paper_terms(s.length, s.frame),
            "contour": style.contour,
            "pitch_range": lambda tokens: style.pitch_range(tokens, s.lowest, s.highest),
            "rhythm": style.rhythm,
            "density": lambda tokens: style.density(tokens, s.notes_per_beat, s.steps_per_beat),
            "on_beat": lambda tokens: style.on_beat(tokens, s.steps_per_beat),
            "phrase_rests": lambda tokens: style.phrase_rests(tokens, s.length, s.phrase),
            **{term: partial(self._own, term) for term in OWN},
        }

    def score_lines(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Yield the paper's nine terms per step, in C major, for each line, as long as it is."""
        return score_lines(lines)

    def metrics(self, tokens: Tensor, lengths: Tensor | None = None) -> dict[str, float | None]:
        """Return Table 1 of the paper and a few more figures of tokens (M, N)."""
        return metrics(tokens, self.settings.frame, self.settings.steps_per_beat)

    def random_primer(self, batch: int, generator: torch.Generator) -> Tensor:
        """Return one random note for each melody, (B, 1); it does not count."""
        return torch.randint(FIRST_NOTE, len(VOCABULARY), (batch, 1), generator=generator, device=generator.device)


def build(settings: Mapping[str, Any]) -> Melody:
    """Return the domain under settings by name; SettingError for an unknown or an impossible one."""
    return Melody(MelodySettings.of(settings))
