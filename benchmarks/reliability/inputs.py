"""Mutated inputs for each parser: what is uncaught, and what takes too long."""

import copy
import io
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from torch import Tensor

from benchmarks.browser import Row
from seqtutor_core import priors
from seqtutor_core.chemistry import inputs as molecules
from seqtutor_core.config import Change
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.melody.primer import from_midi
from seqtutor_core.errors import RunError, SeqTutorError
from seqtutor_core.runs import run_loop, store
from seqtutor_core.runs.bundle_export import write_bundle
from seqtutor_core.runs.bundle_import import import_bundle
from seqtutor_core.runs.checkpoints import check_checkpoint, load_checkpoint, save_checkpoint
from seqtutor_core.runs.steering import ControlReader
from seqtutor_core.runs.trash import discard, purge
from seqtutor_core.stages import Stage
from seqtutor_core.tuning import Tuner, tune
from tests import test_damage, test_midi_file, test_molecule_fuzz
from tests.running import OFTEN, execute, small, tiny_prior

INPUTS = 100_000
HANG_SECONDS = 10.0
SHOWN = 300  # bytes of an input that a failure quotes
TYPED = ["CC(=O)Oc1ccccc1C(=O)O", "[NH3][Pt](Cl)(Cl)[NH3]", "C[C@H](N)/C=C/c1cc[nH]c1", "O=C(O)c1ccccc1 benzoic acid"]
PATTERNS = ["[#6;R]~[!C]", "c1ccc(Cl)cc1", "[NX3;H2,H1;!$(NC=O)]", "[$([OH]c)]"]
BEGINNINGS = ["CC(=O)N", "c1ccc(", "O=C(Nc1ccc", "CC1CCN("]
STAGES = ["qed=40, until=30, calls=2000", "key=1, motif=0.5, c=4, until=-2.5", "log_p=5, combination=geometric_mean"]


@dataclass(frozen=True)
class Parser:
    """Something that reads what others wrote, and how sound inputs for it are spoiled."""

    name: str
    read: Callable[[bytes], object]
    spoiled: Callable[[random.Random], bytes]


def inputs(count: int, only: Collection[str]) -> list[Row]:
    """Return for each parser how many of `count` mutated inputs were read, refused, uncaught, and how long one took."""
    with temporary_home() as home:
        return [_row(parser, count) for parser in _parsers(home) if any(text in parser.name for text in only)]


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Use a new folder as SEQTUTOR_HOME, and give it."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, SEQTUTOR_HOME=folder):
        yield Path(folder)


def _row(parser: Parser, count: int) -> Row:
    chance = random.Random(17)
    read = refused = uncaught = hangs = 0
    slowest = 0.0
    for _ in range(count):
        data = parser.spoiled(chance)
        began = time.perf_counter()
        try:
            parser.read(data)
            read += 1
        except SeqTutorError as error:
            str(error).encode()
            refused += 1
        except Exception as error:  # noqa: BLE001  this is what is counted
            uncaught += 1
            print(f"{parser.name}: {type(error).__name__}: {error}: {data[:SHOWN]!r}", file=sys.stderr, flush=True)
        took = time.perf_counter() - began
        slowest = max(slowest, took)
        if took > HANG_SECONDS:
            hangs += 1
            print(f"{parser.name}: {took:.1f} s: {data[:SHOWN]!r}", file=sys.stderr, flush=True)
    row = {"parser": parser.name, "inputs": count, "read": read, "refused": refused}
    row |= {"uncaught": uncaught, f"over {HANG_SECONDS:g} s": hangs, "slowest, ms": round(1000 * slowest)}
    print(row, file=sys.stderr, flush=True)
    return row


# ---------------------------------------------------------------- the parsers


def _parsers(home: Path) -> list[Parser]:
    """Return all parsers; those of a run read one that learned a little in this home."""
    return [*_melodies(), *_molecules(), *_texts(), *_run_files(home)]


def _melodies() -> Iterator[Parser]:
    chance = random.Random(1)

    def read(data: bytes) -> object:
        return from_midi(data, chance.choice(test_midi_file.CHOICES), polyphony=chance.choice(("error", "top")))

    yield Parser("MIDI file", read, test_midi_file.mutated)


def _molecules() -> Iterator[Parser]:
    for kind in ("smi", "csv", "mol", "sdf"):
        sound = test_molecule_fuzz.seeds(kind)
        yield Parser(
            f"{kind} file of molecules",
            lambda data, name=f"a.{kind}": molecules.upload(data, name),  # type: ignore[misc]
            lambda chance, sound=sound: test_molecule_fuzz.damage(chance.choice(sound), chance),  # type: ignore[misc]
        )


