"""Accidents in the studios, without a browser: damaged files, absurd links, moves that come late."""

import errno
import shutil
import threading
import time
from collections import UserDict
from dataclasses import replace
from pathlib import Path

import pytest

from pages.ui import problems, readout, state, steering, transport, visitor
from pages.ui.melody.downloads import file_name
from pages.ui.melody.spec import MELODY
from seqtutor_core import files, kept
from seqtutor_core.domains.melody import MelodySettings
from seqtutor_core.environment import RUNS_PER_VISITOR
from seqtutor_core.errors import RunError, SeqTutorError
from seqtutor_core.runs import launcher, names, owner, run_loop, store, tags
from tests.paging import choose_preset, opened, press, texts
from tests.running import OFTEN, small, tiny_prior
from tests.test_midi_file import midi, off, on, track

pytestmark = pytest.mark.slow  # each test draws a page, most of a second

SETTINGS = vars(MelodySettings())


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))


def test_a_damaged_kept_melody_is_told_and_can_be_dropped():
    good = {"title": "<b>x</b> \u202e :red[y]", "tokens": [2, 0, 5, 0], "primer": [], "settings": SETTINGS}
    kept.keep("melody", good)
    damaged = ({"tokens": [99]}, {"settings": {"colour": 1}}, {"title": 5}, {"tokens": "abc"})
    for change in damaged:
        kept.keep("melody", {**good, **change})
    kept.keep("melody", {})
    page = opened("melody")
    page.session_state["gallery-source"] = "★"
    page.run()
    assert not page.exception
    assert texts(page.caption).count("but it cannot be read") == 5
    for one in kept.all_kept("melody"):
        if one.content != good:
            press(page, f"drop-{one.id}")
    assert not page.exception and [one.content for one in kept.all_kept("melody")] == [good]
    press(page, f"kept-{kept.all_kept('melody')[0].id}")
    assert not page.exception


@pytest.mark.parametrize("name", ["melody", "molecule"])
def test_a_home_that_takes_no_files_costs_nothing_but_what_is_kept(tmp_path, started, name):
    (tmp_path / "kept").write_text("no folder")
    page = opened(name).run()
    press(page, "keep-A" if name == "melody" else "star-A-0")
    assert not page.exception
    assert "cannot be kept" in texts(page.error)
    press(page, "start")
    assert not page.exception and [config.domain for config in started] == [name]


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A run home in which nothing can be written, by anybody."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "file" / "home"))


def told_and_not_done(page, keep):
    """Neither a run nor what is kept can be written, and the page says so."""
    for key, problem in ((keep, "it cannot be kept"), ("start", "no run can be kept")):
        assert problem in texts(press(page, key).error)
        assert not page.exception


def test_where_nothing_can_be_written_molecules_are_read_and_rewards_tried(nowhere):
    page = opened("molecule", mol_own_file="nitrogen_share.py").run()
    page.file_uploader[0].upload("two.smi", b"CCO ethanol\nC1CC broken\nc1ccccc1 benzene\n").run()
    assert "1 record could not be read" in texts(page.warning)
    press(page, "file-Resemble it")
    press(page, "test-mol_own")
    assert "in a process of its own" in texts(page.caption)
    told_and_not_done(page, "star-A-0")
    assert page.text_input(key="mol_target").value == "CCO" and page.slider(key="mol_similarity").value == 100.0


def test_where_nothing_can_be_written_a_melody_is_read_by_its_top_line(nowhere):
    """Until that is asked for, all else on the page stands."""
    page = opened("melody").run()
    page.file_uploader[0].upload("chords.mid", midi(track(on(60) + on(64) + off(60) + off(64, 0)))).run()
    assert "polyphonic" in texts(page.warning) and page.slider(key="motif") and page.tabs[-1].label == "Runs"
    page.checkbox[0].check().run()
    press(page, "use-midi")
    told_and_not_done(page, "keep-A")
    assert "Every melody continues your 16 steps (1 bar)" in texts(page.success)


