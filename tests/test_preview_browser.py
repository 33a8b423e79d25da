"""The previews in a real Chromium: a slider is released, and the preview beside it is another, with its sound."""

from tests.browsing import expect, needs_chromium, press
from tests.looking import settle

pytestmark = needs_chromium


def opened(page, link):
    """The melody studio at a link, drawn to its end, with the preview in the player."""
    page.goto(link)
    expect(page.get_by_test_id("roll-choose-B")).to_be_enabled()
    settle(page)
    page.get_by_test_id("roll-choose-B").click()
    return page.locator("audio[data-track=B]")


def release(page, name):
    """Move a slider by one step and let it go."""
    page.locator(f".st-key-{name}").get_by_role("slider").press("ArrowRight")


def changed(page, locator, reading, before):
    """Wait until what is read of an element differs."""
    page.wait_for_function(f"([element, before]) => ({reading}) !== before", arg=[locator.element_handle(), before])


def test_a_released_slider_redraws_the_melody_with_its_sound_and_another_is_drawn(page, address):
    audio = opened(page, f"{address}/melody")
    page.wait_for_function("audio => audio.src.startsWith('blob:')", arg=audio.element_handle())
    before = audio.evaluate("audio => audio.src")
    release(page, "motif")
    changed(page, audio, "element.src", before)
    page.wait_for_function("audio => audio.src.startsWith('blob:')", arg=audio.element_handle())
    page.get_by_test_id("roll-play").click()
    page.wait_for_function("audio => audio.currentTime > 0.3", arg=audio.element_handle())
    expect(page.get_by_test_id("roll-caption")).to_contain_text("no training")
    before = audio.evaluate("audio => audio.src")
    press(page, "another")
    changed(page, audio, "element.src", before)


def test_the_frontier_is_a_tab_of_its_own(page, address):
    page.goto(f"{address}/melody")
    page.get_by_role("tab", name="Frontier").click()
    pane = page.locator(".st-key-pane-right")
    expect(pane.get_by_text("slope c = 4").first).to_be_visible()  # two for a moment while it is drawn
    expect(pane.locator(".annotation-text, .textpoint").filter(has_text="A").first).to_be_visible()
    expect(pane.get_by_text("At your c its slope is c")).to_be_visible()


def test_released_sliders_redraw_the_molecules(page, address):
    page.goto(f"{address}/molecule")
    expect(page.locator(".st-key-card-C-3 img")).to_be_visible()
    row = "[...document.querySelectorAll('.st-key-cards-B img')].map(one => one.alt).join()"
    before = page.evaluate(row)
    release(page, "mol_log_p")
    page.wait_for_function(f"before => {row} !== before", arg=before)
    expect(page.locator(".st-key-cards-B img")).to_have_count(4)


def test_many_moves_end_at_the_last(page, address):
    """Moves that come while a preview is drawn wait as one; what stands at the end is the last one's."""
    opened(page, f"{address}/melody")
    for _ in range(6):
        release(page, "motif")
        page.wait_for_timeout(60)
    page.wait_for_url("**motif=1.6**")
    expect(page.locator(".st-key-motif")).to_contain_text("1.6")
    followed = page.context.new_page()
    opened(followed, page.url)
    expect(page.get_by_test_id("roll-total")).to_have_text(followed.get_by_test_id("roll-total").inner_text())
