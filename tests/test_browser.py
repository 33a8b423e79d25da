"""The app as a person uses it, in a real Chromium: cold links, sliders, a whole run, sound, downloads, faults."""

import io
import os
import re
import signal
from pathlib import Path

import pretty_midi
import pytest

from seqtutor_core.domains.melody import Melody, presentation
from seqtutor_core.evaluation import rollouts
from seqtutor_core.runs import store
from seqtutor_core.runs.policies import policy_of
from tests.browsing import expect, needs_chromium, press, stage, until, window
from tests.looking import settle

pytestmark = [*needs_chromium, pytest.mark.usefixtures("own_runs")]

LONG = "5%20min"  # as the slider shows it, in a link; longer than a test takes on a busy machine


def open_melody(page, address, query=""):
    """The melody page by its link, drawn to its end."""
    page.goto(f"{address}/melody{query}")
    expect(page.get_by_role("heading", name="Melody studio", exact=True)).to_be_attached()
    expect(page.get_by_test_id("roll-canvas").first).to_be_visible()
    settle(page)


def tune(page, address, seconds, more=""):
    """Start a run from a fresh page and wait until it learns; the run."""
    open_melody(page, address, f"?seconds={seconds}{more}")
    press(page, "start")
    expect(stage(page, "Tuning")).to_be_visible()
    return store.all_runs()[0]


def test_a_moved_slider_travels_in_the_link(page, address):
    open_melody(page, address)
    slider = page.locator(".st-key-motif").get_by_role("slider")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    expect(page.locator(".st-key-motif")).to_contain_text("1.2")
    page.wait_for_url(re.compile("motif=1.2"))
    page.reload()
    expect(page.locator(".st-key-motif")).to_contain_text("1.2")


def slide(page, key, presses, button):
    """Move a slider by the keyboard."""
    handle = page.locator(f".st-key-{key}").get_by_role("slider")
    for _ in range(presses):
        handle.press(button)


def mixed(page):
    """Reward and KL at the tutor's strength, as the page says them."""
    text = page.locator(".st-key-stage, .st-key-pane-centre").get_by_text("At this strength").first.inner_text()
    return [float(number) for number in re.findall(r"(?:reward|KL) (-?[0-9.]+)", text)]


def test_a_whole_session(page, address):
    """Start, see curve and gauge grow and melodies arrive, hear the tuned one, take it away, soften the tutor."""
    run = tune(page, address, "10%20s")
    expect(page.get_by_test_id("roll-choose-C")).to_be_enabled()
    curve = page.locator(".lines path").first
    until(page, lambda: len(re.findall("[ML]", curve.get_attribute("d"))) >= 3)
    meter = page.locator(".readout").get_by_role("meter")
    expect(meter).to_be_visible()
    expect(page.get_by_text(re.compile("At most .* of the reachable improvement"))).to_be_visible()
    expect(stage(page, "Finished")).to_be_visible()
    expect(page.get_by_text("Measured at the end on 2,048 melodies")).to_be_visible()
    expect(meter).to_have_attribute("aria-valuenow", f"{100 * run.status.summary['gauge']['at_most']:.0f}")
    assert page.locator("body").inner_text().lower().count("optimal") == 0
    lines, _ = run.metrics()
    assert lines[-1]["j"] > lines[0]["j"]

    page.get_by_test_id("roll-choose-C").click()
    last = re.compile(r"policy of second \d\d")  # not always 10: on a busy machine the last update ends late
    expect(page.get_by_test_id("roll-caption")).to_contain_text(last)
    page.get_by_test_id("roll-play").click()
    tuned = page.locator("[data-testid=roll-audio][data-track=C]").element_handle()
    page.wait_for_function("audio => audio.currentTime > 0.3", arg=tuned)

    page.get_by_role("button", name="Take away").click()
    with page.expect_download() as download:
        page.locator(".st-key-C-mid button").first.click()
    read = pretty_midi.PrettyMIDI(io.BytesIO(Path(download.value.path()).read_bytes()))
    melody = Melody()
    tokens = next(rollouts(policy_of(run), 1)).tokens[0].tolist()
    piece = presentation.piece(melody, tokens, (), "Tuned")
    heard = [(n.pitch, round(n.start / piece.step_seconds), round(n.end / piece.step_seconds)) for n in _notes(read)]
    assert heard == [(n.pitch, n.start, n.end) for n in piece.notes]

    until(page, lambda: mixed(page)[1] > 0.1)
    reward, kl = mixed(page)
    slide(page, "strength", 10, "ArrowLeft")
    page.wait_for_url(re.compile("strength=0.5"))
    until(page, lambda: mixed(page)[0] < reward and mixed(page)[1] < 0.9 * kl)
    slide(page, "strength", 20, "ArrowRight")
    until(page, lambda: mixed(page)[1] > kl)
    page.reload()
    expect(meter).to_be_visible()
    expect(page.locator(".st-key-row-strength")).to_contain_text("1.50")


