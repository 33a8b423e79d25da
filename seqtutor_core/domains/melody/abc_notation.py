"""A melody as ABC notation: text that people read and that a score is drawn from.

Lengths here are in sixteenths. On the triplet grid a beat is a dotted quarter, so three steps need no bracket.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seqtutor_core.domains.melody.audio import Piece, notes_and_rests
from seqtutor_core.domains.melody.tokens import PITCH_NAMES

SCRIPT = Path(__file__).parents[3] / "static" / "abcjs-basic-min.js"
"""Draws the score; Streamlit serves its folder as app/static/."""
REMEDY = "make notation, which needs npm and the network once"

FIFTHS = "FCGDAEB"  # letters along the line of fifths; seven fifths on stands the same letter, a semitone higher
FLATTEST, SHARPEST = -6, 0  # fifths from C where spellings may begin: no double sharps, no double flats
SIGNS = {-1: "_", 0: "=", 1: "^"}
TONIC_SIGNS = {-1: "b", 0: "", 1: "#"}
LENGTHS = (24, 16, 12, 8, 6, 4, 3, 2, 1)  # what one note head shows, with at most one dot
BASS_BELOW = 57  # a mean pitch; from A3 on the treble clef needs fewer ledger lines


def available() -> bool:
    """Return whether the script that draws scores is there; REMEDY says how to get it."""
    return SCRIPT.is_file()


def abc(piece: Piece) -> str:
    """Return a piece as an ABC tune: key, mode, metre, tempo, notes tied over bar lines, rests."""
    metre, sharps = Metre.of(piece), key_sharps(piece)
    title = re.sub(r"([\\%&])", r"\\\1", " ".join(piece.title.split()))
    beat = "1/4" if metre.beat == 4 else "3/8"
    lines = [
        "%abc-2.1",
        "X:1",
        *([f"T:{title}"] if title else []),
        f"M:{metre}",
        "L:1/16",
        f"Q:{beat}={piece.bpm:g}",
        f"K:{key_name(piece)}",
        f"%%MIDI program {piece.instrument}",
        f"V:1 clef={_clef(piece)}",  # beside the key, some programs take it for a transposition as well
        _music(piece, metre, Speller(sharps)),
    ]
    return "\n".join(lines) + "\n"


def key_sharps(piece: Piece) -> int:
    """Return the sharps of the key signature, flats counting below 0: of two that sound alike the shorter one."""
    major = PITCH_NAMES.index(piece.tonic) + (3 if piece.mode == "minor" else 0)
    sharps = major * 7 % 12
    return sharps if sharps <= 6 else sharps - 12


def key_name(piece: Piece) -> str:
    """Return the key as ABC and musicians write it: Bb, F#m."""
    fifths = key_sharps(piece) + (3 if piece.mode == "minor" else 0)
    letter, sharp = _letter(fifths)
    return letter + TONIC_SIGNS[sharp] + ("m" if piece.mode == "minor" else "")


def _letter(fifths: int) -> tuple[str, int]:
    """Return the letter so many fifths above C, and its sharps (-1 for a flat)."""
    return FIFTHS[(fifths + 1) % 7], (fifths + 1) // 7


def _clef(piece: Piece) -> str:
    pitches = [note.pitch for note in piece.notes]
    return "bass" if pitches and sum(pitches) / len(pitches) < BASS_BELOW else "treble"


# ---------------------------------------------------------------- metre


@dataclass(frozen=True)
class Metre:
    """How a bar is counted; lengths in sixteenths."""

    beats: int
    beat: int
    """4, or 6 for a dotted quarter."""
    step: int
    """What a token lasts."""

    @classmethod
    def of(cls, piece: Piece) -> "Metre":
        """Return the metre that a piece is written in."""
        beat = 6 if piece.steps_per_beat == 3 else 4
        return cls(piece.beats_per_bar, beat, beat // piece.steps_per_beat)

    @property
    def bar(self) -> int:
        """The sixteenths in a bar."""
        return self.beats * self.beat

    def __str__(self) -> str:
        return f"{self.beats}/4" if self.beat == 4 else f"{3 * self.beats}/8"

    def cut(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Cut what lasts from start to end into (start, length) that note heads can show, none over a bar line."""
        while start < end:
            within = start % self.bar
            room = min(end - start, self.bar - within)
            length = next(n for n in LENGTHS if n <= room and self._shows_the_beat(within, n))
            yield start, length
            start += length

    def _shows_the_beat(self, within: int, length: int) -> bool:
        """Return whether a reader still sees the beats when one note head stands here, `within` the bar."""
        last = within + length - 1
        if within // self.beat == last // self.beat:
            return True
        if self.beat == 6:
            return within % 6 == length % 6 == 0
        over_the_middle = self.beats == 4 and within < self.bar // 2 <= last
        return within % 4 == 0 or (within % 2 == 0 and length in (4, 6) and not over_the_middle)


# ---------------------------------------------------------------- spelling


@dataclass
class Speller:
    """Spells pitches in a key, with a sign where the signature or the bar so far would mislead."""

    sharps: int
    """Of the key signature; flats count below 0."""
    signs: dict[tuple[str, int | None], int] = field(default_factory=dict)
    """Of this bar, by letter and octave, and by letter alone."""

    def spell(self, pitch: int) -> str:
        """Return a MIDI pitch as ABC: sign, letter, octave. Chromatic notes are those from Eb to G#, seen from C."""
        begin = max(FLATTEST, min(self.sharps - 3, SHARPEST))
        letter, sharp = _letter(begin + (pitch * 7 - begin) % 12)
        octave = (pitch - sharp) // 12 - 5  # 0 from middle C on
        name = letter + "," * -octave if octave <= 0 else letter.lower() + "'" * (octave - 1)
        signature = (self.sharps - FIFTHS.index(letter) + 6) // 7
        # Programs differ in whether a sign holds for other octaves: where that matters it is written again.
        read = {self.signs.get((letter, one), signature) for one in (octave, None)}
        self.signs[letter, octave] = self.signs[letter, None] = sharp
        return name if read == {sharp} else SIGNS[sharp] + name


# ---------------------------------------------------------------- music


def _music(piece: Piece, metre: Metre, speller: Speller) -> str:
    """Return the notes and rests, bar by bar; a space parts beats, a double bar line the primer from the melody."""
    text, at = "", 0
    primer_end = len(piece.primer) * metre.step
    for pitch, steps in notes_and_rests(piece.notes, len(piece.all_tokens)):
        end = at + steps * metre.step
        for start, length in metre.cut(at, end):
            if start and start % metre.bar == 0:
                text += " || " if start == primer_end else " | "
                speller.signs.clear()
            elif start and start % metre.beat == 0:
                text += " "
            name = "z" if pitch is None else speller.spell(pitch)
            tie = "-" if pitch is not None and start + length < end else ""
            text += name + (str(length) if length > 1 else "") + tie
        at = end
    return text + " |]"