def test_what_went_wrong_stays_until_it_is_dismissed_or_something_else_is_done(tmp_path):
    (tmp_path / "kept").write_text("no folder")
    page = opened("melody").run()
    press(page, "keep-A")
    for _ in range(2):  # as by a clock
        page.run()
        assert texts(page.error).count("cannot be kept") == 1
    press(page, "dismiss")
    assert not page.error
    press(page, "keep-A")
    (tmp_path / "kept").unlink()
    press(page, "keep-B")
    assert not page.error and not page.exception


def test_curves_that_lose_their_file_stay_go_on_and_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(state.st, "session_state", {})
    run = store.create_run(small(tiny_prior(tmp_path / "prior"), updates=4))
    assert run_loop.execute_run(run, cadence=OFTEN) == 0
    path = run.folder / "metrics.jsonl"
    whole = path.read_bytes()
    assert (len(state.curves(run).lines), state.curves(run).problem) == (4, "")
    path.write_bytes(b"")
    assert (len(state.curves(run).lines), state.curves(run).problem) == (4, state.SHORTER), "nothing shown is lost"
    path.write_bytes(whole.splitlines(keepends=True)[3])
    assert len(state.curves(run).lines) == 4, "what is written from now on is read"
    path.write_text('{"update": "many"}\n' * 1000)
    assert len(state.curves(run).lines) == 4 and "metrics.jsonl" in state.curves(run).problem
    assert "metrics.jsonl" in readout.html(MELODY, run), "the transport says it as well"


# ---------------------------------------------------------------- Start


class Session(UserDict):
    """A session that ends whoever asks it for something, as Streamlit does when the page is to be drawn anew."""

    ending = False

    @property
    def data(self):
        if self.ending:
            raise InterruptedError
        return self._data

    @data.setter
    def data(self, values):
        self._data = values


@pytest.fixture
def session(monkeypatch):
    """A session without a page, whose transport starts runs without workers."""
    found = Session()
    monkeypatch.setattr(state.st, "session_state", found)
    monkeypatch.setattr(state.st, "query_params", {})
    monkeypatch.setattr(state, "tuning_config", lambda studio: small(Path("melody")))
    return found


def test_a_start_that_is_overtaken_leaves_a_run_that_is_shown_and_steered(session, monkeypatch):
    """By another click or a moved slider; and a second click on Start changes nothing."""

    def start(config, claim):
        session.ending = True
        claim(store.create_run(config))

    monkeypatch.setattr(launcher, "start", start)
    with pytest.raises(InterruptedError):
        transport._start(MELODY)
    session.ending = False
    (run,) = store.all_runs()
    assert state.run(MELODY) == run and steering.steers(run)
    transport._start(MELODY)
    assert store.all_runs() == [run] and not problems.is_new()


