"""Whose a run is: owner.json keeps SHA-256 hashes, never what they are of.

One is of a secret: whoever shows it may steer the run, and an owner's link carries it. The others are of visitors, the
first of them who started the run, then those who took it over: a browser's cookie, or who logged in. Pages ask for one
or the other. A command has the files anyway, so it asks for nothing, and a run that it starts has no owner until a page
claims it.
"""

import hmac
import json
import secrets
from hashlib import sha256
from typing import Any

from seqtutor_core.errors import RunError
from seqtutor_core.files import read_whole, reason, replace_text
from seqtutor_core.rules import parse_json
from seqtutor_core.runs.schemas import ACTIVE
from seqtutor_core.runs.store import Run, all_runs

OWNER_FILE = "owner.json"
MOST_BYTES = 100_000
MOST_VISITORS = 100


def claim(run: Run, visitor: str = "") -> str:
    """Return a new secret that owns the run, and keep its hash and the visitor's in the folder.

    RunError when the run has an owner.
    """
    secret = secrets.token_urlsafe(24)
    try:
        with open(run.folder / OWNER_FILE, "x", encoding="utf-8") as file:  # of two at once, one is refused
            json.dump({"sha256": _hash(secret), "visitors": [_hash(visitor)] if visitor else []}, file)
    except FileExistsError:
        raise RunError(f"run {run.id} has an owner already; ask for the owner's link to steer it") from None
    except OSError as error:
        raise _unwritable(run, error) from None
    return secret


def has_owner(run: Run) -> bool:
    """Return whether somebody has claimed the run."""
    return (run.folder / OWNER_FILE).exists()


def owns(run: Run, secret: str, visitor: str = "") -> bool:
    """Return whether this is the owner's secret, or a visitor to whom the run belongs; never for a run without an
    owner, or whose owner.json is damaged.
    """
    kept, visitors = _read(run)
    known = [_same(each, visitor) for each in visitors]  # all of them: how long it takes says nothing
    return _same(kept, secret) or any(known)


def started_by(run: Run, visitor: str) -> bool:
    """Return whether this visitor started the run, or claimed one that a command had started."""
    return any(_same(first, visitor) for first in _read(run)[1][:1])


def living_runs(visitor: str) -> list[Run]:
    """Return the runs that this visitor started and that learn or wait, newest first."""
    return [run for run in all_runs() if started_by(run, visitor) and run.state in ACTIVE]


def admit(run: Run, secret: str, visitor: str) -> None:
    """Let the run belong to this visitor too, who shows the secret; RunError for a wrong one."""
    kept, visitors = _read(run)
    if not _same(kept, secret):
        raise RunError(f"this is not the owner's link of run {run.id}; ask its owner for it")
    if not any(_same(each, visitor) for each in visitors):
        # the first stays: who started the run; of many others the oldest leave
        _write(run, kept, [*visitors[:1], *[*visitors[1:], _hash(visitor)][-MOST_VISITORS:]])


def renew(run: Run) -> str:
    """Return a new secret in the place of the old one, whose links end; for whom the run belongs to."""
    secret = secrets.token_urlsafe(24)
    _write(run, _hash(secret), _read(run)[1])
    return secret


def _read(run: Run) -> tuple[str, list[str]]:
    """Return the hashes of the secret and of the visitors; empty ones, which are nobody's, from a damaged file."""
    try:
        kept: Any = parse_json(read_whole(run.folder / OWNER_FILE, MOST_BYTES))
        return str(kept["sha256"]), [str(each) for each in kept.get("visitors", [])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", []


def _write(run: Run, secret_hash: str, visitors: list[str]) -> None:
    try:
        replace_text(run.folder / OWNER_FILE, json.dumps({"sha256": secret_hash, "visitors": visitors}))
    except OSError as error:
        raise _unwritable(run, error) from None


def _unwritable(run: Run, error: OSError) -> RunError:
    return RunError(f"run {run.id} cannot be made yours: {reason(error)}; check its folder {run.folder}")


def _same(kept: str, shown: str) -> bool:
    return hmac.compare_digest(kept.encode("utf-8", "replace"), _hash(shown).encode())


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()
