"""The melody corpus: folk tunes of the music21 package as tokens.

Recipe: every tune of four ABC collections is parsed by music21, its top line kept, transposed to C major or
A minor (music21's key analysis) and to the octave that centres it, put on the sixteenth grid, cut to begin at
its first bar line, and split into training and held-out by tune families: tunes that share a title within a
collection, or a run of SHINGLE successive notes, stay on one side.
"""

import hashlib
import json
import multiprocessing
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.domains.melody.style import LONGEST_NOTE
from seqtutor_core.domains.melody.tokens import FIRST_NOTE, HIGHEST, LOWEST, NO_EVENT, Note, decode, encode
from seqtutor_core.errors import InputError, MissingPartError
from seqtutor_core.files import replace_text

COLLECTIONS = ("essenFolksong", "oneills1850", "airdsAirs", "ryansMammoth")
STEPS_PER_QUARTER = 4
SHINGLE = 24  # successive (pitch step, length) pairs that make two tunes variants of one another
HELD_OUT_PERCENT = 5
MIN_NOTES = 8
CENTRE = (LOWEST + HIGHEST) / 2


@dataclass(frozen=True)
class Tune:
    """One tune of the corpus."""

    collection: str
    title: str
    bar: int
    """Sixteenths in a bar; 0 where the metre changes or is not given."""
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Corpus:
    """Tunes for fitting and tunes kept aside; no tune has a variant on the other side."""

    training: tuple[Tune, ...]
    held_out: tuple[Tune, ...]


# ---------------------------------------------------------------- one tune


def split_abc(text: str) -> Iterator[str]:
    """Return the single tunes of an ABC file."""
    for part in re.split(r"(?m)^(?=X:)", text):
        if part.startswith("X:") and "K:" in part:
            yield part


def tokenise(abc: str, collection: str) -> Tune:
    """Return one ABC tune as tokens; InputError says why a tune does not fit."""
    from music21 import chord, converter, note

    title = next(iter(re.findall(r"(?m)^T:\s*(.*?)\s*$", abc)), "")
    score = converter.parse(abc, format="abc")
    flat = score.stripTies().flatten()
    heard: list[tuple[int, int, int]] = []  # pitch, start, length
    for element in flat.notes:
        if element.duration.isGrace or not isinstance(element, note.Note | chord.Chord):
            continue
        start, length = _on_grid(element.offset), _on_grid(element.quarterLength)
        heard.append((max(p.midi for p in element.pitches), start, length))
    if len(heard) < MIN_NOTES:
        raise InputError(f"fewer than {MIN_NOTES} notes")

    shift = _shift_to_c(score.analyze("key"), [p for p, _, _ in heard])
    bar, pickup = _metre(score)
    notes: list[Note] = []
    for pitch, start, length in sorted(heard, key=lambda n: n[1]):
        if start < pickup or length < 1:
            continue
        if notes and start - pickup < notes[-1].end:
            raise InputError("more than one note at a time")
        notes.append(Note(pitch + shift, start - pickup, length))
    if len(notes) < MIN_NOTES:
        raise InputError(f"fewer than {MIN_NOTES} notes")
    return Tune(collection, title, bar, tuple(encode(notes, notes[-1].end)))


def _on_grid(quarters: float) -> int:
    steps = quarters * STEPS_PER_QUARTER
    if steps != int(steps):
        raise InputError("off the sixteenth grid")
    return int(steps)


def _shift_to_c(key, pitches: list[int]) -> int:  # type: ignore[no-untyped-def]  # a music21 Key
    """Return the semitones to C major or A minor, in the octave that centres the tune; InputError if it is too wide."""
    tonic = key.tonic.pitchClass if key.mode == "major" else key.tonic.pitchClass + 3
    shifts = [12 * octave - tonic for octave in range(-5, 6)]
    middle = (min(pitches) + max(pitches)) / 2
    best = min(shifts, key=lambda s: abs(middle + s - CENTRE))
    if min(pitches) + best < LOWEST or max(pitches) + best > HIGHEST:
        raise InputError("wider than three octaves")
    return best


def _metre(score) -> tuple[int, int]:  # type: ignore[no-untyped-def]  # a music21 Score
    """Return the sixteenths in a bar (0: free or changing) and in the pickup before the first bar line."""
    signatures = list(score.recurse().getElementsByClass("TimeSignature"))
    lengths = {s.barDuration.quarterLength * STEPS_PER_QUARTER for s in signatures}
    if len(lengths) != 1 or (bar := lengths.pop()) != int(bar):
        return 0, 0
    measures = list(score.recurse().getElementsByClass("Measure"))
    first = measures[0].duration.quarterLength * STEPS_PER_QUARTER if measures else 0
    return int(bar), int(first) if 0 < first < bar and first == int(first) else 0


# ---------------------------------------------------------------- the whole corpus