def _notes(midi):
    return sorted((n for i in midi.instruments for n in i.notes), key=lambda n: n.start)


def test_steer_pause_go_on_and_stop(page, address):
    """Sliders and a KL budget, which moves c and outlasts a reload, steer the living run."""
    run = tune(page, address, LONG, "&keep_kl_budget=true&kl_budget=3.0")
    assert run.config.kl_budget == 3.0
    until(page, lambda: run.metrics()[0] and run.metrics()[0][-1]["kl_coefficient"] != 4.0)
    expect(page.locator(".readout .label").get_by_text("c", exact=True)).to_be_visible()
    slide(page, "motif", 1, "ArrowRight")
    until(page, lambda: any("weights.motif" in line["changed"] for line in run.metrics()[0]))
    press(page, "pause")
    expect(stage(page, "Paused")).to_be_visible()
    press(page, "go-on")
    expect(stage(page, "Tuning")).to_be_visible()
    expect(page.locator(".st-key-pause button").first).to_be_visible()

    page.get_by_text("Learning", exact=True).click()
    slide(page, "kl_budget", 1, "ArrowRight")
    until(page, lambda: run.metrics()[0][-1]["kl_budget"] == 4.0)
    page.reload()
    page.get_by_text("Learning", exact=True).click()
    expect(page.locator(".st-key-row-kl_budget")).to_contain_text("4")
    page.locator(".st-key-keep_kl_budget label").first.click()
    until(page, lambda: run.metrics()[0][-1]["kl_budget"] is None and run.metrics()[0][-1]["kl_coefficient"] == 4.0)
    expect(page.locator(".st-key-kl_budget")).to_have_count(0)
    press(page, "stop")
    expect(stage(page, "Stopped")).to_be_visible()
    expect(page.locator(".st-key-resume button").first).to_be_visible()


def test_a_killed_worker_is_noticed_and_resumed_after_a_reload(page, address):
    run = tune(page, address, LONG)
    until(page, lambda: (run.folder / "policy.safetensors").exists())
    os.kill(run.status.pid, signal.SIGKILL)
    expect(stage(page, "Interrupted")).to_be_visible()
    page.reload()
    expect(stage(page, "Interrupted")).to_be_visible()
    press(page, "resume")
    expect(stage(page, "Tuning")).to_be_visible()


