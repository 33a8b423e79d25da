"""The previews of both pages, without a browser: they follow the sliders, and only those."""

import re
from dataclasses import replace

import pytest
import streamlit as st

import pages.ui.melody.stage as melody_stage
import pages.ui.molecule.stage as molecule_stage
from pages.ui import previews, sliders
from seqtutor_core.domains.melody.metrics import MORE, TABLE_1
from seqtutor_core.domains.melody.synthesis import FLUIDSYNTH
from tests.paging import choose_preset, opened, press

pytestmark = pytest.mark.slow  # each test draws a page, most of a second

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def melody():
    """The melody studio with its Table 1 open."""
    page = opened("melody")
    page.session_state["pane"] = "Table 1"
    return page


@pytest.fixture
def molecule():
    page = opened("molecule")
    page.session_state["mol_pane"] = "Properties"
    return page


def counted(monkeypatch, name):
    """How often a function that previews are made with is called."""
    calls = []
    function = getattr(previews, name)

    def counting(*arguments, **named):
        calls.append(arguments)
        return function(*arguments, **named)

    monkeypatch.setattr(previews, name, counting)
    return calls


@pytest.fixture
def heard(monkeypatch):
    """The previews that the player was given, each with the sound that was brought for it."""
    tracks = []
    show, attach_sound = melody_stage.piano_rolls, melody_stage.attach_sound

    def piano_rolls(given, *, key):
        assert [track.letter for track in given] == ["A", "B", "C", "★"], "every place is kept"
        tracks.append(given[1])
        show(given, key=key)

    def brought(name, sound, *, key):
        if tracks[-1].sound == name:
            tracks[-1] = replace(tracks[-1], sound=sound)
        attach_sound(name, sound, key=key)

    monkeypatch.setattr(melody_stage, "piano_rolls", piano_rolls)
    monkeypatch.setattr(melody_stage, "attach_sound", brought)
    return tracks


def texts(elements):
    return " ".join(element.value for element in elements)


def expectations(page):
    """The preview's table by its first column."""
    (table,) = [t.value for t in page.table if "expected" in t.value]
    return table.set_index("expected")


def table_1(page):
    """The melody studio's table by its first column."""
    (table,) = [t.value for t in page.table if "Figure" in t.value]
    return table.set_index("Figure")


# ---------------------------------------------------------------- melodies


def test_a_moved_slider_gives_another_melody_with_its_sound(melody, heard):
    page = melody.run()
    assert not page.exception
    before = table_1(page)
    assert list(before.index) == list({**TABLE_1, **MORE}.values())
    page.slider(key="motif").set_value(5.0).run()
    one, two = heard
    assert one.roll.notes != two.roll.notes
    assert all(track.title == "Preview" and track.sound.wav[:4] == b"RIFF" for track in heard)
    assert "no training" in two.caption
    after = table_1(page)
    assert list(after["A Prior"]) == list(before["A Prior"])
    assert list(after["B Preview"]) != list(before["B Preview"])
    assert set(after["C Tuned"]) == {"–"}


def test_rewards_show_in_the_expected_figures(melody):
    """With the paper's rewards hardly a note is repeated excessively, and many more lie in motifs."""
    table = table_1(melody.run())
    share = {side: float(table[side]["notes in motif"].rstrip("%")) for side in ("A Prior", "B Preview")}
    assert share["B Preview"] > share["A Prior"] + 20
    assert float(table["B Preview"]["notes excessively repeated"].rstrip("%")) < 1


def test_what_changes_what_is_written_draws_anew_and_nothing_else_does(melody, monkeypatch):
    calls = counted(monkeypatch, "draw_preview")
    page = melody.run()
    assert len(calls) == 1
    for _ in range(2):
        page.run()
    page.selectbox(key="seconds").set_value(120).run()
    page.slider(key="tempo").set_value(80).run()
    press(page, "redraw")
    assert len(calls) == 1, "neither the tuning time nor the tempo, nor other melodies of the gallery"
    page.slider(key="leap").set_value(3.0).run()
    page.select_slider(key="kl").set_value(2.0).run()
    page.select_slider(key="length").set_value(16).run()
    press(page, "another")
    assert len(calls) == 5
    page.select_slider(key="length").set_value(32).run()
    page.select_slider(key="length").set_value(16).run()
    assert len(calls) == 6, "what was drawn before is kept"