def build(folder: Path, progress: Callable[[int, int], None], workers: int | None = None) -> dict[str, object]:
    """Parse every collection into `folder`, resuming where an earlier call stopped; return the statistics.

    progress is called with (files done, files in all). Raises MissingPartError without the music21 package.
    """
    files = _files()
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    waiting = [f for f in files if not _part(parts, f).exists()]
    progress(len(files) - len(waiting), len(files))
    with ProcessPoolExecutor(workers or cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [(f, pool.submit(_parse_file, f)) for f in waiting]
        for done, (file, job) in enumerate(jobs, start=len(files) - len(waiting) + 1):
            replace_text(_part(parts, file), json.dumps(job.result()))
            progress(done, len(files))

    tunes: list[Tune] = []
    refused: Counter[str] = Counter()
    for file in files:
        part = json.loads(_part(parts, file).read_text())
        refused.update(part["refused"])
        tunes.extend(Tune(**{**t, "tokens": tuple(t["tokens"])}) for t in part["tunes"])
    corpus = split(tunes)
    for name in ("training", "held_out"):
        lines = (json.dumps(asdict(t)) for t in getattr(corpus, name))
        replace_text(folder / f"{name}.jsonl", "\n".join(lines) + "\n")
    statistics = _statistics(corpus, refused)
    replace_text(folder / "statistics.json", json.dumps(statistics, indent=2) + "\n")
    return statistics


def load(folder: Path) -> Corpus:
    """Return the built corpus; InputError names the command that builds it."""
    if not (folder / "statistics.json").exists():
        raise InputError(f"no corpus in {folder}; build it with: python -m seqtutor_core prior corpus melody")

    def read(name: str) -> tuple[Tune, ...]:
        lines = filter(None, (folder / name).read_text().splitlines())
        return tuple(Tune(**{**t, "tokens": tuple(t["tokens"])}) for t in map(json.loads, lines))

    return Corpus(read("training.jsonl"), read("held_out.jsonl"))


def split(tunes: list[Tune]) -> Corpus:
    """Drop exact repeats, then put whole families on one side, by a hash of the family's first tune."""
    unique = list({t.tokens: t for t in reversed(tunes)}.values())[::-1]
    sides: dict[bool, list[Tune]] = {False: [], True: []}
    families = _families(unique)
    for tune, family in zip(unique, families, strict=True):
        digest = hashlib.sha256(bytes(unique[family].tokens)).digest()
        sides[int.from_bytes(digest[:4], "big") % 100 < HELD_OUT_PERCENT].append(tune)
    return Corpus(tuple(sides[False]), tuple(sides[True]))


def _families(tunes: list[Tune]) -> list[int]:
    """Return for each tune the index of its family's first member (union-find over titles and shingles)."""
    parent = list(range(len(tunes)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    owner: dict[object, int] = {}
    for i, tune in enumerate(tunes):
        for mark in _marks(tune):
            a, b = sorted((find(owner.setdefault(mark, i)), find(i)))
            parent[b] = a
    return [find(i) for i in range(len(tunes))]


def _marks(tune: Tune) -> Iterator[object]:
    """Yield what a variant would share with this tune: its title, and every run of SHINGLE notes, key left out."""
    title = re.sub(r"[^a-z ]", "", re.split(r"\s--\s|\(", tune.title.lower())[0]).strip()
    if len(title) > 3:
        yield tune.collection, title
    onsets = [s for s, t in enumerate(tune.tokens) if t >= FIRST_NOTE]
    pairs = [(tune.tokens[b] - tune.tokens[a], b - a) for a, b in pairwise(onsets)]
    for i in range(len(pairs) - SHINGLE + 1):
        yield tuple(pairs[i : i + SHINGLE])


def _files() -> list[Path]:
    try:
        import music21
    except ImportError:
        raise MissingPartError("the corpus needs the music21 package: pip install -r requirements.txt") from None
    root = Path(music21.__file__).parent / "corpus"
    return [f for c in COLLECTIONS for f in sorted((root / c).glob("*.abc"))]


def _parse_file(file: Path) -> dict[str, object]:
    tunes, refused = [], Counter[str]()
    for abc in split_abc(file.read_text(encoding="utf-8", errors="replace")):
        try:
            tunes.append(asdict(tokenise(abc, file.parent.name)))
        except InputError as error:
            refused[str(error)] += 1
        except Exception:  # noqa: BLE001  music21 raises many kinds of error on broken notation
            refused["not readable by music21"] += 1
    return {"tunes": tunes, "refused": refused}


def _part(parts: Path, file: Path) -> Path:
    return parts / f"{file.parent.name}-{file.stem}.json"


def _statistics(corpus: Corpus, refused: Counter[str]) -> dict[str, object]:
    tunes = corpus.training + corpus.held_out
    counts = Counter(token for t in tunes for token in t.tokens)
    total = sum(counts.values())
    return {
        "collections": dict(Counter(t.collection for t in tunes)),
        "tunes": {"training": len(corpus.training), "held_out": len(corpus.held_out)},
        "tokens": {
            "training": sum(len(t.tokens) for t in corpus.training),
            "held_out": sum(len(t.tokens) for t in corpus.held_out),
        },
        "hold_share": round(counts[NO_EVENT] / total, 4),
        "rest_share": round(counts[0] / total, 4),
        "share_of_time": _share_of_time(corpus.training),
        "bars": {str(bar): n for bar, n in Counter(t.bar for t in tunes).most_common()},
        "refused": dict(refused.most_common()),
    }


def _share_of_time(tunes: tuple[Tune, ...]) -> list[float]:
    """Return the shares of sounding time in notes of 1 to LONGEST_NOTE and more sixteenths, in binary metres."""
    time = Counter[int]()
    for tune in tunes:
        if period(tune.bar) == 16:
            for note in decode(tune.tokens):
                time[min(note.length, LONGEST_NOTE)] += note.length
    return [round(time[length] / time.total(), 5) for length in range(1, LONGEST_NOTE + 1)]


def period(bar: int) -> int:
    """Return the bar length that a network's clock runs on: 16 for binary metres, 12 for ternary, 18, or else 0."""
    for common in (16, 12):
        if bar and (bar % common == 0 or common % bar == 0):
            return common
    return bar if bar in (18, 20, 10, 14) else 0