def test_two_tabs_that_start_at_once_make_one_run(session, monkeypatch):
    def start(config, claim):
        time.sleep(0.3)  # in which the other would find no run of this visitor
        owner.claim(store.create_run(config), visitor.visitor())

    monkeypatch.setattr(launcher, "start", start)
    both = [threading.Thread(target=transport._start, args=(MELODY,)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    (run,) = store.all_runs()
    assert "in this very moment" in problems.current("melody") and state.run(MELODY) == run


def test_a_visitor_who_has_enough_runs_is_told_and_loses_nothing(session, monkeypatch):
    monkeypatch.setenv(RUNS_PER_VISITOR, "1")
    monkeypatch.setattr(launcher, "start", lambda config, claim: claim(store.create_run(config)))
    transport._start(MELODY)
    (run,) = store.all_runs()
    state.forget_run(MELODY)
    monkeypatch.setattr(transport, "SAME_MOMENT", -60.0)  # a minute later, or with the clock set back
    with pytest.raises(RunError, match=f"{names.run_name(run)}: as many runs of yours"):
        transport._start(MELODY)
    assert store.all_runs() == [run]
    with pytest.raises(RunError, match="Your settings are kept"):
        transport._halt_or_go_on(MELODY, run, "stopped")
    run.write_status(replace(run.status, state="stopped"))
    transport._start(MELODY)
    assert len(store.all_runs()) == 2 and not problems.is_new()


def test_another_visitor_starts_a_run_of_their_own(session, monkeypatch):
    monkeypatch.setattr(launcher, "start", lambda config, claim: claim(store.create_run(config)))
    for who in ("browser a", "browser b"):
        monkeypatch.setattr(transport, "visitor", lambda who=who: who)
        monkeypatch.setattr(steering, "visitor", lambda who=who: who)
        session.clear()
        transport._start(MELODY)
        assert not problems.is_new()
    assert [owner.started_by(run, "browser a") for run in store.all_runs()] == [False, True]


def test_a_full_disk_costs_no_name_no_tag_and_nothing_kept(monkeypatch):
    run = store.create_run(small(Path("melody")))
    names.rename_run(run, "first")
    tags.add_tag(run, "one")
    kept.keep("melody", {"title": "x"})

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    for act in (
        lambda: names.rename_run(run, "second"),
        lambda: tags.add_tag(run, "two"),
        lambda: tags.remove_tag(run, "one"),
        lambda: kept.keep("melody", {"title": "y"}),
    ):
        with pytest.raises(SeqTutorError, match="No space left"):
            act()
    assert (names.run_name(run), tags.run_tags(run)) == ("first", ("one",))
    assert [one.content for one in kept.all_kept("melody")] == [{"title": "x"}]
    run.folder.joinpath("status.json").write_text('{"state": "finished"}')
    with pytest.raises(RunError, match="No space left"):
        launcher.resume(run, extra_seconds=60.0)
    assert run.state == "finished" and run.config.seconds == small(Path("melody")).seconds


def test_runs_are_listed_where_nothing_can_be_written(tmp_path):
    """Not even a lock: what was deleted stays until another time."""
    run = store.create_run(small(Path("melody")))
    shutil.rmtree(tmp_path / "locks")
    (tmp_path / "locks").write_text("no folder")
    page = opened("runs").run()
    assert not page.exception and list(page.dataframe[0].value["Name"]) == [names.run_name(run)]


@pytest.mark.parametrize("value", ["inf", "-inf", "1e400", "nan", "9" * 400, "abc", "\x00"])
def test_an_endless_number_in_a_link_counts_for_nothing(value):
    page = opened("melody", seed=value, instrument=value, stop_on_collapse=value, strength=value, pane=value).run()
    assert not page.exception
    assert page.number_input(key="seed").value in (0, 2**31 - 1)


def test_pills_are_others_when_a_slider_changed_what_they_mark():
    """What a browser had marked before counts no more: it would come as a click, and undo the slider."""
    page = opened("melody").run()
    (before,) = [each for each in page.pills if each.label == "Presets"]
    page.slider(key="key").set_value(3.0).run()
    (after,) = [each for each in page.pills if each.label == "Presets"]
    assert after.key != before.key and after.value is None
    after.set_value("Calm").run()
    (chosen,) = [each for each in page.pills if each.label == "Presets"]
    assert chosen.key == after.key and chosen.value == "Calm", "a click leaves the focus where it is"


def test_a_mark_that_a_browser_still_reports_is_no_click():
    """Sent before the new pills arrived, a slider's second move brings the old ones' mark; the slider stays moved."""
    page = opened("melody").run()
    page.slider(key="motif").set_value(1.1)
    moved = page._tree.get_widget_states()
    page.run()
    (motif,) = [each for each in moved.widgets if each.id == page.slider(key="motif").proto.id]
    motif.double_array_value.data[:] = [1.2]
    page._run(moved)
    assert page.slider(key="motif").value == pytest.approx(1.2)
    assert choose_preset(page, "Calm").slider(key="motif").value != pytest.approx(1.2), "a click still counts"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("A 1: 12.3 points", "a-1-12.3-points"),
        ("../../etc", "etc"),
        ("\x00<b>\n", "b"),
        ("...", "melody"),
        ("é🎻" * 99, "é"),
    ],
)
def test_a_file_is_named_so_that_every_system_takes_it(title, name):
    assert file_name(title).startswith(name) and len(file_name(title)) <= 80
    assert not set("/\\:<>\x00\n ") & set(file_name(title))