def test_another_draws_another_with_the_same_settings(melody, heard):
    page = melody.run()
    prior = list(table_1(page)["A Prior"])
    press(page, "another")
    assert heard[0].roll.notes != heard[1].roll.notes
    assert list(table_1(page)["A Prior"]) == prior


def test_a_preview_continues_the_primer(melody, heard):
    from seqtutor_core.domains.melody.tune import Picked, tune_of_picked

    melody.session_state["_tune"] = tune_of_picked([Picked(60, 4), Picked(64, 4), Picked(67, 4), Picked(60, 4)])
    melody.run()
    (take,) = heard
    assert take.roll.primer_steps == 16
    assert take.roll.steps == 48


def test_another_instrument_is_the_same_melody_with_another_sound(melody, heard, monkeypatch):
    calls = counted(monkeypatch, "draw_preview")
    page = melody.run()
    page.selectbox(key="instrument").set_value(73).run()
    assert not page.exception
    piano, flute = heard
    assert len(calls) == 1
    assert piano.roll == flute.roll
    assert (piano.sound.wav != flute.sound.wav) == (piano.sound.synthesiser == FLUIDSYNTH)  # the other has one sound


def test_a_link_carries_the_instrument(melody):
    melody.query_params["instrument"] = "Flute"
    page = melody.run()
    assert page.selectbox(key="instrument").value == 73


def test_own_notes_sound_alike_when_key_mode_and_grid_change(melody, heard):
    from seqtutor_core.domains.melody.tune import Picked, tune_of_picked

    melody.session_state["_tune"] = tune_of_picked([Picked(60, 4), Picked(64, 4), Picked(67, 4), Picked(60, 4)])
    page = melody.run()
    page.selectbox(key="in_key").set_value(7).run()
    page.selectbox(key="mode").set_value("minor").run()
    page.selectbox(key="grid").set_value(2).run()
    assert not page.exception
    assert len(heard) == 4
    for take in heard:
        own = [note for note in take.roll.notes if note.start < take.roll.primer_steps]
        assert [note.name for note in own] == ["C4", "E4", "G4", "C4"]
        assert [note.start / take.roll.beat for note in own] == [0, 1, 2, 3]
        assert take.roll.bar == 4 * take.roll.beat
    assert [take.roll.primer_steps for take in heard] == [16, 16, 16, 8]


def test_without_weights_it_says_that_it_is_the_prior(melody):
    page = melody.run()
    choose_preset(page, "All off")
    assert not page.exception
    assert "Every weight is 0" in texts(page.caption)
    assert "Rough" not in texts(page.caption)


def test_a_rough_preview_says_so(melody):
    page = melody.run()
    page.slider(key="extremes").set_value(5.0).run()
    page.select_slider(key="kl").set_value(0.25).run()
    assert "The weight rests on about" in texts(page.caption)


# ---------------------------------------------------------------- molecules


def previewed_row(page):
    """The SMILES of the preview's row."""
    return page.session_state["_mol_shown"]["B"][1]


def means(page, source):
    """What the properties' table says of a source."""
    (table,) = [t.value for t in page.table if "mean" in t.value]
    return dict(zip(table["mean"], table[source], strict=True))


def test_moved_sliders_weigh_the_same_molecules_anew(molecule, monkeypatch):
    draws, previewed = counted(monkeypatch, "rollouts"), counted(monkeypatch, "draw_preview")
    page = molecule.run()
    assert not page.exception
    assert not page.error
    before, prior, preview = previewed_row(page), means(page, "A Prior"), means(page, "B Preview")
    assert len(before) == 4
    choose_preset(page, "All off")
    page.slider(key="mol_heavy_atoms").set_value(50.0).run()
    assert previewed_row(page) != before
    del prior["points"]
    assert prior.items() <= means(page, "A Prior").items()
    assert means(page, "B Preview") != preview
    assert (len(draws), len(previewed)) == (1, 3)
    page.selectbox(key="mol_seconds").set_value(60).run()
    assert (len(draws), len(previewed)) == (1, 3), "the tuning time changes no preview"
    page.text_input(key="mol_prefix").input("c1ccc(").run()
    assert (len(draws), len(previewed)) == (2, 4)
    assert all(previewed_row(page))