def test_a_run_is_watched_by_others_and_steered_by_its_owner(page, address, browser):
    run = tune(page, address, LONG)
    press(page, "pause")
    expect(stage(page, "Paused")).to_be_visible()
    asked = run.folder / "controls.jsonl"
    before = asked.read_text()
    with window(browser) as second:
        second.goto(f"{address}/melody?motif=2.5")
        expect(second.get_by_text("You watch").first).to_be_visible()
        expect(second.locator(f".readout strong[title='{run.id}']")).to_be_visible()
        for button in ("stop", "go-on"):
            expect(second.locator(f".st-key-{button} button").first).to_be_disabled()
        expect(second.locator(".st-key-take-over")).to_have_count(0)
        second.locator(".st-key-motif").get_by_role("slider").press("ArrowRight")
        second.wait_for_url(re.compile("motif=2.6"))
        expect(second.get_by_text("You watch").first).to_be_visible()
        press(second, "start")  # a run of their own, which waits for the one that is paused
        expect(stage(second, "Waiting: next in line")).to_be_visible()
        expect(second.get_by_text("You watch")).to_have_count(0)
    assert asked.read_text() == before
    theirs = store.all_runs()[0]
    assert theirs.id != run.id and theirs.ahead == 0
    page.reload()
    expect(page.locator(".st-key-go-on button").first).to_be_enabled()
    page.get_by_role("button", name="Hand on").first.click()
    link = page.get_by_test_id("stCode").filter(has_text="owner=").inner_text().strip()
    with window(browser) as third:
        third.goto(link)
        expect(third.get_by_text("You watch").first).to_be_visible()
        expect(third.locator(".st-key-stop button").first).to_be_disabled()
        press(third, "take-over")
        press(third, "stop")  # which must not move away while the page is drawn anew
        expect(third.get_by_text("You watch")).to_have_count(0)
        third.wait_for_url(lambda link: "owner" not in link)
        until(third, lambda: '"stop": true' in asked.read_text())
    expect(stage(page, "Stopped")).to_be_visible()
    until(page, lambda: theirs.state == "running")


def test_picked_keys_are_continued(page, address):
    open_melody(page, address)
    page.get_by_text("Begin with your own notes").click()
    for key in ("key-60", "key-64", "key-67"):
        page.get_by_test_id(key).click()
    press(page, "use-keys")
    expect(page.get_by_text("Every melody continues your 16 steps")).to_be_visible()


def test_a_wrong_file_is_told_and_a_melody_sounds_as_given_in_another_key_and_metre(page, address):
    pitches = (60, 62, 64, 65, 67, 69)  # a quarter each in 3/4, and nothing ends the last
    events = b"\x00\xff\x58\x04\x03\x02\x18\x08"
    events += b"".join(b"\x00\x90%c\x5a\x83\x60\x80%c\x00" % (p, p) for p in pitches[:-1])
    events += b"\x00\x90%c\x5a\x00\xff\x2f\x00" % pitches[-1]
    file = b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk" + len(events).to_bytes(4, "big") + events
    open_melody(page, address, "?in_key=G&bar=3%2F4")
    page.get_by_text("Begin with your own notes").click()
    expect(page.get_by_test_id("keys-room")).to_contain_text("up to 5 bars")
    page.get_by_role("tab", name="Upload a MIDI file").click()

    def upload(name, content):
        page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "audio/midi", "buffer": content})

    for name, content, message in [
        ("broken.mid", b"no midi at all", "MIDI"),
        ("empty.mid", b"", "empty"),
        ("huge.mid", b"MThd" * 300_000, "choose a smaller one"),
    ]:
        upload(name, content)
        expect(page.get_by_test_id("stAlert").filter(has_text=message)).to_be_visible()
    upload("own.mid", file)
    expect(page.get_by_text("6 notes: C4 D4 E4 F4 G4 A4")).to_be_visible()
    expect(page.get_by_test_id("stAlert").filter(has_text="Nothing in the file ends 1 note")).to_be_visible()
    press(page, "use-midi")
    expect(page.get_by_text("Every melody continues your 24 steps (2 bars)")).to_be_visible()
    page.get_by_role("button", name="Take away").click()
    with page.expect_download() as download:
        page.locator(".st-key-B-mid button").first.click()
    heard = pretty_midi.PrettyMIDI(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert [(n.pitch, round(2 * n.start, 2)) for n in _notes(heard)[:6]] == [(p, i) for i, p in enumerate(pitches)]
    assert [s.numerator for s in heard.time_signature_changes] == [3]
    assert [k.key_number for k in heard.key_signature_changes] == [7]
