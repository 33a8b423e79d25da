"""What users keep: single melodies and molecules, each a small file below the run home, there until it is dropped."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from seqtutor_core.errors import InputError
from seqtutor_core.files import home, read_whole, reason, replace_text
from seqtutor_core.rules import parse_json

MOST = 500  # of a domain
LARGEST = 64_000  # bytes of one


@dataclass(frozen=True)
class Kept:
    """Something that was kept."""

    id: str
    time: float
    """When, in seconds since 1970."""
    content: Mapping[str, Any]
    """Whatever its domain needs to show it again; JSON values."""


def keep(domain: str, content: Mapping[str, Any]) -> Kept:
    """Keep something and return it as kept; the same content is kept once.

    InputError when there is too much, or it cannot be written.
    """
    present = all_kept(domain)
    if same := next((one for one in present if one.content == dict(content)), None):
        return same
    if len(present) >= MOST:
        raise InputError(f"{MOST} are kept, which is the most; drop some of them first")
    one = Kept(uuid4().hex[:12], time.time(), dict(content))
    text = json.dumps({"time": one.time, "content": one.content})
    if len(text) > LARGEST:
        raise InputError(f"it has {len(text):,} characters as JSON and at most {LARGEST:,} are kept")
    try:
        _folder(domain).mkdir(parents=True, exist_ok=True)
        replace_text(_file(domain, one.id), text)
    except OSError as error:
        raise InputError(f"it cannot be kept: {reason(error)}; free some space, or check {_folder(domain)}") from None
    return one


def all_kept(domain: str) -> list[Kept]:
    """Return what is kept of a domain, the newest first; damaged files are passed over."""
    readable = []
    for path in _folder(domain).glob("*.json"):
        try:
            plain = parse_json(read_whole(path, LARGEST + 100))
            readable.append(Kept(path.stem, float(plain["time"]), dict(plain["content"])))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(readable, key=lambda one: -one.time)


def drop(domain: str, id: str) -> None:
    """Keep it no longer; InputError when its file cannot be removed."""
    try:
        if id.isalnum():
            _file(domain, id).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"it cannot be dropped: {reason(error)}; check {_folder(domain)}") from None


def _folder(domain: str) -> Path:
    return home() / "kept" / domain


def _file(domain: str, id: str) -> Path:
    return _folder(domain) / f"{id}.json"