def _texts() -> Iterator[Parser]:
    readers: dict[str, tuple[list[str], Callable[[str], object]]] = {
        "SMILES as typed": (TYPED, molecules.molecule),
        "SMARTS as typed": (PATTERNS, molecules.smarts),
        "beginning as typed": (BEGINNINGS, molecules.prefix),
        "stage as typed": (STAGES, Stage.of),
    }
    for name, (sound, read) in readers.items():
        yield Parser(
            name,
            lambda data, read=read: read(data.decode("utf-8", "replace")),  # type: ignore[misc]
            lambda chance, sound=sound: test_molecule_fuzz.damage(chance.choice(sound), chance),  # type: ignore[misc]
        )


def _run_files(home: Path) -> Iterator[Parser]:
    prior = tiny_prior(home / "own")
    run = store.create_run(small(prior, updates=4, kl_budget=5.0))
    run.change(Change(weights={"key": 2.0}))
    assert execute(run, replace(OFTEN, checkpoint_first=0.0, final_samples=64)) == 0
    (checkpoint,) = (run.folder / "checkpoints").iterdir()
    (samples, *_) = sorted((run.folder / "samples").iterdir())
    terms = test_damage.TERMS
    texts: dict[Path, Callable[[], object]] = {
        run.folder / "config.json": lambda: run.config,
        run.folder / "status.json": lambda: run.status,
        run.folder / "metrics.jsonl": run.curves,
        run.folder / "best.jsonl": run.top_sequences,
        run.folder / "controls.jsonl": lambda: ControlReader(run.folder / "controls.jsonl", terms).read(),
        samples: run.samples,
        prior / "card.json": lambda: priors.load(str(prior)),
    }
    weights: dict[Path, Callable[[], object]] = {
        checkpoint: lambda: check_checkpoint(checkpoint),
        run.folder / "policy.safetensors": lambda: store.load_policy(run),
        prior / "weights.safetensors": lambda: priors.load(str(prior)),
    }
    for mutated, readers in ((test_damage.mutated, texts), (test_damage.mutated_header, weights)):
        for path, read in readers.items():
            yield _of_file(path, read, mutated)
    yield _of_bundles(run)
    yield _of_states(store.create_run(run.config), prior)


def _of_file(path: Path, read: Callable[[], object], mutated: Callable[[bytes, random.Random], bytes]) -> Parser:
    """Return the parser of a file, which is put back as it was after each look."""
    whole = path.read_bytes()

    def look(data: bytes) -> object:
        path.write_bytes(data)
        try:
            return read()
        finally:
            path.write_bytes(whole)

    name = "samples of a run" if path.parent.name == "samples" else path.name
    name = "checkpoint" if path.parent.name == "checkpoints" else name
    return Parser(name, look, lambda chance: mutated(whole, chance))


def _of_bundles(run: store.Run) -> Parser:
    file = io.BytesIO()
    write_bundle(run, file)
    whole = file.getvalue()

    def read(data: bytes) -> object:
        imported = import_bundle(io.BytesIO(data))
        discard(imported.run)
        purge(0.0)
        return imported

    return Parser("bundle", read, lambda chance: _spoiled(whole, chance))


def _of_states(run: store.Run, prior: Path) -> Parser:
    """Return the parser of what a checkpoint holds: its checksums are right, as of one that somebody made by hand."""
    domain, network = build_domain(run.config.domain, run.config.settings), priors.load(str(prior)).network
    tuner = Tuner(run.config, domain, network)
    for _ in tune(tuner):
        pass
    tensors, plain = tuner.state_dict()
    folder = run.folder / "checkpoints"

    def read(_: bytes) -> object:
        checkpoint = load_checkpoint(folder)
        if checkpoint is not None and checkpoint.damaged:
            raise RunError(f"{checkpoint.damaged} cannot be read")
        return run_loop._restore(run, Tuner(run.config, domain, network), checkpoint)

    def spoiled(chance: random.Random) -> bytes:
        wrong, values = dict(tensors), copy.deepcopy(plain)
        if chance.random() < 0.5:
            test_damage.change(values, chance)
        else:
            _change_tensor(wrong, chance)
        save_checkpoint(folder, wrong, values, 0)
        return repr(values).encode()

    return Parser("state of a checkpoint", read, spoiled)


def _change_tensor(tensors: dict[str, Tensor], chance: random.Random) -> None:
    """Take one away, cut it, give it another shape or type, or the name of another."""
    name, kind = chance.choice([*tensors]), chance.randrange(5)
    tensor = tensors.pop(name)
    if kind == 4:
        name = chance.choice([*tensors])
    if kind:
        tensors[name] = (tensor, tensor.reshape(-1)[:1], tensor.reshape(-1), tensor.double(), tensor)[kind]


def _spoiled(data: bytes, chance: random.Random) -> bytes:
    """Return a zip with some bytes changed, half of them in its directory; or cut."""
    wrong, directory = bytearray(data), data.find(b"PK\x01\x02")
    for _ in range(chance.randint(1, 4)):
        place = chance.choice([chance.randrange(len(wrong)), chance.randrange(directory, len(wrong))])
        wrong[place] = chance.randrange(256)
    return bytes(wrong[: chance.randrange(len(wrong))] if chance.random() < 0.1 else wrong)
