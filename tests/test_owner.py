"""A run is steered by the page that started it and by whoever takes it over; all others watch."""

import json
import os
from contextlib import ExitStack
from dataclasses import replace

import pytest
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from pages.ui import steering
from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import RunError
from seqtutor_core.runs import owner, store
from seqtutor_core.runs.store import Run
from tests.paging import choose_preset, opened, press, texts


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))


@pytest.fixture
def run() -> Run:
    return store.create_run(TuningConfig("melody", "melody", weights={"key": 1.0}))


def asked(run: Run) -> list[dict]:
    path = run.folder / "controls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# ---------------------------------------------------------------- the secret


def test_only_the_secret_owns_and_the_folder_does_not_tell_it(run: Run) -> None:
    assert not owner.has_owner(run) and not owner.owns(run, "")
    secret = owner.claim(run)
    assert owner.has_owner(run) and owner.owns(run, secret)
    for wrong in ("", secret[:-1], secret + "x", "é", "\udcff"):
        assert not owner.owns(run, wrong)
    assert all(secret.encode() not in path.read_bytes() for path in run.folder.rglob("*") if path.is_file())
    with pytest.raises(RunError, match="has an owner already"):
        owner.claim(run)
    assert owner.claim(store.create_run(run.config)) != secret


DAMAGED = (b"", b"{}", b"[]", b"null", b'{"sha256": null}', b'{"sha256": [1]}', b"\xff", b"[" * 9999)


@pytest.mark.parametrize("damage", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_has_no_owner_and_is_nobodys_to_claim(run: Run, damage: bytes) -> None:
    secret = owner.claim(run)
    (run.folder / owner.OWNER_FILE).write_bytes(damage)
    assert not owner.owns(run, secret) and not owner.owns(run, "") and owner.has_owner(run)
    with pytest.raises(RunError, match="has an owner already"):
        owner.claim(run)


def test_a_pipe_in_its_place_keeps_nobody_waiting(run: Run) -> None:
    os.mkfifo(run.folder / owner.OWNER_FILE)
    assert owner.has_owner(run) and not owner.owns(run, "x")


# ---------------------------------------------------------------- pages


@pytest.mark.slow
def test_who_starts_steers_and_another_page_watches(started) -> None:
    mine = press(opened("melody").run(), "start")
    (run,) = store.all_runs()
    with FileLock(run.folder / "worker.lock"):
        mine.slider(key="motif").set_value(2.5).run()
        assert [line["weights"]["motif"] for line in asked(run)] == [2.5]
        theirs = opened("melody").run()
        assert "You watch" in texts(theirs.markdown) and run.id in texts(theirs.get("html"))
        assert "take-over" not in {button.key for button in theirs.button}
        theirs.slider(key="motif").set_value(4.0).run()
        theirs.select_slider(key="kl").set_value(2.0).run()
        press(choose_preset(theirs, "Calm"), "reset")
        assert theirs.button(key="stop").disabled and theirs.button(key="pause").disabled
        assert len(asked(run)) == 1
        press(mine, "pause")
        assert asked(run)[-1]["pause"] is True
    assert not mine.exception and not theirs.exception


@pytest.mark.slow
def test_the_owners_link_offers_and_a_click_takes_over(run: Run) -> None:
    secret = owner.claim(run)
    with FileLock(run.folder / "worker.lock"):
        wrong = opened("melody", run=run.id, owner=secret[:-1]).run()
        assert "take-over" not in {button.key for button in wrong.button}
        page = opened("melody", run=run.id, owner=secret).run()
        page.slider(key="motif").set_value(2.0).run()
        assert asked(run) == [], "the link alone takes nothing over"
        press(page, "take-over")
        assert not page.info and steering.LINK not in page.query_params
        assert f"?run={run.id}&owner={secret}" in texts(page.code)
        page.slider(key="motif").set_value(3.0).run()
        assert [line["weights"]["motif"] for line in asked(run)] == [3.0]


def test_a_run_without_an_owner_is_claimed_by_a_click(run: Run) -> None:
    with FileLock(run.folder / "worker.lock"):
        page, late = opened("melody").run(), opened("melody").run()
        press(page, "take-over")
        page.slider(key="motif").set_value(3.0).run()
        assert len(asked(run)) == 1 and owner.has_owner(run)
        press(late, "take-over")
        assert "has an owner already" in texts(late.error)
        late.slider(key="motif").set_value(1.5).run()
        assert len(asked(run)) == 1


# ---------------------------------------------------------------- deleting


@pytest.mark.slow
def test_of_ticked_runs_its_owner_stops_those_that_live() -> None:
    ours, theirs, nobodys, over = runs = [store.create_run(TuningConfig("melody", "melody")) for _ in range(4)]
    secrets = {each.id: owner.claim(each) for each in (ours, over)}
    owner.claim(theirs)
    over.write_status(replace(over.status, state="finished"))

    def ticked(secrets: dict[str, str]) -> AppTest:
        page = opened("runs", chosen="~".join(each.id for each in runs))
        page.session_state["_secrets"] = secrets
        return page.run()

    with ExitStack() as locks:
        for each in (ours, theirs, nobodys):
            locks.enter_context(FileLock(each.folder / "worker.lock"))
        page = ticked(secrets)
        button = page.button(key="runs-stop")
        assert button.label == "Stop 1 run" and button.help == "Not stopped: 2 runs that you only watch"
        press(page, "runs-stop")
        assert not page.exception and not page.error
        assert [[line["stop"] for line in asked(each)] for each in runs] == [[True], [], [], []]
        assert ticked({}).button(key="runs-stop").disabled
    ours.write_status(replace(ours.status, state="finished"))  # since the page was drawn
    press(page, "runs-stop")
    assert not page.exception and "takes no changes" in texts(page.error)
