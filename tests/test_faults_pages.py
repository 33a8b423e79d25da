"""Accidents in the studios, without a browser: damaged files, absurd links, callbacks that overlap."""

import threading
import time
from types import SimpleNamespace

import pytest

from pages.ui import changes
from pages.ui.melody.downloads import file_name
from pages.ui.melody.spec import MELODY
from seqtutor_core import kept
from seqtutor_core.domains.melody import MelodySettings
from tests.paging import opened, press, texts

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
def test_a_home_that_takes_no_files_costs_nothing_but_what_is_kept(tmp_path, name):
    (tmp_path / "kept").write_text("no folder")
    page = opened(name).run()
    press(page, "keep-A" if name == "melody" else "star-A-0")
    assert not page.exception
    assert "cannot be kept" in texts(page.error)
    press(page, "start")
    assert not page.exception


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


def test_of_two_callbacks_at_once_the_newer_settings_are_told_last(monkeypatch):
    told: list[float] = []
    entered = threading.Event()
    now = {"key": 1.0}

    def steer(studio, change):
        if not entered.is_set():
            entered.set()
            time.sleep(0.3)  # in which the second would overtake it
        told.append(change["weights"]["key"])

    monkeypatch.setattr(changes, "_steer", steer)
    monkeypatch.setattr(changes, "state", SimpleNamespace(weights=lambda studio: dict(now)))
    first = threading.Thread(target=changes.steer_weights, args=(MELODY,))
    first.start()
    entered.wait(5)
    now["key"] = 2.0
    second = threading.Thread(target=changes.steer_weights, args=(MELODY,))
    second.start()
    first.join()
    second.join()
    assert told == [1.0, 2.0]


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
