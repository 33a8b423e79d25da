"""Import a bundle: all of it is checked in a hidden folder before a run appears, whole, or not at all."""

import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from seqtutor_core import priors
from seqtutor_core.admitted import admit
from seqtutor_core.config import TuningConfig, resolve_device
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.registry import domain_entry
from seqtutor_core.errors import DamagedRunError, InputError, PriorError, RunError, SettingError, TokenError
from seqtutor_core.files import home, read_whole, reason
from seqtutor_core.own_rewards import find
from seqtutor_core.rules import parse_json, shown
from seqtutor_core.runs import bundle_format as bundle
from seqtutor_core.runs.bundle_archive import AGAIN, checked_card, opened, unpack
from seqtutor_core.runs.checkpoints import check_checkpoint, read_policy
from seqtutor_core.runs.jsonl import parse_objects
from seqtutor_core.runs.locks import RUN_LOCK, runs_folder, shared_index_lock
from seqtutor_core.runs.schemas import ENDED, METRICS_LINE
from seqtutor_core.runs.store import RUN_ID, UNFINISHED, Run, new_run_id
from seqtutor_core.runs.trash import seconds_left


@dataclass(frozen=True)
class Imported:
    """A run that came in a bundle."""

    run: Run
    notices: tuple[str, ...] = ()
    """What is not as it was where the run comes from, and what that means."""


def import_bundle(file: Path | IO[bytes], claim: Callable[[Run], None] = lambda run: None) -> Imported:
    """Add the run of a bundle to this machine's, under its own id or, where that is taken, under a new one.

    file: a path, or an open file that can be sought in. claim: is called with the run, to make it somebody's.
    InputError for a file that is no sound bundle, or one that this machine cannot use; RunError where there is no
    space. Nothing is left behind then.
    """
    try:
        home().mkdir(parents=True, exist_ok=True)
        with shared_index_lock(), _hidden_folder() as hidden:
            with opened(file) as archive:
                card = checked_card(archive)
                unpack(archive, hidden)
            run = Run(hidden / "run")
            notices = _check(run, hidden / "prior", card)
            placed = _place(run, hidden / "prior", card)
    except OSError as error:
        raise RunError(
            f"the run cannot be kept in {runs_folder()}: {reason(error)}; free some space, "
            "or set SEQTUTOR_HOME to another folder"
        ) from None
    claim(placed)
    return Imported(placed, notices)


@contextmanager
def _hidden_folder() -> Iterator[Path]:
    """Yield a folder that no list of runs shows, and delete it; one that the dead left is swept by the next worker."""
    runs_folder().mkdir(exist_ok=True)
    hidden = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}import-", dir=runs_folder()))
    try:
        for name in ("run/samples", "run/checkpoints", "prior"):
            (hidden / name).mkdir(parents=True)
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


# ---------------------------------------------------------------- what is in it


def _check(run: Run, prior: Path, card: dict[str, Any]) -> tuple[str, ...]:
    """Return the notices on a run that is sound; InputError names the file that is not, and why."""
    config = _checked_config(run)
    domain = build_domain(config.domain, config.settings)
    try:
        if run.status.state not in ENDED:
            raise InputError(f"the run in the bundle is {run.status.state}; stop it, and export it again")
        _check_curves(run)
        run.samples(), run.top_sequences()
        domain.vocabulary.check(config.primer)
        priors.load(str(prior), space=domain)
    except DamagedRunError as error:
        raise InputError(f"the run in the bundle is damaged: {error.problem}; {AGAIN}") from None
    except PriorError:
        raise InputError(f"the prior in the bundle is damaged, or made for other tokens; {AGAIN}") from None
    except (SettingError, TokenError) as error:
        raise InputError(f"the run in the bundle cannot be used: {error}") from None
    _check_weights(run)
    return tuple(_notices(config, card))