def test_exact_samples_are_counted_where_there_are_enough(molecule):
    """QED and validity are bounded, log P is not; at a small c nearly all are rejected."""
    page = molecule.run()
    page.slider(key="mol_synthetic_accessibility").set_value(0.0).run()
    page.select_slider(key="mol_kl").set_value(4.0).run()
    said = re.search(r"(\d+) of the 256 are exact samples of the best policy", texts(page.caption))
    assert said is not None and 40 < int(said[1]) < 140  # 32 % are expected
    page.slider(key="mol_log_p").set_value(1.0).run()
    assert "exact samples" not in texts(page.caption)
    page.slider(key="mol_log_p").set_value(0.0).run()
    page.select_slider(key="mol_kl").set_value(0.5).run()
    assert "exact samples" not in texts(page.caption)


def test_a_wish_moves_the_means(molecule):
    page = molecule.run()
    assert float(means(page, "B Preview")["QED"]) > float(means(page, "A Prior")["QED"])
    choose_preset(page, "All off")
    page.slider(key="mol_log_p").set_value(page.slider(key="mol_log_p").max).run()
    assert float(means(page, "B Preview")["Log P"]) > float(means(page, "A Prior")["Log P"])


def test_a_weight_without_its_setting_is_told_and_costs_nothing(molecule):
    page = molecule.run()
    page.slider(key="mol_similarity").set_value(100.0).run()
    assert not page.exception
    assert texts(page.error).count("Like the target has a weight but nothing to go by") == 1, "once is enough"
    assert page.slider(key="mol_similarity").value == 100.0
    assert page.button(key="start").label == "Start", "the rest of the page stands"
    page.text_input(key="mol_target").input(ASPIRIN).run()
    assert not page.error
    similar = "Similarity to the target"
    assert float(means(page, "B Preview")[similar]) > float(means(page, "A Prior")[similar])


def test_molecules_without_weights_and_rough_ones(molecule):
    page = molecule.run()
    choose_preset(page, "All off")
    assert "Every weight is 0" in texts(page.caption)
    press(page, "reset")
    page.select_slider(key="mol_kl").set_value(0.25).run()
    assert "The weight rests on about" in texts(page.caption)


def test_the_centre_comes_first_once_every_setting_is_known(molecule, monkeypatch):
    """Going back to another link changes settings only when they are drawn: then the centre is drawn once more."""
    drawn: list[object] = []
    elsewhere: list[float] = []
    draw_sliders, draw_centre = sliders.panel, molecule_stage.panel

    def left(studio):
        drawn.append("sliders")
        if elsewhere:
            st.session_state["mol_qed"] = elsewhere.pop()
        draw_sliders(studio)

    def centre(run):
        draw_centre(run)
        drawn.append(("centre", st.session_state["mol_qed"]))

    monkeypatch.setattr(sliders, "panel", left)
    monkeypatch.setattr(molecule_stage, "panel", centre)
    molecule.query_params["mol_qed"] = "10.0"
    page = molecule.run()
    assert drawn == ["sliders", ("centre", 10.0)], "only the sliders know what a link says"
    drawn.clear()
    page.slider(key="mol_qed").set_value(20.0).run()
    assert drawn == [("centre", 20.0), "sliders"]
    drawn.clear()
    elsewhere.append(50.0)
    page.run()
    assert drawn == [("centre", 20.0), "sliders", ("centre", 50.0), "sliders"]
    page.switch_page("pages/method.py").run()
    drawn.clear()
    page.switch_page("pages/molecule.py").run()
    assert drawn == ["sliders", ("centre", 50.0)], "another visit may have another link"
    assert not page.exception
