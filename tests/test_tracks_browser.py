"""The four tracks of a player in a real browser: what waits, what changes at once, what is heard by itself."""

import pytest

from pages.ui.melody.player import HEIGHT
from tests.browsing import expect, needs_chromium, served_page

pytestmark = needs_chromium

SCRIPT = """
    import streamlit as st

    from pages.ui.melody.player import Track, attach_sound, piano_rolls
    from seqtutor_core.domains.melody.audio import Piece, sound
    from seqtutor_core.domains.melody.roll import Metre, make_roll

    REST = (1, 1, 1, 18, 1, 1, 1, 0, 1, 1, 1, 21, 1, 1, 1)

    def count(name):
        st.session_state[name] = st.session_state.get(name, 0) + 1

    def counted(name):
        return st.session_state.get(name, 0)

    def piece(n):  # another tune with each n
        return Piece((14, 14 + n, *REST[1:]), bpm=45, instrument=73 if counted("flute") else 0)

    def track(letter, title, n, sound, caption, play=0):
        tokens = piece(n).tokens
        roll = make_roll(tokens, [[0.0]] * len(tokens), [("Leaps", 1.0)], metre=Metre(45))
        return Track(letter, title, roll, sound, caption, play)

    st.set_page_config(layout="wide")
    with st.container(horizontal=True):
        for name in ("A", "B", "C", "chosen", "flute", "silence"):
            st.button(f"next {name}", on_click=count, args=(name,))
    a, b, c, chosen = (counted(name) for name in ("A", "B", "C", "chosen"))
    nothing_yet = Track.empty("C", "Tuned", "start tuning to hear it")
    piano_rolls(
        [
            track("A", "Prior", a, sound(piece(a)), f"draw {a}"),
            track("B", "Preview", b, f"sound {b} {counted('flute')}", "no training"),
            track("C", "Tuned", c, sound(piece(c)), f"policy of second {c}") if c else nothing_yet,
            track("★", "Kept", chosen, sound(piece(chosen)), f"card {chosen}", chosen) if chosen
            else Track.empty("★", "Kept", "click a melody"),
        ],
        key="player",
    )
    st.text(f"drawn {a} {b} {c} {chosen} {counted('flute')}")
    if not counted("silence"):
        attach_sound(f"sound {b} {counted('flute')}", sound(piece(b)), key="sound-B")
"""
SHIFT = """() => new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((one) => (sum += one.value)))
        .observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => setTimeout(() => resolve(sum), 100));
})"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served_page(SCRIPT, tmp_path_factory.mktemp("page")) as url:
        yield url


class Tracks:
    """The player of the page and the buttons beside it."""

    def __init__(self, page):
        self.page = page
        self.player = page.get_by_test_id("roll-player")

    def part(self, name):
        return self.player.get_by_test_id(f"roll-{name}")

    def press(self, name):
        self.page.get_by_role("button", name=f"next {name}", exact=True).click()

    def expect(self, **state):
        for name, value in state.items():
            expect(self.player).to_have_attribute(f"data-{name}", value)

    def time(self, letter):
        return self.player.locator(f"audio[data-track='{letter}']").evaluate("audio => audio.currentTime")

    def plays_on(self, letter, seconds=0.15):
        """Until the sound of a track has gone on by so much."""
        audio = self.player.locator(f"audio[data-track='{letter}']").element_handle()
        before = audio.evaluate("audio => audio.currentTime")
        self.page.wait_for_function(
            f"audio => !audio.paused && Math.abs(audio.currentTime - {before}) > {seconds}", arg=audio
        )

    def slow_down(self, letter):
        """Play a track at a tenth of its speed, so that it does not end before a busy machine has drawn the page."""
        audio = self.player.locator(f"audio[data-track='{letter}']")
        audio.evaluate("audio => { audio.defaultPlaybackRate = audio.playbackRate = 0.1; }")

    def total_height(self):
        return self.player.evaluate("player => player.getBoundingClientRect().height")


@pytest.fixture
def tracks(page, address):
    page.goto(address)
    found = Tracks(page)
    expect(found.part("play")).to_be_enabled()
    return found


def test_an_absent_track_keeps_its_place_and_nothing_moves_when_it_comes(tracks):
    button, height = tracks.part("choose-C"), tracks.total_height()
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("title", "start tuning to hear it")
    expect(button).to_contain_text("start tuning to hear it")
    box, before = button.bounding_box(), tracks.page.evaluate(SHIFT)
    tracks.press("C")
    expect(button).to_be_enabled()
    expect(button).to_have_attribute("aria-label", "C Tuned: policy of second 1")
    assert button.bounding_box() == box
    assert tracks.total_height() == height == HEIGHT  # the place that is kept before the player is there
    assert tracks.page.evaluate(SHIFT) - before < 0.005


def test_what_plays_is_not_swapped_until_it_is_paused_and_the_others_are(tracks):
    tracks.slow_down("A")
    tracks.part("play").click()
    tracks.plays_on("A")
    tracks.press("A")
    expect(tracks.part("waiting")).to_have_text("newer one waiting")
    tracks.expect(waiting="A", playing="A")
    expect(tracks.part("caption")).to_have_text("draw 0")
    tracks.press("C")
    expect(tracks.part("choose-C")).to_be_enabled()
    tracks.plays_on("A")
    tracks.part("play").click()
    expect(tracks.part("caption")).to_have_text("draw 1")
    expect(tracks.part("waiting")).to_have_text("")
    tracks.part("play").click()
    tracks.plays_on("A")
    tracks.part("choose-C").click()
    tracks.expect(active="C", playing="C")
    expect(tracks.part("caption")).to_have_text("policy of second 1")


def test_what_waits_comes_at_the_end_of_the_piece(tracks):
    tracks.part("play").click()
    tracks.plays_on("A")
    tracks.press("A")
    tracks.press("A")
    expect(tracks.part("waiting")).to_have_text("newer one waiting")
    expect(tracks.part("caption")).to_have_text("draw 2")
    tracks.expect(waiting="", playing="")


def test_another_instrument_goes_on_where_the_music_is(tracks):
    tracks.part("play").click()
    tracks.plays_on("A", 1.0)
    tracks.slow_down("A")
    first = tracks.player.locator("audio[data-track=A]").get_attribute("src")
    tracks.press("flute")
    expect(tracks.player.locator("audio[data-track=A]")).not_to_have_attribute("src", first)
    tracks.expect(playing="A", waiting="")
    assert tracks.time("A") >= 1.0
    tracks.plays_on("A")


def test_a_chosen_melody_plays_at_once_and_again_when_chosen_again(tracks):
    tracks.part("play").click()
    tracks.plays_on("A")
    tracks.press("chosen")
    tracks.plays_on("★")
    tracks.expect(active="★", playing="★")
    expect(tracks.player.locator("audio[data-track=A]")).to_have_js_property("paused", True)
    tracks.press("chosen")
    expect(tracks.part("caption")).to_have_text("card 2")
    tracks.plays_on("★")


def test_play_on_change_lets_a_moved_slider_sound_and_is_remembered(tracks):
    tracks.press("B")
    expect(tracks.page.get_by_text("drawn 0 1 0 0 0")).to_be_visible()
    tracks.expect(active="A", playing="")
    tracks.part("follow").check()
    tracks.press("B")
    tracks.plays_on("B")
    tracks.expect(active="B", playing="B")
    tracks.press("B")
    tracks.expect(waiting="")
    tracks.plays_on("B")
    marks = "names => names.map((name) => performance.getEntriesByName(`sequence-tutor-${name}-B`).length)"
    assert tracks.page.evaluate(marks, ["shown", "ready", "sounds"]) == [1, 1, 1]
    tracks.page.reload()
    expect(tracks.part("follow")).to_be_checked()
    tracks.expect(playing="")


def test_keys_switch_and_space_plays(tracks):
    tracks.part("choose-A").focus()
    tracks.page.keyboard.press("2")
    tracks.expect(active="B")
    tracks.page.keyboard.press("3")  # there is none yet
    tracks.expect(active="B")
    tracks.page.keyboard.press(" ")
    tracks.plays_on("B")
    tracks.page.keyboard.press(" ")
    tracks.expect(playing="")
    tracks.page.keyboard.press("1")
    tracks.part("choose-A").focus()
    tracks.page.keyboard.press("ArrowRight")
    tracks.expect(active="B")
    tracks.page.keyboard.press("ArrowRight")  # past the absent ones
    tracks.expect(active="A")


def test_a_roll_does_not_wait_for_its_sound(tracks):
    tracks.part("choose-B").click()
    expect(tracks.part("play")).to_be_enabled()
    tracks.press("silence")
    tracks.press("B")
    expect(tracks.part("play")).to_have_attribute("title", "The sound is on its way")
    expect(tracks.part("play")).to_be_disabled()
    expect(tracks.part("total")).to_have_text("0.0 in all")


def test_a_refused_sound_is_told_in_a_sentence_and_nothing_is_lost(tracks):
    refuse = "() => { window.playing = HTMLMediaElement.prototype.play; HTMLMediaElement.prototype.play = () =>"
    tracks.page.evaluate(f"{refuse} Promise.reject(new DOMException('', 'NotAllowedError')); }}")
    tracks.part("play").click()
    expect(tracks.part("notice")).to_contain_text("does not let this page play sound yet")
    tracks.expect(playing="")
    tracks.page.evaluate("() => { HTMLMediaElement.prototype.play = window.playing; }")
    tracks.part("play").click()
    tracks.plays_on("A")
    expect(tracks.part("notice")).to_have_text("")


def test_a_sound_that_does_not_come_is_told_and_asked_for_again(tracks):
    tracks.page.route("**/media/**", lambda route: route.fulfill(status=404))
    tracks.press("A")
    expect(tracks.part("notice")).to_contain_text("cannot be heard now: the server answered 404")
    expect(tracks.part("canvas")).to_have_attribute("aria-valuemax", "5")
    tracks.page.unroute("**/media/**")
    tracks.press("chosen")
    tracks.plays_on("★")
    tracks.part("choose-A").click()
    expect(tracks.part("play")).to_be_enabled()
    tracks.plays_on("A")
