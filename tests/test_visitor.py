"""Who looks at a page: a browser by its cookie, or somebody who logged in; and what becomes theirs."""

import asyncio
import json
import re
from importlib.metadata import requires
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from filelock import FileLock
from streamlit import auth_util, config
from streamlit.runtime.secrets import Secrets

from pages.ui import steering, visitor
from pages.ui.visitor import COOKIE, Visitors
from seqtutor_core.cli.runs import _facts
from seqtutor_core.config import TuningConfig
from seqtutor_core.errors import RunError
from seqtutor_core.runs import owner, store
from seqtutor_core.runs.index import all_run_info
from tests.paging import opened, press, texts

ROOT = Path(__file__).parents[1]
NOBODY = {"is_logged_in": False}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))


@pytest.fixture
def run() -> store.Run:
    return store.create_run(TuningConfig("melody", "melody", weights={"key": 1.0}))


def user(monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any]) -> None:
    monkeypatch.setattr(st, "user", SimpleNamespace(to_dict=lambda: facts))


def somebody(subject: str) -> dict[str, Any]:
    return {"is_logged_in": True, "iss": "https://id.example.com", "sub": subject, "email": "a@example.com"}


# ---------------------------------------------------------------- what a run knows of them


def test_a_run_belongs_to_who_started_it_and_to_who_took_it_over_by_the_secret(run: store.Run) -> None:
    secret = owner.claim(run, "browser a")
    assert owner.owns(run, "", "browser a") and owner.started_by(run, "browser a")
    assert not any(owner.owns(run, "", who) for who in ("", "browser", "browser b", "login a", secret))
    with pytest.raises(RunError, match="not the owner's link"):
        owner.admit(run, "guessed", "browser b")
    for _ in range(2):
        owner.admit(run, secret, "browser b")
    assert owner.owns(run, "", "browser b") and not owner.started_by(run, "browser b")
    kept = (run.folder / owner.OWNER_FILE).read_text()
    assert not re.search(f"browser|{secret}", kept) and len(hashes := re.findall("[0-9a-f]{64}", kept)) == 3
    told = json.dumps(_facts(run)) + repr(all_run_info())
    assert not any(one in told for one in ("browser", secret, *hashes)), "lists tell neither"
    assert [owner.living_runs(f"browser {who}") for who in "ab"] == [[run], []]


def test_another_secret_ends_the_one_before_and_visitors_stay(run: store.Run) -> None:
    first = owner.claim(run, "browser a")
    second = owner.renew(run)
    assert owner.owns(run, second) and not owner.owns(run, first) and owner.owns(run, "", "browser a")


def test_however_often_it_is_handed_on_the_file_stays_small_and_who_started_it_stays(run: store.Run) -> None:
    secret = owner.claim(run, "browser first")
    for number in range(owner.MOST_VISITORS + 5):
        owner.admit(run, secret, f"browser {number}")
    assert owner.started_by(run, "browser first") and owner.owns(run, "", "browser 104")
    assert not owner.owns(run, "", "browser 3")
    assert (run.folder / owner.OWNER_FILE).stat().st_size < owner.MOST_BYTES / 10


# ---------------------------------------------------------------- browsers


