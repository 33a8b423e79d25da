"""Export a run as a bundle: the same run gives the same bytes, whole or not at all, without this machine's paths."""

import json
import os
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from seqtutor_core import priors
from seqtutor_core.admitted import check_admitted
from seqtutor_core.domains.own import OWN
from seqtutor_core.errors import RunError
from seqtutor_core.files import home, reason, without_waiting
from seqtutor_core.runs import bundle_format as bundle
from seqtutor_core.runs.index import run_info
from seqtutor_core.runs.jsonl import replace_nonfinite
from seqtutor_core.runs.locks import RUN_LOCK, free
from seqtutor_core.runs.names import run_name
from seqtutor_core.runs.schemas import ACTIVE
from seqtutor_core.runs.store import Run, config_values
from seqtutor_core.runs.tags import run_tags

CHUNK = 2**20  # bytes
COPIED = ("controls.jsonl", "best.jsonl", "policy.safetensors", "name.json", "tags.json")
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the moment that every file of a bundle bears
RESUMABLE = "it was interrupted; resume it to go on from its last checkpoint"

Content = Callable[[], Iterable[bytes]]
"""Reads a file of the bundle, in pieces."""


def export_bundle(run: Run, path: Path) -> None:
    """Write a bundle of the run to a path, whole or not at all, over what was there.

    RunError for a living or damaged run, or where it cannot be written; PriorError for a prior that cannot be read.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with open(temporary, "w+b") as file:
                write_bundle(run, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)  # an error as well where nothing may be written
    except OSError as error:
        raise RunError(f"the bundle cannot be written to {path}: {reason(error)}; choose another place") from None


def write_bundle(run: Run, file: IO[bytes]) -> None:
    """Write a bundle of the run into a file that can be sought in; errors as of `export_bundle`, and OSError."""
    try:
        with free(run.folder / RUN_LOCK) as no_worker:
            if not no_worker:
                raise RunError(f"run {run.id} is {run.state}; stop it before exporting it")
            contents = _contents(run)
            with zipfile.ZipFile(file, "w") as archive:
                for name in sorted(contents):
                    _write(archive, name, contents[name]())
    except FileNotFoundError as error:
        raise RunError(f"run {run.id} lacks {Path(error.filename or '').name}; it may just have been deleted") from None


def _write(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> None:
    entry = zipfile.ZipInfo(name, EARLIEST)
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(bundle.WEIGHTS) else zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as written:
        for piece in pieces:
            written.write(piece)


def _contents(run: Run) -> dict[str, Content]:
    """Return every file of the bundle by its name, the card last, for it lists the others."""
    config, status = run.config, run.status
    check_admitted(config.prior)
    prior = priors.load(config.prior)
    folder = priors.ASSETS / config.prior
    named = folder.name if bundle.PRIOR_NAME.fullmatch(folder.name) else "prior"
    hide = _hider(run, folder)
    if status.state in ACTIVE:
        status = replace(status, state="stopped", message=RESUMABLE)
    status = replace(status, handed=False, pid=None, message=hide(status.message), error=hide(status.error))
    settings = config_values(replace(config, prior=named))
    files: dict[str, Content] = {
        "run/config.json": _json(settings),
        "run/status.json": _json(replace_nonfinite(asdict(status))),
        "run/metrics.jsonl": lambda: (hide(line.decode(errors="replace")).encode() for line in _lines(run)),
        **{f"prior/{name}": _file(folder / name) for name in ("card.json", "weights.safetensors")},
    }
    kept = [run.folder / name for name in COPIED]
    kept += [*(run.folder / "samples").glob("*.jsonl"), *(run.folder / "checkpoints").glob("update-*.safetensors")]
    for path in kept:
        name = f"run/{path.relative_to(run.folder)}"
        if path.is_file() and bundle.MEMBER.fullmatch(name):
            files[name] = _file(path)
    card = _card(run, {**prior.card, "name": named}, [*files])
    texts = {bundle.README: bundle.readme(card), bundle.LICENCES: bundle.licences(card)}
    return {**files, **{name: _text(text) for name, text in texts.items()}, bundle.CARD: _json(card)}


def _card(run: Run, prior: dict[str, Any], files: list[str]) -> dict[str, Any]:
    """Return what the bundle says of itself."""
    config, status, info = run.config, run.status, run_info(run)
    figures = {name: getattr(info, name, None) for name in ("reward", "kl", "j", "distinct", "gauge")}
    facts: dict[str, Any] = {"id": run.id, "name": run_name(run), "tags": run_tags(run), "state": run.state}
    facts |= {"domain": config.domain, "learner": config.learner, "seed": config.seed}
    facts |= {"updates": status.update, "seconds": status.seconds, "device": status.device or config.device}
    return {
        "bundle": bundle.FORMAT,
        "versions": bundle.versions(),
        "run": facts,
        "figures": figures,
        "prior": {name: prior[name] for name in ("name", "licence", "source") if name in prior},
        "own_rewards": [config.settings[name] for name in OWN if config.settings.get(name)],
        "files": sorted([*files, bundle.README, bundle.LICENCES, bundle.CARD]),
    }


def _hider(run: Run, prior: Path) -> Callable[[str], str]:
    """Return what takes this machine's folders out of a text: of a path in them only its last part stays."""
    places = [run.folder, home(), Path.home(), prior, prior.parent, Path(tempfile.gettempdir()), Path(sys.prefix)]
    places += [place.resolve() for place in places]
    roots = {str(place) for place in places if place.is_absolute() and place != Path(place.anchor)}
    written = sorted({*roots, *(json.dumps(root)[1:-1] for root in roots)}, key=len, reverse=True)
    path = re.compile(rf"(?:{'|'.join(map(re.escape, written))})(?:/[^\s\"'/\\]+)*(?=/)/?")
    alone = re.compile("|".join(map(re.escape, written)))
    return lambda text: alone.sub("", path.sub("", text)) if "/" in text else text


# ---------------------------------------------------------------- contents


def _json(value: Any) -> Content:
    return _text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _text(text: str) -> Content:
    return lambda: [text.encode()]


def _file(path: Path) -> Content:
    return lambda: _pieces(path)


def _pieces(path: Path) -> Iterator[bytes]:
    with open(path, "rb", opener=without_waiting) as file:
        while piece := file.read(CHUNK):
            yield piece


def _lines(run: Run) -> Iterator[bytes]:
    """Yield the lines of metrics.jsonl; none of a run that has not learned yet."""
    path = run.folder / "metrics.jsonl"
    if path.exists():
        with open(path, "rb", opener=without_waiting) as file:
            yield from file
