"""Checkpoints: tensors and plain values in one safetensors file, written whole or not at all. No pickle.

The two newest are kept, of a finished run the newest; a damaged one is passed over for the one before.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from seqtutor_core.errors import RunError
from seqtutor_core.files import replace_bytes
from seqtutor_core.network import NetworkSettings, RecurrentNetwork, network_of
from seqtutor_core.older import current_network
from seqtutor_core.rules import parse_json
from seqtutor_core.runs.schemas import CHECKPOINT

MAX_CHECKPOINTS = 2


@dataclass(frozen=True)
class Checkpoint:
    """What a worker needs to resume."""

    tensors: dict[str, Tensor]
    plain: dict[str, Any]
    damaged: tuple[str, ...] = ()
    """Names of newer checkpoints that could not be read."""


def save_checkpoint(folder: Path, tensors: Mapping[str, Tensor], plain: Mapping[str, Any], update: int) -> None:
    """Write folder/update-N.safetensors, then drop all but the two newest; OSError leaves the older ones alone.

    tensors, plain: a tuner's state, tensors and JSON values. update: N.
    """
    folder.mkdir(exist_ok=True)
    _write(folder / f"update-{update:09d}.safetensors", tensors, plain)
    prune_checkpoints(folder, MAX_CHECKPOINTS)


def prune_checkpoints(folder: Path, kept: int) -> None:
    """Delete all but the `kept` newest checkpoints."""
    for old in _newest_first(folder)[kept:]:
        old.unlink()


def newest_update(folder: Path) -> int:
    """Return the update after which the newest checkpoint was written; 0 when there is none."""
    numbers = (path.stem.removeprefix("update-") for path in _newest_first(folder))
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest undamaged checkpoint; None when the folder has no checkpoint at all.

    When all are damaged, return an empty one that names them.
    """
    damaged: list[str] = []
    for path in _newest_first(folder):
        try:
            return Checkpoint(*_read(path), tuple(damaged))
        except RunError:
            damaged.append(path.name)
    return Checkpoint({}, {}, tuple(damaged)) if damaged else None


def check_checkpoint(path: Path) -> None:
    """Raise RunError unless a checkpoint, or a policy, can be read and its checksums hold."""
    _read(path)


def delete_damaged(folder: Path, checkpoint: Checkpoint) -> None:
    """Delete what could not be read, so that it never counts among the two that are kept."""
    for name in checkpoint.damaged:
        (folder / name).unlink(missing_ok=True)


def save_policy(path: Path, tensors: Mapping[str, Tensor], settings: NetworkSettings, at: Mapping[str, float]) -> None:
    """Write a policy's tensors to a path, with its network's settings; `at` holds its update and its second."""
    _write(path, tensors, {"network": asdict(settings), **at})


def policy_seconds(path: Path) -> float | None:
    """Return after how many seconds of learning a policy was written; None when its file does not say."""
    try:
        with safe_open(path, "pt") as file:
            return float(json.loads((file.metadata() or {})["plain"])["seconds"])
    except (SafetensorError, ValueError, KeyError, TypeError, OSError):
        return None


def read_policy(path: Path) -> RecurrentNetwork:
    """Return a policy's network, frozen, on the CPU; RunError when the file is missing or damaged."""
    tensors, plain = _read(path)
    try:
        return network_of(current_network(plain.get("network")), tensors)
    except ValueError as error:
        raise RunError(f"the tuned policy {path} is damaged ({error}); resume the run to write it again") from None


# ---------------------------------------------------------------- files


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("update-*.safetensors"), reverse=True)


def _write(path: Path, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
    ours = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    text = json.dumps(dict(plain))
    facts = {"plain": text, **_sums(ours, text)}
    # bytes first: the library's own writer is not atomic and hides a full disk's OSError
    replace_bytes(path, save(ours, metadata=facts))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is not a plain file")
        with safe_open(path, "pt") as file:
            facts = file.metadata() or {}
            # cloned: in the file tensors are not aligned as torch aligns them, which can change a sum's last bit
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  it is no mapping
        plain = CHECKPOINT("its state", parse_json(facts["plain"]))
        sums = _sums(tensors, facts["plain"])
    except FileNotFoundError:
        raise RunError(f"{path} is missing; the run has not got that far") from None
    except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
        raise RunError(f"{path} is damaged ({error})") from None
    # older files have the first checksum only, or the first two
    if "crc32" not in facts or any(facts.get(name, value) != value for name, value in sums.items()):
        raise RunError(f"{path} is damaged (its checksum is wrong)")
    return tensors, plain


def _sums(tensors: Mapping[str, Tensor], text: str) -> dict[str, str]:
    """Return checksums of the tensors, of the plain values, and of the tensors' types and shapes.

    TypeError for a type of tensor that no checkpoint has.
    """
    kinds = json.dumps([(name, str(tensors[name].dtype), list(tensors[name].shape)) for name in sorted(tensors)])
    return {
        "crc32": str(_crc32(tensors)),
        "plain_crc32": str(zlib.crc32(text.encode())),
        "kinds_crc32": str(zlib.crc32(kinds.encode())),
    }


def _crc32(tensors: Mapping[str, Tensor]) -> int:
    """Return a checksum over all tensors by name: a flipped bit leaves a safetensors file readable, and wrong."""
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].numpy().tobytes(), zlib.crc32(name.encode(), value))
    return value
