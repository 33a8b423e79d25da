"""Runs as files on the page of all runs, without a browser: taken away, brought in."""

import io
import zipfile

import pytest

from pages.ui.runs import bundles
from pages.ui.runs.bundles import OTHERS
from seqtutor_core.runs import owner, store
from seqtutor_core.runs.bundle_export import write_bundle
from seqtutor_core.runs.store import Run
from tests.paging import opened, texts
from tests.test_runs_page import ended, shown, ticked

pytestmark = pytest.mark.slow  # each test draws a page, most of a second


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))


def bundle(run: Run) -> bytes:
    data = io.BytesIO()
    write_bundle(run, data)
    return data.getvalue()


def test_a_bundle_is_brought_in_and_belongs_to_who_brought_it(tmp_path, monkeypatch):
    data = bundle(ended("Brought"))
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "another"))
    page = opened("runs").run()
    page.file_uploader[0].upload("run.zip", data).run()
    (run,) = store.all_runs()
    assert not page.exception and shown(page) == ["Brought"] and owner.has_owner(run)
    assert "Brought is here and yours" in texts(page.info) and "Ticked: Brought" in texts(page.caption)
    page.file_uploader[0].upload("run.zip", data[:-9]).run()
    assert "not a bundle, or a damaged one" in texts(page.error) and len(store.all_runs()) == 1


def test_an_ended_run_is_taken_away_by_its_owner_and_its_curves_by_all():
    mine, theirs = ended("Mine"), ended("Theirs")
    owner.claim(theirs)
    for run, whole in ((mine, True), (theirs, False)):
        page = ticked(run).run()
        assert not page.exception
        offered = {button.proto.label: not button.proto.disabled for button in page.get("download_button")}
        assert offered == {"Bundle (zip)": whole, "Curves (CSV)": True}
        assert (OTHERS in texts(page.caption)) is not whole
    assert not ticked(mine, theirs).run().get("download_button")
    files = zipfile.ZipFile(io.BytesIO(bundles._made(mine.id, bundles._bundle)())).namelist()
    assert "run/config.json" in files
    assert bundles._made("gone", bundles._bundle)().startswith(b"no run named 'gone'")
