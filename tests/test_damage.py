"""Damaged run folders: whatever stands in their files, readers answer or raise an error of ours, and pages stay up."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pages.ui import gauge_panel, readout
from pages.ui.curves import chart_data
from pages.ui.frontier import _finished
from pages.ui.melody.cards import drawing
from pages.ui.melody.spec import MELODY
from pages.ui.page import page_of
from seqtutor_core import priors
from seqtutor_core.admitted import admit, check_admitted
from seqtutor_core.cli.runs import _facts
from seqtutor_core.config import Change
from seqtutor_core.domains import build_domain
from seqtutor_core.errors import PriorError, SeqTutorError
from seqtutor_core.objective import Objective
from seqtutor_core.runs import owner, store
from seqtutor_core.runs.checkpoints import load_checkpoint
from seqtutor_core.runs.policies import policy_of
from seqtutor_core.runs.steering import ControlReader
from seqtutor_core.runs.top_sequences import rewards
from tests.paging import opened
from tests.running import OFTEN, execute, small, tiny_prior

MUTATIONS = 2000
TERMS = build_domain("melody").terms
KEY = Objective(build_domain("melody"), {"key": 1.0}, 1.0)
NASTY: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**400, 1e308, -(10**30), float("nan"), float("inf"), "", "abc", "\ud800", "x" * 70_000,
    [], [[]], [None], {}, {"a": []}, {"key": "much"}, ["key"], [1e9], {"state": "running"},
)  # fmt: skip
RAW = (
    b"", b"\n", b"null", b"[]", b"{}", b"3", b'"x"', b"[" * 3000, b'{"a":' * 3000, b"9" * 6000, b"1" + b"0" * 400,
    b"\xff\xfe\x00", b"\x00" * 100, b'{"weights": null}', b'{"update": NaN}', b"{" + b" " * 100_000, b"\xed\xa0\x80",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a run that learned, was steered and ended; its home is the one of these tests."""
    home = tmp_path_factory.mktemp("damage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQTUTOR_HOME", str(home))
        run = store.create_run(small(tiny_prior(home), updates=4, kl_budget=5.0))
        run.change(Change(weights={"key": 2.0}))
        assert execute(run, replace(OFTEN, checkpoint_first=0.0, final_samples=64)) == 0 and run.state == "finished"
        yield run.folder


def read_everything(run: store.Run, name: str) -> None:
    """What pages and commands read of a run, each by itself: one that refuses must not spare the next."""
    assert run.state in (*store.ACTIVE, "finished", "stopped", "failed", "interrupted", "damaged")
    assert isinstance(run.problem, str) and run.alive in (True, False)
    page_of(run)
    owner.living_runs("browser x")
    readers: dict[str, tuple[Callable[[], Any], ...]] = {
        "config.json": (
            lambda: MELODY.objective_settings(run.config.settings),
            lambda: build_domain(run.config.domain, run.config.settings).vocabulary.check(run.config.primer),
            lambda: check_admitted(run.config.prior),
            lambda: run.top_sequences(),
        ),
        "metrics.jsonl": (lambda: run.metrics(), lambda: run.curves()),
        "best.jsonl": (lambda: sorted(rewards(run.top_sequences(), KEY)),),
        "controls.jsonl": (lambda: ControlReader(run.folder / "controls.jsonl", TERMS).read(),),
        "samples": (lambda: [drawing(tokens) for moment in run.samples()[:1] for tokens in moment.sequences[:1]],),
    }
    for reader in (
        *readers.get(name.partition("/")[0], ()),
        lambda: json.dumps(_facts(run)),
        lambda: readout.stage(run.state, run.status, run.config),
        lambda: gauge_panel.bar(gauge_panel.newest(run, run.curves()[0])[0] or {}) if gauged(run) else None,
        lambda: _finished.__wrapped__(  # type: ignore[attr-defined]  # behind the cache
            run.id, None, "melody", MELODY
        ),
    ):
        try:
            reader()
        except SeqTutorError as error:
            str(error).encode()


