"""Tags of runs, in tags.json beside the name: words of the user to find runs again by."""

import json
import unicodedata

from seqtutor_core.errors import RunError, SettingError
from seqtutor_core.files import read_whole, reason, replace_text
from seqtutor_core.rules import listed, parse_json, shown
from seqtutor_core.runs.names import checked_line
from seqtutor_core.runs.store import Run

TAGS_FILE = "tags.json"
MAX_LENGTH = 24  # characters
MAX_TAGS = 12  # of one run
MAX_BYTES = 10_000  # bytes


def run_tags(run: Run) -> tuple[str, ...]:
    """Return the run's tags in alphabetical order; none when it has no tags.json, or a damaged one."""
    try:
        return _sorted(
            listed(_checked, MAX_TAGS)("tags", parse_json(read_whole(run.folder / TAGS_FILE, MAX_BYTES))["tags"])
        )
    except (OSError, ValueError, KeyError, TypeError):  # SettingError is a ValueError
        return ()


def add_tag(run: Run, tag: str) -> None:
    """Add a tag to the run, unless it has it already; capitals do not count.

    SettingError for a tag that breaks the rules, or one too many; RunError when it cannot be written.
    """
    tag, present = _checked("a tag", tag), run_tags(run)
    if tag.casefold() in map(str.casefold, present):
        return
    if len(present) >= MAX_TAGS:
        raise SettingError(f"run {run.id} has {MAX_TAGS} tags, which is the most; remove one of {', '.join(present)}")
    _write(run, _sorted([*present, tag]))


def remove_tag(run: Run, tag: str) -> None:
    """Remove a tag; SettingError when the run does not have it, RunError when it cannot be written."""
    unwanted, present = _checked("a tag", tag).casefold(), run_tags(run)
    kept = [one for one in present if one.casefold() != unwanted]
    if len(kept) == len(present):
        raise SettingError(f"run {run.id} has no tag {shown(tag)}; it has: {', '.join(present) or 'none'}")
    _write(run, kept)


def _write(run: Run, tags: list[str] | tuple[str, ...]) -> None:
    try:
        replace_text(run.folder / TAGS_FILE, json.dumps({"tags": list(tags)}))
    except OSError as error:
        raise RunError(f"run {run.id} cannot be tagged: {reason(error)}; check its folder {run.folder}") from None


def _sorted(tags: list[str]) -> tuple[str, ...]:
    return tuple(sorted(tags, key=str.casefold))


def _checked(_: str, tag: object) -> str:
    """Return a tag as it is kept, in Unicode's form NFC, so that what looks alike is equal; SettingError if invalid."""
    return checked_line("a tag", MAX_LENGTH, unicodedata.normalize("NFC", tag) if isinstance(tag, str) else tag)
