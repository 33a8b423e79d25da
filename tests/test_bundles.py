"""Runs as bundles: exported, imported elsewhere and gone on with; and files that are no bundles, or wrong ones."""

import errno
import io
import json
import random
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from seqtutor_core.cli.main import main
from seqtutor_core.errors import InputError, RunError, SeqTutorError
from seqtutor_core.runs import bundle_format, owner, run_loop, trash
from seqtutor_core.runs.bundle_export import RESUMABLE, export_bundle, write_bundle
from seqtutor_core.runs.bundle_import import import_bundle
from seqtutor_core.runs.locks import RUN_LOCK, acquire, runs_folder
from seqtutor_core.runs.names import rename_run, run_name
from seqtutor_core.runs.store import Run, all_runs, create_run, open_run
from seqtutor_core.runs.tags import add_tag, run_tags
from tests.running import OFTEN, execute, small, tiny_prior

UPDATES = 12


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with one run, stopped in the middle, that somebody owns, has named and tagged."""
    home = tmp_path_factory.mktemp("origin")
    with at(home):
        run = create_run(small(tiny_prior(home / "own priors"), updates=UPDATES))
        stopped_after(run, 5)
        owner.claim(run)
        rename_run(run, "Étude Nº 1")
        add_tag(run, "waltz")
        (run.folder / "worker.log").write_text(f"{home} is secret")
        yield home


@contextmanager
def at(home: Path) -> Iterator[None]:
    """Within it, this is the machine's home of runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQTUTOR_HOME", str(home))
        yield


def stopped_after(run: Run, update: int) -> None:
    """Let a run learn for so many updates, then stop it."""
    asked = iter(range(10**6))
    assert run_loop.execute_run(run, lambda: next(asked) >= update, cadence=OFTEN) == 0
    assert run.status.state == "stopped" and 0 < run.status.update < UPDATES


