"""Names of runs that people can read: made from the id until somebody writes another one to name.json."""

import json
import unicodedata
from hashlib import sha256

from seqtutor_core.errors import RunError, SettingError
from seqtutor_core.files import read_whole, reason, replace_text
from seqtutor_core.rules import parse_json, shown, text_of
from seqtutor_core.runs.store import Run

NAME_FILE = "name.json"
SUBJECT = "a run's name"
MAX_LENGTH = 80  # characters
MAX_BYTES = 10_000  # bytes
BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Marks that nobody sees and that turn the direction of whatever is written behind them."""

_ADJECTIVES = """airy amber ancient aromatic bitter blue bold bonded brassy bright brisk buoyant calm candid catalytic
chiral chromatic clear copper cosmic crystal daring deep dotted dreamy eager earnest fearless flowing fluent foamy
fragrant gentle glassy golden graceful grand hollow humming inert inner ivory jolly juicy keen limpid liquid lively
lofty lucid lunar lush lyric mellow merry mild misty molten muted nimble noble opaque patient pearly plain plucked
polar proud pure quick quiet racemic radiant resonant restless rosy rustic sacred salty serene sharp silent silver
slender smoky soft solar solemn soluble sonorous spirited stable steady stirring sunny supple sweet swift syncopated
tempered tender tonic tranquil vivid volatile waltzing warm wistful witty woody"""
_NOUNS = """acetone alkane alkene allegro alloy amide amine andante anthem aria arpeggio azide ballad barcarole bass
benzene bolero borane bourree cadence canon cantata carol cello chaconne chorale chord clarinet coda cymbal descant
diene drum duet ester ether etude fanfare fiddle flute fugue furan galliard gavotte glucose gong guitar harmony harp
hexane horn hymn indole interlude intermezzo isomer jig ketone largo ligand lute lyre madrigal mandolin march mazurka
melisma menthol minuet myrcene motet motif musette nocturne oboe octave octet organ overture oxide partita pavane
peptide phenol pianola polka prelude purine pyridine quartet quinone reel refrain rhapsody rondo salt sarabande
scherzo serenade sextet sonata sonnet spinet strophe sugar tango terpene toccata triad trio tritone trumpet ukulele
vanillin vibrato viola violin waltz xenon zither"""
ADJECTIVES, NOUNS = _ADJECTIVES.split(), _NOUNS.split()


def generated_name(run_id: str) -> str:
    """Return the adjective and noun that belong to an id, always the same."""
    number = int.from_bytes(sha256(run_id.encode("utf-8", "replace")).digest()[:8], "big")
    rest, adjective = divmod(number, len(ADJECTIVES))
    return f"{ADJECTIVES[adjective]} {NOUNS[rest % len(NOUNS)]}".capitalize()


def run_name(run: Run) -> str:
    """Return what the run is called; its generated name when nobody has named it, or name.json is damaged."""
    try:
        return checked_line(SUBJECT, MAX_LENGTH, parse_json(read_whole(run.folder / NAME_FILE, MAX_BYTES))["name"])
    except (OSError, ValueError, KeyError, TypeError):  # SettingError is a ValueError
        return generated_name(run.id)


def rename_run(run: Run, name: str) -> None:
    """Name the run; an empty name restores the generated one.

    SettingError for a name that breaks the rules, RunError when it cannot be written.
    """
    try:
        if not isinstance(name, str) or name.strip():
            replace_text(run.folder / NAME_FILE, json.dumps({"name": checked_line(SUBJECT, MAX_LENGTH, name)}))
        else:
            (run.folder / NAME_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"run {run.id} cannot be renamed: {reason(error)}; check its folder {run.folder}") from None


def checked_line(what: str, most: int, value: object) -> str:
    """Return a text without the blanks around it; SettingError when it is too long, empty or invisible."""
    text = text_of(most)(what, value.strip() if isinstance(value, str) else value)
    kinds = {unicodedata.category(character) for character in text}
    turned = any(unicodedata.bidirectional(character) in BIDI_CONTROLS for character in text)
    if turned or "Cc" in kinds or all(kind[0] in "CZ" for kind in kinds):
        raise SettingError(f"{what} must be one line of characters that can be seen; got {shown(value)}")
    return text
