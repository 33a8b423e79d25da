"""The previews in a real Chromium: a slider is released, and the preview beside it is another, with its sound."""

from tests.browsing import expect, needs_chromium, press

pytestmark = needs_chromium


def preview(page):
    return page.locator(".st-key-preview")


def release(page, name):
    """Move a slider by one step and let it go."""
    page.locator(f".st-key-{name}").get_by_role("slider").press("ArrowRight")


def changed(page, locator, reading, before):
    """Wait until what is read of an element differs."""
    page.wait_for_function(f"([element, before]) => ({reading}) !== before", arg=[locator.element_handle(), before])


def test_a_released_slider_redraws_the_melody_with_its_sound(page, address):
    page.goto(f"{address}/melody")
    box = preview(page)
    expect(box.get_by_test_id("roll-canvas")).to_be_visible()
    expect(page.get_by_text("The paper's Table 1, measured")).to_be_visible()
    audio = box.get_by_test_id("roll-audio")
    before = audio.evaluate("audio => audio.src")
    assert before.startswith("blob:")
    release(page, "motif")
    changed(page, audio, "element.src", before)
    box.get_by_test_id("roll-play").click()
    page.wait_for_function("audio => audio.currentTime > 0.3", arg=audio.element_handle())
    expect(box.get_by_text("Preview, no training")).to_be_visible()


def test_another_is_drawn(page, address):
    page.goto(f"{address}/melody")
    box = preview(page)
    expect(page.get_by_text("The paper's Table 1, measured")).to_be_visible()
    audio = box.get_by_test_id("roll-audio")
    before = audio.evaluate("audio => audio.src")
    press(page, "preview-another")
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
    page.goto(f"{address}/melody")
    box = preview(page)
    expect(page.get_by_text("The paper's Table 1, measured")).to_be_visible()
    for _ in range(6):
        release(page, "motif")
        page.wait_for_timeout(60)
    page.wait_for_url("**motif=1.6**")
    expect(page.locator(".st-key-motif")).to_contain_text("1.6")
    followed = page.context.new_page()
    followed.goto(page.url)
    followed.get_by_text("The paper's Table 1, measured").wait_for()
    expect(box.get_by_test_id("roll-total")).to_have_text(preview(followed).get_by_test_id("roll-total").inner_text())
