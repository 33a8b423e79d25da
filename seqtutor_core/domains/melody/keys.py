"""Keys: a tonic and a mode, and which tokens belong to them."""

from dataclasses import dataclass

from seqtutor_core.domains.melody.tokens import FIRST_NOTE, OFFSET, TONIC, VOCABULARY
from seqtutor_core.errors import SettingError

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
"""Semitones above the tonic."""


@dataclass(frozen=True)
class Key:
    """A tonic (pitch class, C = 0) and a mode; SettingError for an unknown one. The paper's is C major."""

    tonic: int = 0
    mode: str = "major"

    def __post_init__(self) -> None:
        if self.mode not in SCALES or not 0 <= self.tonic < 12:
            raise SettingError(f"{self}: the tonic is a pitch class from 0 to 11, the mode major or minor")

    @property
    def token(self) -> int:
        """The tonic nearest to middle C."""
        return TONIC + (self.tonic + 5) % 12 - 5

    def members(self) -> list[bool]:
        """Return whether each token belongs to the key; note-off and hold always do."""
        scale = {(self.tonic + step) % 12 for step in SCALES[self.mode]}
        return [t < FIRST_NOTE or (t + OFFSET) % 12 in scale for t in range(len(VOCABULARY))]

    @property
    def triad(self) -> tuple[int, int, int]:
        """Pitch classes of tonic, third and fifth."""
        scale = SCALES[self.mode]
        first, third, fifth = ((self.tonic + scale[i]) % 12 for i in (0, 2, 4))
        return first, third, fifth


C_MAJOR = Key()
