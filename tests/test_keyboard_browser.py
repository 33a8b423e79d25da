"""A MIDI keyboard in a real browser, its devices made up: what is played there is picked, whatever happens to it."""

import pytest

from tests.browsing import expect, needs_chromium, served_page

pytestmark = needs_chromium

PAGE = """
    import streamlit as st

    from pages.ui.melody.keyboard import keyboard

    picked = keyboard("keys", bpm=60.0 if st.checkbox("Slow") else 120.0)
    st.text("picked " + str([(p.pitch, p.length) for p in picked]))
"""
# Devices to plug and play: as the Web MIDI API has them, as far as the page uses it. Times are milliseconds.
DEVICES = """
    window.midi = { inputs: new Map(), onstatechange: null };
    window.plug = (id, name) => {
        midi.inputs.set(id, { id, name, state: "connected", onmidimessage: null });
        midi.onstatechange?.({ port: midi.inputs.get(id) });
    };
    window.unplug = (id) => {
        const port = midi.inputs.get(id);
        port.state = "disconnected";
        midi.onstatechange?.({ port });
    };
    window.play = (...events) => {
        for (const [status, pitch, velocity, timeStamp] of events)
            for (const one of midi.inputs.values()) one.onmidimessage?.({ data: [status, pitch, velocity], timeStamp });
    };
    navigator.requestMIDIAccess = async () => midi;
"""
ON, OFF = 0x90, 0x80


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served_page(PAGE, tmp_path_factory.mktemp("page")) as url:
        yield url


class Desk:
    """The page with its made-up devices."""

    def __init__(self, page):
        self.page = page
        self.button = page.get_by_role("button", name="Use a MIDI keyboard")
        self.status = page.get_by_test_id("keys-midi-status")

    def play(self, *events):
        self.page.evaluate("events => play(...events)", events)

    def picked(self, notes):
        expect(self.page.get_by_text(f"picked {notes}", exact=True)).to_be_visible()


def opened(page, address):
    page.goto(address)
    page.get_by_test_id("key-60").wait_for()
    return Desk(page)


@pytest.fixture
def bare_desk(page, address):
    """A desk to plug keyboards into."""
    found = opened(page, address)
    page.evaluate(DEVICES)
    return found


@pytest.fixture
def desk(bare_desk):
    """A keyboard that is plugged in and heard."""
    bare_desk.page.evaluate("plug('a', 'Concert <b>Grand</b>')")
    bare_desk.button.click()
    expect(bare_desk.status).to_contain_text("Concert <b>Grand</b>: hold a key")
    expect(bare_desk.button).to_have_attribute("aria-pressed", "true")
    return bare_desk


def test_a_note_lasts_as_long_as_its_key_is_held(desk):
    desk.play([ON, 60, 90, 0], [OFF, 60, 0, 510])  # half a second at 120 beats a minute: a quarter
    desk.play([ON, 64, 90, 1000], [ON, 64, 0, 1010])  # a note on of velocity 0 is a note off; at least one sixteenth
    desk.play([ON + 3, 67, 90, 2000], [OFF + 3, 72, 0, 2100], [OFF + 3, 67, 0, 2260])  # not ended by another key
    desk.picked([(60, 4), (64, 1), (67, 2)])
    desk.page.get_by_text("Slow").click()
    expect(desk.status).to_contain_text("at 60 beats a minute")
    desk.play([ON, 62, 90, 3000], [OFF, 62, 0, 4000])
    desk.picked([(60, 4), (64, 1), (67, 2), (62, 4)])


def test_notes_outside_are_moved_and_of_a_chord_the_last_counts(desk):
    desk.play([ON, 38, 90, 0], [OFF, 38, 0, 500])
    expect(desk.status).to_have_text("D2 is outside C3 to B5: D3 was picked.")
    desk.play([ON, 108, 90, 1000], [ON, 60, 90, 1500], [OFF, 108, 0, 1600], [OFF, 60, 0, 2000])  # legato
    desk.picked([(50, 4), (72, 4), (60, 4)])
    desk.play([ON, 60, 90, 3000], [ON, 64, 90, 3010], [ON, 67, 90, 3020])
    expect(desk.status).to_contain_text("one note at a time")
    expect(desk.page.get_by_test_id("key-67")).to_have_class("white down")
    expect(desk.page.locator(".down")).to_have_count(1)
    desk.play([OFF, 60, 0, 3500], [OFF, 64, 0, 3500], [OFF, 67, 0, 3520])
    desk.picked([(50, 4), (72, 4), (60, 4), (67, 4)])


def test_what_does_not_fit_is_told(desk):
    desk.play([ON, 60, 90, 0], [OFF, 60, 0, 7500], [ON, 62, 90, 8000], [OFF, 62, 0, 9000])
    desk.picked([(60, 60), (62, 4)])
    expect(desk.status).to_contain_text("Only 4 sixteenths were left")
    desk.play([ON, 60, 90, 10_000], [OFF, 60, 0, 10_500])
    expect(desk.page.get_by_test_id("keys-room")).to_contain_text("Only 0 of 64 sixteenths are left")
    desk.picked([(60, 60), (62, 4)])


def test_an_unplugged_keyboard_loses_nothing_and_a_new_one_is_heard(desk):
    desk.play([ON, 60, 90, 0], [OFF, 60, 0, 500])
    desk.play([ON, 62, 90, desk.page.evaluate("performance.now()")])
    desk.page.evaluate("unplug('a')")
    expect(desk.status).to_have_text("Unplugged: Concert <b>Grand</b>. What was picked stays.")
    expect(desk.page.get_by_test_id("keys").locator("li")).to_have_count(2)  # the note that was held as well
    desk.page.evaluate("plug('b', '')")
    expect(desk.status).to_contain_text("A MIDI keyboard: hold a key")
    desk.button.click()
    expect(desk.status).to_contain_text("not heard any more")
    desk.play([ON, 64, 90, 0], [OFF, 64, 0, 500])
    expect(desk.page.get_by_test_id("keys").locator("li")).to_have_count(2)


def test_permission_that_is_refused_can_be_asked_again(bare_desk):
    desk = bare_desk
    desk.page.evaluate("""() => {
        window.refuse = () => { throw new DOMException("no", "NotAllowedError"); };
        navigator.requestMIDIAccess = async () => window.refuse ? refuse() : midi;
    }""")
    desk.button.click()
    expect(desk.status).to_contain_text("did not allow it")
    desk.page.get_by_test_id("key-60").click()
    desk.picked([(60, 4)])
    desk.page.evaluate("window.refuse = null")
    desk.button.click()
    expect(desk.status).to_contain_text("No MIDI keyboard is plugged in")
    desk.page.evaluate("() => { window.refuse = () => { throw new Error('driver <i>lost</i>'); }; }")
    desk.button.click()
    desk.button.click()
    expect(desk.status).to_have_text("The browser cannot reach MIDI devices: driver <i>lost</i>")


def test_a_browser_without_web_midi_says_so(new_page, address):
    new_page.add_init_script("delete Navigator.prototype.requestMIDIAccess")
    desk = opened(new_page, address)
    expect(desk.status).to_contain_text("This browser has no Web MIDI")
    expect(desk.button).to_have_count(0)
    desk.page.get_by_test_id("key-60").click()
    desk.picked([(60, 4)])
