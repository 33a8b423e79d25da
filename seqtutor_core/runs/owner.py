"""Whose a run is: owner.json keeps the SHA-256 of a secret, and whoever shows the secret may steer the run.

Pages ask for it. A command has the files anyway, so it asks for nothing, and a run that it starts has no owner until
a page claims it.
"""

import hmac
import json
import secrets
from hashlib import sha256

from seqtutor_core.errors import RunError
from seqtutor_core.files import read_whole
from seqtutor_core.rules import parse_json
from seqtutor_core.runs.store import Run

OWNER_FILE = "owner.json"


def claim(run: Run) -> str:
    """Return a new secret that owns the run, and keep its hash in the folder; RunError when it has an owner."""
    secret = secrets.token_urlsafe(24)
    try:
        with open(run.folder / OWNER_FILE, "x", encoding="utf-8") as file:  # of two at once, one is refused
            json.dump({"sha256": _hash(secret)}, file)
    except FileExistsError:
        raise RunError(f"run {run.id} has an owner already; ask for the owner's link to steer it") from None
    except OSError as error:
        raise RunError(f"run {run.id} cannot be made yours: {error.strerror}; check its folder {run.folder}") from None
    return secret


def has_owner(run: Run) -> bool:
    """Return whether somebody has claimed the run."""
    return (run.folder / OWNER_FILE).exists()


def owns(run: Run, secret: str) -> bool:
    """Return whether this is the owner's secret; never for a run without an owner, or whose owner.json is damaged."""
    try:
        kept = parse_json(read_whole(run.folder / OWNER_FILE, 10_000))["sha256"]
        return hmac.compare_digest(str(kept).encode(), _hash(secret).encode())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()
