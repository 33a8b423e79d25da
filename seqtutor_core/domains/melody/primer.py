"""A user's own beginning as tokens to be continued: what was given sounds as given, and what cannot is said.

Tokens are in C major or A minor and are transposed for the ear, one is a step of the chosen grid, and the music goes
on at the next bar line of the chosen metre. So the same notes are other tokens under other settings.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from seqtutor_core.domains.melody import MelodySettings
from seqtutor_core.domains.melody.midi_file import USUAL_TEMPO, MidiNote
from seqtutor_core.domains.melody.tokens import HIGHEST, LOWEST, Note, decode, encode, pitch_name
from seqtutor_core.domains.melody.tune import Picked, Tune, many, tune_of_midi, tune_of_picked

MAX_STEPS = 64
STEP_NAMES = {4: "sixteenth", 2: "eighth", 3: "triplet eighth"}
AS_GIVEN = 0.05  # steps that a start may be off the grid, unremarked
LENGTH_AS_GIVEN = 0.45  # steps that a length may change, unremarked: few play a note to its very end
RINGING = 0.75  # steps that the last note may ring over a bar line, however short it is
SAME_TEMPO = 0.005  # relative


@dataclass(frozen=True)
class Primer:
    """Tokens to be continued, in whole bars of the chosen metre."""

    tokens: tuple[int, ...]
    remarks: tuple[str, ...]
    """A sentence for the user for each thing that was changed on the way."""


@dataclass(frozen=True)
class _Placed:
    """A note on the grid: its first step and the step after its last."""

    start: int
    end: int
    given: MidiNote
    """As given, in steps, until the next one begins."""
    rivals: int
    """How many notes gave way to it because they fall on the same step."""


def from_midi(file: bytes, settings: MelodySettings | None = None, *, polyphony: str = "error") -> Primer:
    """Return the primer in a MIDI file; errors as of `tune_of_midi`."""
    return primer_of(tune_of_midi(file, polyphony), settings or MelodySettings())


def from_picked(picked: Sequence[Picked], settings: MelodySettings | None = None) -> Primer:
    """Return the picked notes as a primer; errors as of `tune_of_picked`."""
    return primer_of(tune_of_picked(picked), settings or MelodySettings())


def primer_of(tune: Tune, settings: MelodySettings) -> Primer:
    """Return a tune as tokens under these settings; every tune can be."""
    remarks = [*tune.remarks, *_of_metre_and_tempo(tune, settings)]
    in_steps = _in_steps(tune, settings)
    placed = _on_grid(in_steps, settings)
    rests = math.floor(in_steps.end + 0.5)
    placed[-1] = _without_tail(placed[-1], rests, settings, remarks)
    first, last = _last_bars(placed, rests, settings, remarks)
    kept = [note for note in placed if note.end > first]
    remarks += _of_rounding(kept, STEP_NAMES[settings.steps_per_beat])
    if kept[0].start < first:
        remarks.append("The first of them began earlier and is heard from the bar line on.")
    pitches = _in_range([note.given.pitch for note in kept], settings.transpose, remarks)
    notes = [
        Note(pitch, max(note.start, first) - first, note.end - max(note.start, first))
        for pitch, note in zip(pitches, kept, strict=True)
    ]
    if (rest := last - max(kept[-1].end, rests)) > 0:
        step = STEP_NAMES[settings.steps_per_beat]
        remarks.append(f"The melody goes on at the next bar line, {many(rest, step)} after the end.")
    return Primer(tuple(encode(notes, last - first)), tuple(remarks))


def tune_of(tokens: Sequence[int], settings: MelodySettings) -> Tune | None:
    """Return the tune whose primer these tokens are under these settings; None when no note sounds in them."""
    step = 1 / settings.steps_per_beat  # in quarter notes
    notes = [
        MidiNote(note.pitch + settings.transpose, note.start * step, (note.start + note.length) * step)
        for note in decode(tokens)
    ]
    return Tune(tuple(notes), end=len(tokens) * step) if notes else None


# ---------------------------------------------------------------- time


def _of_metre_and_tempo(tune: Tune, settings: MelodySettings) -> list[str]:
    """Return what the file says of metre and tempo where the settings say otherwise, as remarks."""
    remarks = []
    if tune.signature and tune.signature.bar != settings.beats_per_bar:
        remarks.append(
            f"The file is in {tune.signature}; bars are counted in {settings.beats_per_bar}/4, as chosen here."
        )
    if tune.timed:
        remarks.append(
            f"The file counts seconds (SMPTE), not beats; beats are those of the tempo chosen here, {settings.tempo:g}."
        )
    if any(abs(tempo / settings.tempo - 1) > SAME_TEMPO for tempo in tune.tempos):
        slow, fast = min(tune.tempos), max(tune.tempos)
        given = f"from {slow:.4g} to {fast:.4g}" if fast / slow - 1 > SAME_TEMPO else f"{slow:.4g}"
        remarks.append(f"The file's tempo is {given} beats a minute; it sounds at {settings.tempo:g}, as chosen here.")
    return remarks


def _in_steps(tune: Tune, settings: MelodySettings) -> Tune:
    """Return the tune with all times in steps, bars of the file's metre beginning at multiples of a bar."""
    scale = settings.steps_per_beat * (settings.tempo / USUAL_TEMPO if tune.timed else 1.0)
    shift = -math.floor(tune.signature.start * scale + 0.5) % settings.steps_per_bar if tune.signature else 0
    notes = [replace(note, start=note.start * scale + shift, end=note.end * scale + shift) for note in tune.notes]
    return replace(tune, notes=tuple(notes), end=tune.end * scale + shift)


