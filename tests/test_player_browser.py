"""The player and the keyboard in a real browser: what is clicked is heard, seen and returned."""

import pytest

from tests.browsing import expect, needs_chromium, served_page, until

pytestmark = needs_chromium

GUTTER = 34  # pixels of piano keys before the first step, as in roll_draw.js
SCRIPT = """
    import streamlit as st

    from pages.ui.melody.keyboard import keyboard
    from pages.ui.melody.player import Track, piano_rolls
    from seqtutor_core.domains.melody.audio import Piece, sound
    from seqtutor_core.domains.melody.roll import Metre, make_roll

    # C4, E4, rest, G4 over one bar; E4 costs 5 and gains 2, and the whole is +1.5
    TOKENS = (14, 1, 1, 1, 18, 1, 1, 1, 0, 1, 1, 1, 21, 1, 1, 1)
    VALUES = [[0.0, 0.0] for _ in TOKENS]
    VALUES[0], VALUES[4], VALUES[5], VALUES[12] = [1.5, 0], [-5, 0], [0, 1], [3, 0]
    TERMS = [("Leaps", 1.0), ("Motif", 2.0)]

    def track(letter, tokens, bpm, title, primer=()):
        piece = Piece(tokens, bpm=bpm, primer=primer)
        return Track(letter, title, make_roll(tokens, VALUES, TERMS, metre=Metre(bpm), primer=primer), sound(piece))

    st.set_page_config(layout="wide")
    first = track("A", TOKENS, 30, "Slow one")
    hidden = st.checkbox("Hide the player")
    with st.container(key="single"):
        if not hidden:
            piano_rolls([first], key="one")
    with st.container(key="fast"):
        piano_rolls([track("A", TOKENS, 320, "Fast one", primer=(11, 1, 1, 1))], key="two")
    with st.container(key="pair"):
        piano_rolls([first, track("B", (16, *TOKENS[1:]), 30, "The other")], key="both")
    picked = keyboard("keys")
    st.text("picked " + str([(p.pitch, p.length) for p in picked]))
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served_page(SCRIPT, tmp_path_factory.mktemp("page")) as url:
        yield url


@pytest.fixture
def page(page, address):
    """A fresh page with everything drawn."""
    page.goto(address)
    page.get_by_test_id("key-60").wait_for()
    expect(page.get_by_test_id("roll-canvas")).to_have_count(3)
    expect(page.locator(".play:enabled")).to_have_count(3)
    return page


class Single:
    """The parts of one player on the page."""

    def __init__(self, page, container="single"):
        self.page = page
        self.box = page.locator(f".st-key-{container}")

    def part(self, name):
        return self.box.get_by_test_id(f"roll-{name}")

    def hover(self, step):
        self.part("canvas").hover(position={"x": self.x(step), "y": 60})

    def click(self, step):
        self.part("canvas").click(position={"x": self.x(step), "y": 60})

    def x(self, step, steps=16):
        width = self.part("canvas").bounding_box()["width"]
        return GUTTER + (step + 0.5) * (width - GUTTER - 4) / steps

    def audio(self, expression):
        return self.part("audio").evaluate(f"audio => {expression}")

    def wait(self, condition):
        """Until a condition on the audio element holds."""
        self.page.wait_for_function(f"audio => {condition}", arg=self.part("audio").element_handle())

    def shift(self):
        """Pixels the cursor stands from the left."""
        return self.part("cursor").evaluate("cursor => new DOMMatrix(cursor.style.transform).m41")


def test_play_moves_the_cursor_and_pause_stops_it(page):
    player = Single(page)
    expect(player.part("time")).to_have_text("0:00 / 0:08")
    assert player.shift() == pytest.approx(GUTTER, abs=0.5)
    player.part("play").click()
    player.wait("audio.currentTime > 0.5")
    until(page, lambda: player.shift() > GUTTER + 10)
    expect(player.part("play")).to_have_attribute("aria-label", "Pause")
    player.part("play").click()
    player.wait("audio.paused")
    expect(player.part("play")).to_have_attribute("aria-label", "Play")


def test_a_click_seeks(page):
    player = Single(page)
    player.click(12)
    expect(player.part("time")).to_have_text("0:06 / 0:08")
    assert player.audio("audio.currentTime") == pytest.approx(12 * 0.5, abs=0.01)
    until(page, lambda: player.shift() == pytest.approx(player.x(11.5), abs=1))


def test_a_run_of_the_page_does_not_stop_the_music(page):
    player = Single(page)
    player.part("play").click()
    player.wait("audio.currentTime > 0.2")
    page.get_by_test_id("key-62").click()
    expect(page.get_by_text("picked [(62, 4)]")).to_be_visible()
    before = player.audio("audio.currentTime")
    assert not player.audio("audio.paused")
    player.wait(f"audio.currentTime > {before} + 0.2")


def test_loop_starts_again_and_without_it_the_music_ends(page):
    player = Single(page, "fast")
    player.audio("audio.addEventListener('seeked', () => (audio.dataset.back = Number(audio.dataset.back ?? 0) + 1))")
    player.part("loop").click()
    expect(player.part("loop")).to_have_attribute("aria-pressed", "true")
    player.part("play").click()
    player.wait("Number(audio.dataset.back) >= 2 && !audio.paused")
    player.part("loop").click()
    player.wait("audio.ended")
    expect(player.part("play")).to_have_attribute("aria-label", "Play")
    player.part("play").click()
    player.wait("!audio.paused && !audio.ended")


def test_hover_tells_what_a_note_was_paid_and_why(page):
    player = Single(page)
    account = player.part("account")
    expect(account).to_contain_text("Whole melody")
    expect(account.locator("li")).to_have_text(["Motif+2.0", "Leaps−0.5"])
    player.hover(5)
    expect(account).to_contain_text("E4")
    expect(account).to_contain_text("bar 1, beat 2 · a quarter note")
    expect(account.locator(".sum")).to_have_text("−3.0")
    expect(account.locator("li")).to_have_text(["Leaps−5.0", "Motif+2.0"])
    player.hover(9)
    expect(account).to_contain_text("Rest")
    expect(account).to_contain_text("No term paid or cost anything here.")
    page.mouse.move(5, 5)
    expect(account).to_contain_text("Whole melody")


def test_a_clicked_note_stays_until_the_whole_is_asked_for(page):
    player = Single(page)
    player.click(13)
    page.mouse.move(5, 5)
    expect(player.part("account")).to_contain_text("G4")
    player.part("account").get_by_role("button", name="whole melody").click()
    expect(player.part("account")).to_contain_text("Whole melody")


def test_the_primer_is_not_judged(page):
    player = Single(page, "fast")
    player.part("canvas").hover(position={"x": player.x(1, steps=20), "y": 60})
    expect(player.part("account")).to_contain_text("Your own beginning is not judged.")


def test_the_roll_is_played_from_the_keyboard(page):
    player = Single(page)
    canvas = player.part("canvas")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(canvas).to_have_attribute(
        "aria-valuetext", "E4, bar 1, beat 2 · a quarter note, total −3.0; Leaps −5.0; Motif +2.0"
    )
    assert player.audio("audio.currentTime") == pytest.approx(2.0, abs=0.01)
    page.keyboard.press("End")
    expect(canvas).to_have_attribute("aria-valuenow", "4")
    page.keyboard.press(" ")
    player.wait("!audio.paused && audio.currentTime > 6.2")
    page.keyboard.press(" ")
    player.wait("audio.paused")
    page.keyboard.press("Escape")
    expect(player.part("account")).to_contain_text("Whole melody")


def test_volume_is_one_setting(page):
    Single(page).part("volume").fill("0.3")
    assert Single(page).audio("audio.volume") == pytest.approx(0.3)


def test_a_and_b_take_turns_at_the_same_place(page):
    pair = page.locator(".st-key-pair")
    track_a, track_b = (pair.locator(f"audio[data-track={letter}]").element_handle() for letter in "AB")
    pair.get_by_test_id("roll-play").click()
    page.wait_for_function("audio => audio.currentTime > 1.0", arg=track_a)
    pair.get_by_test_id("roll-choose-B").click()
    page.wait_for_function("audio => !audio.paused && audio.currentTime > 1.1", arg=track_b)
    page.wait_for_function("audio => audio.paused", arg=track_a)
    expect(pair.get_by_test_id("roll-choose-B")).to_have_attribute("aria-checked", "true")


def test_only_one_player_of_the_page_sounds(page):
    first, second = Single(page), Single(page, "pair")
    first.part("play").click()
    first.wait("audio.currentTime > 0.1")
    second.part("play").click()
    first.wait("audio.paused")
    expect(first.part("play")).to_have_attribute("aria-label", "Play")


def test_a_hidden_player_falls_silent_and_frees_its_sound(page):
    player = Single(page)
    page.evaluate(
        "() => { window.freed = 0; const free = URL.revokeObjectURL.bind(URL);"
        " URL.revokeObjectURL = (url) => { window.freed += 1; free(url); }; }"
    )
    player.part("play").click()
    player.wait("audio.currentTime > 0.1")
    audio = player.part("audio").element_handle()
    page.get_by_text("Hide the player").click()
    expect(page.get_by_test_id("roll-canvas")).to_have_count(2)
    page.wait_for_function("audio => audio.paused && window.freed === 1", arg=audio)


def test_the_keyboard_returns_what_was_picked(page):
    keys = page.get_by_test_id("keys")
    page.get_by_test_id("key-60").click()
    page.get_by_test_id("keys-length-2").click()
    page.get_by_test_id("keys-rest").click()
    page.get_by_test_id("key-66").click()
    expect(page.get_by_text("picked [(60, 4), (None, 2), (66, 2)]")).to_be_visible()
    expect(keys.locator("li")).to_have_text(["C4 1/4", "rest 1/8", "F#4 1/8"])
    page.get_by_test_id("keys-undo").click()
    expect(page.get_by_text("picked [(60, 4), (None, 2)]")).to_be_visible()
    page.get_by_test_id("keys-clear").click()
    expect(page.get_by_text("picked []")).to_be_visible()
    expect(page.get_by_test_id("keys-undo")).to_be_disabled()


def test_the_keyboard_is_played_without_a_mouse_and_stops_at_four_bars(page):
    page.get_by_test_id("keys-length-16").click()
    page.get_by_test_id("key-60").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", " ", " ", "Enter", " ", " "):
        page.keyboard.press(key)
    expect(page.get_by_test_id("keys-room")).to_contain_text("Only 0 of 64 sixteenths are left")
    expect(page.get_by_text("picked [(74, 16), (74, 16), (74, 16), (74, 16)]")).to_be_visible()


def test_everything_fits_a_narrow_screen(page):
    page.set_viewport_size({"width": 400, "height": 900})
    expect(page.get_by_test_id("key-48")).to_have_count(0)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth")
    page.get_by_test_id("keys-down").click()
    page.get_by_test_id("key-48").click()
    expect(page.get_by_text("picked [(48, 4)]")).to_be_visible()
    player = Single(page)
    player.click(4)
    expect(player.part("account")).to_contain_text("E4")