def _checked_config(run: Run) -> TuningConfig:
    """Return the settings; InputError where they are damaged, or need a domain that is not here."""
    try:
        config = run.config
        domain_entry(config.domain)
        if not bundle.PRIOR_NAME.fullmatch(config.prior):
            raise SettingError(f"prior must be a name without folders; got {shown(config.prior)}")
        build_domain(config.domain, config.settings)
    except DamagedRunError as error:
        raise InputError(f"the run in the bundle is damaged: {error.problem}; {AGAIN}") from None
    except SettingError as error:
        raise InputError(f"this machine cannot use the run in the bundle: {error}") from None
    return config


def _check_curves(run: Run) -> None:
    """Raise DamagedRunError for a line of metrics that breaks its rule, and read one line at a time."""
    path = run.folder / "metrics.jsonl"
    if not path.exists():
        return
    with open(path, "rb") as file:
        for line in file:
            try:
                for fact in parse_objects([line]):
                    METRICS_LINE("a line", fact)
            except SettingError as error:
                raise DamagedRunError(str(error), f"metrics.jsonl: {error}") from None


def _check_weights(run: Run) -> None:
    for path in [*run.folder.glob("checkpoints/*"), *run.folder.glob("policy.safetensors")]:
        try:
            check_checkpoint(path)
            if path.parent == run.folder:
                read_policy(path)
        except RunError:
            raise InputError(f"the run in the bundle is damaged: {path.name} cannot be read; {AGAIN}") from None


def _notices(config: TuningConfig, card: dict[str, Any]) -> Iterator[str]:
    for name in card["own_rewards"]:
        try:
            find(config.domain, name)
        except SettingError as error:
            yield f"own rewards are code and do not travel: {error}"
    try:
        resolve_device(config.device)
    except SettingError as error:
        yield f"it was made to learn on {config.device}: {error}; start a new run with its settings to go on here"
    here, there = bundle.versions(), card["versions"]
    others = [f"{name} {there.get(name)} there, {here[name]} here" for name in here if there.get(name) != here[name]]
    if others:
        yield f"other versions ({', '.join(others)}): it goes on, but not to the last digit as it would have there"


# ---------------------------------------------------------------- into its place


def _place(run: Run, prior: Path, card: dict[str, Any]) -> Run:
    """Move prior and run to where they belong and return the run; OSError leaves neither."""
    config = run.config
    name, new = _prior_name(config.prior, prior)
    run_id = str(card["run"]["id"])
    if not RUN_ID.fullmatch(run_id) or (runs_folder() / run_id).exists() or seconds_left(run_id) is not None:
        run_id = new_run_id(config)
    status = run.status
    if status.summary:
        status = replace(status, summary={**status.summary, "run": run_id})
    run.write_config(replace(config, prior=name))
    run.write_status(status)
    (run.folder / RUN_LOCK).touch()
    try:
        if new:
            Path(name).parent.mkdir(exist_ok=True)
            prior.rename(name)
        admit(name)
        run.folder.rename(runs_folder() / run_id)
    except OSError:
        if new:
            shutil.rmtree(name, ignore_errors=True)
        raise
    return Run(runs_folder() / run_id)


def _prior_name(name: str, carried: Path) -> tuple[str, bool]:
    """Return by what name a run here calls the prior that it brought, and whether that has to be put there.

    One that came with the program, or with an earlier bundle, is used if it is the same: weights and network.
    """
    mark = _mark(carried)
    kept = (home() / "priors").absolute() / f"{name}-{mark:08x}"
    for known, path in ((name, priors.ASSETS / name), (str(kept), kept)):
        try:
            if _mark(path) == mark and _weights(path) == _weights(carried):
                return known, False
        except (OSError, ValueError, KeyError):
            continue
    return str(kept), True


def _mark(folder: Path) -> int:
    """Return a checksum of a prior's weights and of what its card says of its network and settings."""
    card = parse_json(read_whole(folder / "card.json", priors.LARGEST_CARD))
    facts = json.dumps([card["network"], card.get("settings"), card.get("vocabulary")], sort_keys=True)
    return zlib.crc32(_weights(folder), zlib.crc32(facts.encode()))


def _weights(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()