@pytest.fixture(scope="module")
def bundle(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "run.zip"
    with at(origin):
        export_bundle(all_runs()[-1], path)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine's home, without any run."""
    folder = tmp_path / "elsewhere"
    monkeypatch.setenv("SEQTUTOR_HOME", str(folder))
    return folder


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Mapping[str, bytes], **looks: int) -> io.BytesIO:
    """A zip of these files, as a stranger may make one."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            for look, value in looks.items():
                setattr(entry, look, value)
            archive.writestr(entry, content)
    return data


def left(home: Path) -> list[str]:
    """What is in a home, but for locks."""
    return sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file() and p.parent.name != "locks")


# ---------------------------------------------------------------- there and back


def test_a_run_goes_on_elsewhere_as_it_would_have_at_home(origin: Path, bundle: Path, home: Path) -> None:
    imported = import_bundle(bundle)
    there = imported.run
    assert imported.notices == () and there.state == "stopped" and not owner.has_owner(there)
    assert (run_name(there), run_tags(there)) == ("Étude Nº 1", ("waltz",))
    assert not (there.folder / "worker.log").exists()
    again = zipped(contents(bundle))  # at the origin, by the same way, so that the run there stays as it is
    results = []
    for place in (home, origin):
        with at(place):
            run = there if place == home else import_bundle(again).run
            assert execute(run) == 0 and run.status.update == UPDATES
            lines = [{k: v for k, v in line.items() if k not in SPEEDS} for line in run.metrics()[0]]
            samples = [(moment.update, moment.sequences) for moment in run.samples()]
            results.append((policy(run), lines, samples, run.top_sequences()[0].tokens))
    assert results[0] == results[1]


SPEEDS = ("time", "seconds", "steps_per_second", "sampling_seconds", "learning_seconds", "scoring_seconds")


def policy(run: Run) -> bytes:
    tensors = load_file(run.folder / "policy.safetensors")
    return b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors))


def test_the_same_run_gives_the_same_bytes(origin: Path, bundle: Path, tmp_path: Path) -> None:
    with at(origin):
        export_bundle(open_run(card(bundle)["run"]["id"]), tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.zip"]


def card(path: Path) -> dict:
    return json.loads(contents(path)["bundle.json"])


def test_a_bundle_has_card_and_licences_and_nothing_of_the_machine(origin: Path, bundle: Path) -> None:
    files = contents(bundle)
    assert card(bundle)["files"] == sorted(files) and set(bundle_format.NEEDED) <= set(files)
    assert not {name for name in files if "owner" in name or "log" in name or "lock" in name}
    for name, data in files.items():
        assert str(origin).encode() not in data and str(Path.home()).encode() + b"/" not in data, name
    assert json.loads(files["run/config.json"])["prior"] == "tiny"
    facts = card(bundle)["run"]
    assert (facts["name"], facts["tags"], facts["state"]) == ("Étude Nº 1", ["waltz"], "stopped")
    assert "runs import" in files["README.md"].decode() and "names no licence" in files["LICENCES.md"].decode()


def test_errors_and_alarms_lose_the_folders_they_name(home: Path, tmp_path: Path) -> None:
    run = create_run(small(tiny_prior(tmp_path / "priors")))
    run.write_status(
        replace(run.status, state="failed", error=f"{home}/rewards/melody/mine.py, line 3: {Path.home()}/x")
    )
    line = {"update": 1, "alarms": [{"title": "it failed", "advice": f"see '{run.folder}/a b.txt' at 3/4"}]}
    (run.folder / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    export_bundle(run, tmp_path / "out.zip")
    files = contents(tmp_path / "out.zip")
    assert json.loads(files["run/status.json"])["error"] == "mine.py, line 3: x"
    assert json.loads(files["run/metrics.jsonl"])["alarms"][0]["advice"] == "see 'a b.txt' at 3/4"


def test_a_living_run_is_not_exported_and_a_killed_one_says_how_it_goes_on(home: Path, tmp_path: Path) -> None:
    run = create_run(small(tiny_prior(tmp_path / "priors")))
    run.write_status(replace(run.status, state="running", launched=0.0, handed=True))
    lock = acquire(run.folder / RUN_LOCK)
    assert lock is not None
    with pytest.raises(RunError, match="is running; stop it"):
        export_bundle(run, tmp_path / "out.zip")
    with open(lock):
        pass  # its worker dies
    assert run.state == "interrupted" and left(tmp_path / "priors") == ["tiny/card.json", "tiny/weights.safetensors"]
    export_bundle(run, tmp_path / "out.zip")
    with at(tmp_path / "third"):
        status = import_bundle(tmp_path / "out.zip").run.status
        assert (status.state, status.message) == ("stopped", RESUMABLE)


def test_a_taken_id_gets_a_new_one_and_the_prior_is_kept_once(bundle: Path, home: Path) -> None:
    first, second = import_bundle(bundle).run, import_bundle(bundle).run
    assert first.id == card(bundle)["run"]["id"] != second.id
    trash.discard(first)
    assert import_bundle(bundle).run.id not in (first.id, second.id)  # it can still come back
    assert len([*(home / "priors").iterdir()]) == 1
    assert first.id != second.id and second.config.prior == str(next((home / "priors").iterdir()))


def test_a_prior_that_came_with_the_program_is_not_kept_twice(home: Path, tmp_path: Path) -> None:
    export_bundle(create_waiting("melody"), tmp_path / "out.zip")
    with at(tmp_path / "third"):
        run = import_bundle(tmp_path / "out.zip").run
        assert run.config.prior == "melody" and not (tmp_path / "third" / "priors").exists()
        terms = contents(tmp_path / "out.zip")["LICENCES.md"].decode()
        assert "non-commercial" in terms and "Essen" in terms


def create_waiting(prior: str, **changes: object) -> Run:
    run = create_run(small(Path(prior), **changes))
    run.write_status(replace(run.status, state="stopped"))
    return run


def test_what_this_machine_lacks_is_told(home: Path, tmp_path: Path) -> None:
    run = create_waiting("melody", settings={"own": "mine.py"}, device="cuda")
    export_bundle(run, tmp_path / "out.zip")
    files = contents(tmp_path / "out.zip")
    facts = json.loads(files["bundle.json"])
    facts["versions"]["torch"] = "1.0"
    told = " ".join(import_bundle(zipped({**files, "bundle.json": json.dumps(facts).encode()})).notices)
    assert "mine.py" in told and "torch 1.0 there" in told and ("cuda" in told.lower() or has_cuda())


def has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def test_importers_may_make_it_theirs(bundle: Path, home: Path) -> None:
    secrets = []
    run = import_bundle(bundle, lambda run: secrets.append(owner.claim(run))).run
    assert owner.owns(run, secrets[0])


def test_commands_export_and_import(
    origin: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with at(origin):
        run = all_runs()[-1]
        for options in ([], ["--curves", "csv"], ["--curves", "tensorboard"]):
            assert main(["runs", "export", run.id, *options, "--json"]) == 0
        assert main(["runs", "export", run.id, "--out", "none/run.zip"]) == 1
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{run.id}.zip", f"{run.id}.csv", run.id}
    capsys.readouterr()
    assert main(["runs", "import", f"{run.id}.zip", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "id": run.id,
        "name": "Étude Nº 1",
        "state": "stopped",
        "notices": [],
    }
    assert main(["runs", "import", f"{run.id}.csv"]) == 1
    assert "not a bundle, or a damaged one" in capsys.readouterr().err


# ---------------------------------------------------------------- what is refused, and leaves nothing


def edited(bundle: Path, name: str, values: dict) -> io.BytesIO:
    """The bundle with other values in one of its JSON files."""
    files = contents(bundle)
    return zipped({**files, name: json.dumps({**json.loads(files[name]), **values}).encode()})


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("bundle.json", {"bundle": 2}, "newer version of the program .format 2"),
        ("bundle.json", {"bundle": "one"}, "no bundle: bundle.json: bundle must be"),
        ("bundle.json", {"files": ["run/samples/1.jsonl", "run/lost.json"]}, "lacks run/lost.json, run/samples/1"),
        ("run/config.json", {"domain": "poetry"}, "cannot use the run .* no domain named 'poetry'"),
        ("run/config.json", {"prior": "/etc"}, "a name without folders; got '/etc'"),
        ("run/config.json", {"learner": "sarsa"}, "damaged: config.json: no learner named"),
        ("run/config.json", {"settings": {"length": "long"}}, "length must be"),
        ("run/status.json", {"state": "running"}, "is running; stop it"),
        ("run/status.json", {"seconds": -1}, "damaged: status.json: it: seconds"),
        ("run/config.json", {"primer": [9999]}, "cannot be used: .*9999"),
        ("prior/card.json", {"network": {}}, "the prior in the bundle is damaged"),
    ],
)
def test_wrong_values_are_refused_in_words(bundle: Path, home: Path, name: str, values: dict, why: str) -> None:
    with pytest.raises(InputError, match=why):
        import_bundle(edited(bundle, name, values))
    assert left(home) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.json", "'../evil.json', which no bundle has"),
        ("/etc/passwd", "which no bundle has"),
        ("run/../../evil.json", "which no bundle has"),
        ("run\\evil.json", "which no bundle has"),
        ("run/owner.json", "which no bundle has"),
        ("run/samples/../../../evil.jsonl", "which no bundle has"),
        ("run/metrics.jsonl\n", "which no bundle has"),
        ("run/checkpoints/", "which no bundle has"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(bundle: Path, home: Path, name: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        import_bundle(zipped({**contents(bundle), name: b"{}"}))
    assert left(home) == []


def test_links_bombs_and_doubles_are_refused(
    bundle: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = contents(bundle)
    wrong = {
        "which no bundle has": zipped(files, external_attr=(stat.S_IFLNK | 0o777) << 16),
        "bundles store weights as they are": zipped(files, compress_type=zipfile.ZIP_DEFLATED),
        "packed as bundles are not": zipped(files, compress_type=zipfile.ZIP_BZIP2),
        "zip without bundle.json": zipped({"run/config.json": b"{}"}),
        "not a bundle, or a damaged one": io.BytesIO(b"GIF89a" + bytes(100)),
    }
    for why, file in wrong.items():
        with pytest.raises(InputError, match=why):
            import_bundle(file)
    double = zipped(files)
    with pytest.warns(UserWarning), zipfile.ZipFile(double, "a") as archive:
        archive.writestr("run/config.json", b"{}")
    with pytest.raises(InputError, match=r"run/config\.json twice"):
        import_bundle(double)
    for name in ("MOST_FILES", "MOST_TEXT_BYTES", "MOST_BYTES", "MOST_CARD_BYTES"):
        with monkeypatch.context() as patch, pytest.raises(InputError, match=r"at most|more than"):
            patch.setattr(bundle_format, name, 5)
            import_bundle(bundle)
    for missing, why in ((tmp_path / "none.zip", "cannot be read"), (tmp_path, "cannot be read")):
        with pytest.raises(InputError, match=why):
            import_bundle(missing)
    assert left(home) == []


@pytest.mark.parametrize("name", ["run/policy.safetensors", "prior/weights.safetensors", "run/metrics.jsonl"])
def test_files_that_are_not_what_they_say_are_refused(bundle: Path, home: Path, name: str) -> None:
    files = contents(bundle)
    data = b'{"update": -1}\n' if name.endswith("jsonl") else files[name][:-4] + b"\0\1\2\3"
    if name.startswith("prior"):
        data = files[name][:-4]
    with pytest.raises(InputError, match="damaged"):
        import_bundle(zipped({**files, name: data}))
    assert left(home) == []


def test_mutated_bundles_are_refused_or_sound(bundle: Path, home: Path) -> None:
    """Bytes flipped, cut, doubled: an error of ours, and nothing is left of it."""
    chance, data, refused = random.Random(0), bundle.read_bytes(), 0
    directory = data.rfind(b"PK\x01\x02", 0, len(data) - 1200)
    for _ in range(150):
        wrong = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            at = chance.choice([chance.randrange(len(wrong)), chance.randrange(directory, len(wrong))])
            wrong[at] = chance.randrange(256)
        if chance.random() < 0.2:
            del wrong[chance.randrange(len(wrong)) :]
        try:
            import_bundle(io.BytesIO(bytes(wrong)))
        except InputError:
            refused += 1
    assert refused > 75
    assert len(all_runs()) == 150 - refused and not [*runs_folder().glob(".new-*")]


def test_a_full_disk_leaves_nothing_behind(bundle: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for place in ("import.admit", "archive.open"):
        with monkeypatch.context() as patch:
            patch.setattr(f"seqtutor_core.runs.bundle_{place}", full, raising=False)
            with pytest.raises(SeqTutorError, match=r"free some space|cannot be read"):
                import_bundle(bundle if place == "import.admit" else io.BytesIO(bundle.read_bytes()))
        assert left(home) == [] and all_runs() == []
    run = import_bundle(bundle).run
    with monkeypatch.context() as patch, pytest.raises(RunError, match="choose another place"):
        patch.setattr("seqtutor_core.runs.bundle_export.os.fsync", full)
        export_bundle(run, home / "out.zip")
    assert not [*home.glob("*out.zip*")]


def test_a_page_gets_the_bundle_without_a_file(bundle: Path, home: Path) -> None:
    data = io.BytesIO()
    write_bundle(import_bundle(bundle).run, data)
    assert zipfile.ZipFile(data).testzip() is None