def answered(*headers: tuple[bytes, bytes], scheme: str = "http", more: Any = ()) -> dict[bytes, bytes]:
    """The headers of a document that a browser asks for, where the app sets `more`."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Cache-Control", b"public"), *more]})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "scheme": scheme, "headers": [(b"accept", b"text/html,*/*"), *headers]}
    asyncio.run(Visitors(app)(scope, None, send))  # type: ignore[arg-type]  # nothing is received
    return dict(sent[0]["headers"])


def test_a_browser_gets_a_cookie_once_that_no_script_reads_and_no_proxy_keeps() -> None:
    first, second = answered(), answered(scheme="https")
    form = COOKIE + r"=([\w-]{32}); Path=/; Max-Age=\d+; HttpOnly; SameSite=Lax"
    (mine, theirs) = re.findall(form, f"{first[b'set-cookie'].decode()} {second[b'set-cookie'].decode()}")
    assert mine != theirs and second[b"set-cookie"].endswith(b"; Secure") and first[b"cache-control"] == b"no-store"
    assert answered((b"cookie", f"a=b; {COOKIE}={mine}".encode())) == {b"Cache-Control": b"public"}


@pytest.mark.parametrize("value", [b"_streamlit_user=b; HttpOnly", b"_streamlit_user=b; HttpOnly; Secure"])
def test_a_login_made_over_https_is_sent_over_https_alone(value: bytes) -> None:
    mine = (b"cookie", f"{COOKIE}=a".encode())
    assert answered(mine, scheme="https", more=[(b"set-cookie", value)])[b"set-cookie"].count(b"; Secure") == 1
    assert answered(mine, more=[(b"set-cookie", value)])[b"set-cookie"] == value


@pytest.mark.slow
def test_all_tabs_of_a_browser_steer_and_another_browser_watches(run: store.Run, monkeypatch: Any) -> None:
    own = owner.claim(run, "browser a")
    with FileLock(run.folder / "worker.lock"):
        for who, watches in (("browser a", False), ("browser b", True)):
            monkeypatch.setattr("pages.ui.steering.visitor", lambda who=who: who)
            page = opened("melody", run=run.id).run()
            assert page.button(key="stop").disabled == watches == ("You watch" in texts(page.markdown))
            assert own not in texts([*page.code, *page.markdown]), "a tab that was not given the secret shows none"
            if not watches:
                press(page, "renew")
                assert re.search(rf"\?run={run.id}&owner=[\w-]{{32}}", texts(page.code)) and not owner.owns(run, own)
            assert not page.exception


# ---------------------------------------------------------------- a login


def test_without_a_login_a_visitor_is_the_browser_and_with_one_who_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor.st, "session_state", {})
    for facts in ({}, NOBODY, {"sub": "7"}, {"is_logged_in": True}):
        user(monkeypatch, facts)
        assert visitor.visitor().startswith("browser ") and visitor.visitor() == visitor.visitor()
        assert not visitor.logged_in()
    user(monkeypatch, somebody("7"))
    assert visitor.visitor() == "login https://id.example.com 7" and visitor.logged_in()


def test_who_logs_in_does_not_get_what_the_browser_kept_of_others(run: store.Run, monkeypatch: Any) -> None:
    cookies = {steering.COOKIE: f"{run.id}.{owner.claim(run)}", COOKIE: "a"}
    monkeypatch.setattr(st, "context", SimpleNamespace(cookies=cookies))
    for facts, steers in (({}, True), (somebody("7"), False)):
        monkeypatch.setattr(steering.st, "session_state", {})
        user(monkeypatch, facts)
        assert steering.steers(run) == steers


@pytest.mark.slow
def test_a_run_is_its_owners_in_a_new_browser_and_nobody_elses(started: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user(monkeypatch, somebody("7"))
    press(opened("melody").run(), "start")
    (run,) = store.all_runs()
    with FileLock(run.folder / "worker.lock"):
        again = opened("melody").run()
        assert "logout" in {button.key for button in again.button} and not again.button(key="stop").disabled
        user(monkeypatch, somebody("8"))
        other = opened("melody").run()
        assert other.button(key="stop").disabled and "You watch" in texts(other.markdown)
    user(monkeypatch, NOBODY)
    for name in ("app", "melody", "molecule", "runs", "method"):
        page = opened(name).run()
        assert [button.label for button in page.button] == ["Log in"] and not page.exception
        assert "refused" in page.caption[0].value
        assert run.id not in texts([*page.get("html"), *page.markdown])


def test_the_documented_packages_are_all_that_streamlit_needs_for_a_login() -> None:
    told = re.findall(r"pip install (.*?)`", (ROOT / "docs" / "serving.md").read_text())[0].split()
    assert all(re.fullmatch(r"\w+==[\d.]+", each) for each in told)
    needed = [re.split(r"\W", each)[0] for each in requires("streamlit") or () if 'extra == "auth"' in each]
    assert {each.split("==")[0].lower() for each in told} == {each.lower() for each in needed}


def test_the_documented_secrets_are_accepted_by_streamlit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "serving.md").read_text(), re.DOTALL)[0]
    path = tmp_path / "secrets.toml"
    monkeypatch.setattr(auth_util, "secrets_singleton", Secrets())
    before = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(path)])
    try:
        path.write_text(text.replace("client_id", "client"))
        with pytest.raises(Exception, match="client_id"):
            auth_util.validate_auth_credentials("default")
        path.write_text(text)
        monkeypatch.setattr(auth_util, "secrets_singleton", Secrets())
        auth_util.validate_auth_credentials("default")
        assert auth_util.get_validated_redirect_uri() == "https://studio.example.com/oauth2callback"
    finally:
        config.set_option("secrets.files", before)