def _on_grid(tune: Tune, settings: MelodySettings) -> list[_Placed]:
    """Place each note at the nearest step; it ends where the next begins at the latest.

    Of notes at the same step the longest stays, of equally long ones the one that was nearest to it.
    """
    at: dict[int, list[MidiNote]] = {}
    for note in tune.notes:
        # Half a step goes up, always: Python's own rounding would send it to the even side.
        at.setdefault(math.floor(note.start + 0.5), []).append(note)
    placed: list[_Placed] = []
    following = math.inf
    limit: float = math.inf  # the same, as given
    for start in sorted(at, reverse=True):
        note = max(at[start], key=lambda n: (round(n.end - n.start, 3), -abs(n.start - start)))
        end = math.floor(note.end + 0.5)
        if note.hanging:
            bar_line = (start // settings.steps_per_bar + 1) * settings.steps_per_bar
            end = min(end, bar_line) if note.end > note.start else bar_line
        given = replace(note, end=min(note.end, limit))
        placed.append(_Placed(start, int(min(max(end, start + 1), following)), given, len(at[start]) - 1))
        following, limit = start, note.start
    return placed[::-1]


def _without_tail(last: _Placed, rests: int, settings: MelodySettings, remarks: list[str]) -> _Placed:
    """End the last note at the bar line if it only rings a little beyond: part of a step, or as its release may.

    A tail is at most half a beat and a quarter of what comes before it. Else it would cost a bar of silence.
    """
    bar_line = (last.end - 1) // settings.steps_per_bar * settings.steps_per_bar
    tail = last.given.end - bar_line
    if last.start >= bar_line or rests > bar_line:
        return last
    if tail > RINGING and tail > min(settings.steps_per_beat / 2, (bar_line - last.start) / 4):
        return last
    remarks.append("The last note rings a little over the bar line; it ends there.")
    return replace(last, end=bar_line, given=replace(last.given, end=bar_line))


def _last_bars(placed: Sequence[_Placed], rests: int, settings: MelodySettings, remarks: list[str]) -> tuple[int, int]:
    """Return the first and the last step to keep: whole bars, at most MAX_STEPS, from the first bar with a note."""
    bar = settings.steps_per_bar
    most = MAX_STEPS // bar * bar
    sounding = -(-placed[-1].end // bar) * bar
    end = -(-max(sounding, rests) // bar) * bar
    silent = placed[0].start // bar * bar
    last = min(end, sounding + most - bar)
    if last < end:
        remarks.append(f"Left out {many((end - last) // bar, 'silent bar')} at the end.")
    first = max(silent, last - most)
    if first > silent:
        remarks.append(
            f"Kept the last {most // bar} bars, {first // bar + 1} to {last // bar} of {end // bar}: "
            f"a beginning has at most {MAX_STEPS} steps."
        )
    elif silent:
        remarks.append(f"Left out {many(silent // bar, 'silent bar')} at the start.")
    return first, last


def _of_rounding(kept: Sequence[_Placed], step: str) -> list[str]:
    """Return what the grid changed, as remarks."""
    remarks = []
    if moved := sum(abs(note.given.start - note.start) > AS_GIVEN for note in kept):
        remarks.append(f"Moved {moved} of {len(kept)} notes to the nearest {step}.")
    if rounded := sum(_length_is_rounded(note) for note in kept):
        remarks.append(f"Changed the length of {rounded} of {len(kept)} notes to whole {step}s.")
    if lost := sum(note.rivals for note in kept):
        remarks.append(f"Left out {many(lost)} on the same {step} as another.")
    return remarks


def _length_is_rounded(note: _Placed) -> bool:
    """Return whether a note is heard longer or shorter than given; hanging and empty ones have their own remark."""
    length = note.given.end - note.given.start
    return not note.given.hanging and length > 0 and abs(length - (note.end - note.start)) > LENGTH_AS_GIVEN


# ---------------------------------------------------------------- pitch


def _in_range(pitches: Sequence[int], transpose: int, remarks: list[str]) -> list[int]:
    """Return sounding pitches as the tokens' pitches, moved by octaves where they would leave LOWEST to HIGHEST."""
    low, high = LOWEST + transpose, HIGHEST + transpose
    octaves = min(range(-10, 11), key=lambda o: (sum(not low <= p + 12 * o <= high for p in pitches), abs(o), o))
    if octaves:
        way = "up" if octaves > 0 else "down"
        remarks.append(f"Moved everything {way} by {many(abs(octaves), 'octave')} to fit.")
    moved = [pitch + 12 * octaves for pitch in pitches]
    fitting = [low + (p - low) % 12 if p < low else high - (high - p) % 12 if p > high else p for p in moved]
    if changed := [(old, new) for old, new in zip(moved, fitting, strict=True) if old != new]:
        shown = ", ".join(f"{pitch_name(old)} as {pitch_name(new)}" for old, new in list(dict.fromkeys(changed))[:3])
        remarks.append(
            f"Outside {pitch_name(low)} to {pitch_name(high)}, which is all that sounds in this key: {len(changed)} of "
            f"{len(pitches)} notes, moved by octaves ({shown}{' ...' if len(set(changed)) > 3 else ''})."
        )
    return [pitch - transpose for pitch in fitting]