def gauged(run: store.Run) -> bool:
    found, _ = gauge_panel.newest(run, run.curves()[0])
    return found is not None and found["at_most"] is not None


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A file with one thing changed: bytes, its end, or a value of its JSON."""
    kind = chance.randrange(5)
    if kind == 0:
        return chance.choice(RAW)
    if kind == 1:
        return data[: chance.randrange(len(data) + 1)]
    if kind == 2:
        place = chance.randrange(len(data) + 1)
        return data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
    try:
        lines = data.decode().splitlines() if data.count(b"}\n{") else [data.decode()]
        row = chance.randrange(len(lines))
        value = json.loads(lines[row])
    except ValueError:  # a file of no JSON
        return data
    change(value, chance)
    lines[row] = json.dumps(value)
    return "\n".join([*lines, ""]).encode()


def change(value: Any, chance: random.Random) -> None:
    """Put something else at one place of a JSON value, or take it away, or give it another name."""
    while True:
        names = [*value] if isinstance(value, dict) else [*range(len(value))]
        if not names:
            return
        name = chance.choice(names)
        inner = value[name]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.6:
            value = inner
            continue
        deed = chance.randrange(6)
        if deed == 0:
            del value[name]
        elif deed == 1 and isinstance(value, dict):
            value[f"{name}?"] = value.pop(name)
        else:
            value[name] = chance.choice(NASTY)
        return


@pytest.mark.slow
def test_two_thousand_mutations_raise_nothing_foreign(folder: Path) -> None:
    chance = random.Random(12)
    names = ["config.json", "status.json", "metrics.jsonl", "best.jsonl", "controls.jsonl"]
    names += [f"samples/{path.name}" for path in sorted((folder / "samples").iterdir())[:1]]
    whole = {name: (folder / name).read_bytes() for name in names}
    run = store.Run(folder)
    for number in range(MUTATIONS):
        name = names[number % len(names)]
        (folder / name).write_bytes(mutated(whole[name], chance))
        try:
            read_everything(run, name)
            if number % (10 * len(names)) == names.index("metrics.jsonl"):
                with suppress(SeqTutorError):
                    chart_data(MELODY, run.id, run.curves()[0])
        except Exception as error:
            raise AssertionError(f"{name} after mutation {number}: {(folder / name).read_bytes()[:3000]!r}") from error
        finally:
            (folder / name).write_bytes(whole[name])
    assert run.state == "finished" and not run.problem


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe", "loop", "device", "elsewhere"])
def test_what_is_no_file_is_damage(folder: Path, kind: str) -> None:
    run = store.Run(folder)
    for name in ("config.json", "status.json", "metrics.jsonl", "best.jsonl", "controls.jsonl", "worker.lock"):
        path, kept = folder / name, folder / f"{name}.kept"
        path.rename(kept)
        try:
            put(kind, path)
            read_everything(run, name)
            if name in ("config.json", "status.json"):
                assert run.state == "damaged" and run.problem.startswith(f"run {run.id} is damaged: {name}: ")
        finally:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            kept.rename(path)


def put(kind: str, path: Path) -> None:
    """Something that is no file of ours."""
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind != "nothing":
        path.symlink_to({"loop": str(path), "device": "/dev/zero", "elsewhere": __file__}[kind])


def test_mutated_weights_and_cards_raise_nothing_foreign(folder: Path, tmp_path: Path) -> None:
    """A policy and a checkpoint, a card: header, metadata, settings of the network."""
    chance = random.Random(5)
    (checkpoint,) = (folder / "checkpoints").iterdir()
    prior = tiny_prior(tmp_path)
    files: dict[Path, Callable[[], Any]] = {
        folder / "policy.safetensors": lambda: store.load_policy(store.Run(folder)),
        checkpoint: lambda: load_checkpoint(folder / "checkpoints"),
        prior / "card.json": lambda: priors.load(str(prior)),
        prior / "weights.safetensors": lambda: priors.load(str(prior)),
    }
    for path, reader in files.items():
        data = path.read_bytes()
        for number in range(100):
            wrong = mutated(data, chance) if path.suffix == ".json" else mutated_header(data, chance)
            path.write_bytes(wrong)
            try:
                reader()
            except SeqTutorError as error:
                str(error).encode()
            except Exception as error:
                raise AssertionError(f"{path.name} after mutation {number}: {wrong[:3000]!r}") from error
        path.write_bytes(data)
        reader()


@pytest.mark.parametrize("name", ["card.json", "weights.safetensors"])
def test_a_pipe_in_a_prior_is_not_waited_for(name: str, tmp_path: Path) -> None:
    prior = tiny_prior(tmp_path)
    (prior / name).unlink()
    os.mkfifo(prior / name)
    with pytest.raises(PriorError, match="is not a plain file"):
        priors.load(str(prior))


@pytest.mark.parametrize("kind", ["F64", "F8_E5M2", "I8", "shape"])
def test_tensors_of_another_type_or_shape_are_damage(folder: Path, kind: str) -> None:
    """The same bytes, read as something else: learning would go on with it, silently."""
    (checkpoint,) = (folder / "checkpoints").iterdir()
    data = checkpoint.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    name = "recent" if kind == "F64" else "generators"
    header[name] |= {"shape": [1, *header[name]["shape"]]} if kind == "shape" else {"dtype": kind}
    text = json.dumps(header).encode()
    checkpoint.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
    found = load_checkpoint(folder / "checkpoints")
    checkpoint.write_bytes(data)
    assert found is not None and found.damaged == (checkpoint.name,) and not found.tensors


def mutated_header(data: bytes, chance: random.Random) -> bytes:
    """A safetensors file whose JSON header says something else, of the right length or not."""
    if chance.random() < 0.3:
        return mutated(data, chance)
    size = int.from_bytes(data[:8], "little")
    value = json.loads(data[8 : 8 + size])
    plain = json.loads(value.get("__metadata__", {}).get("plain", "{}"))
    if plain and chance.random() < 0.5:
        change(plain, chance)
        value["__metadata__"]["plain"] = json.dumps(plain)
    else:
        change(value, chance)
    header = json.dumps(value).encode()
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


@pytest.mark.parametrize(
    ("name", "value"),
    [("layers", 10**30), ("hidden", 10**9), ("vocabulary", 10**6), ("embedding", 2**31), ("layers", 2)],
)
def test_a_card_of_another_network_is_refused_before_it_is_built(tmp_path: Path, name: str, value: int) -> None:
    """10^30 layers were built one by one."""
    prior = tiny_prior(tmp_path)
    card = json.loads((prior / "card.json").read_text())
    card["network"][name] = value
    (prior / "card.json").write_text(json.dumps(card))
    with pytest.raises(PriorError, match=f"is damaged .*({name} must be|do not fit)"):
        priors.load(str(prior))


def test_a_run_names_admitted_priors_only(folder: Path, tmp_path: Path) -> None:
    """Its config.json could name any folder of the machine, and its files were read."""
    foreign = tiny_prior(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    for name in (str(foreign), "/etc", "../../melody", "", "a/b"):
        other = store.create_run(small(Path("melody"), updates=1))
        (other.folder / "config.json").write_text(json.dumps({**config, "prior": name}))
        assert execute(other) == 1
        assert other.state == "failed" and "prior" in other.status.error
        with pytest.raises(PriorError):
            policy_of(other)
        shutil.rmtree(other.folder)
    admit(str(foreign))
    check_admitted(str(foreign))


@pytest.mark.parametrize("text", ['{"weights": null}', "[]", "[" * 3000, '{"state": 1}', '"\\ud800"'])
@pytest.mark.parametrize("name", ["config.json", "status.json"])
def test_pages_show_a_damaged_run_as_damaged(folder: Path, name: str, text: str) -> None:
    """One bad folder took home and melody down."""
    run, whole = store.Run(folder), (folder / name).read_bytes()
    (folder / name).write_text(text)
    try:
        home = opened("app").run()
        assert not home.exception and run.state == "damaged"
        assert any(link.proto.query_string == f"run={run.id}" for link in home.get("page_link"))
        assert any("Damaged" in caption.value for caption in home.caption)
    finally:
        (folder / name).write_bytes(whole)
