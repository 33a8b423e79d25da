// A MIDI keyboard that plays into the picker of keyboard.js: a note lasts as long as its key is held, in sixteenths of
// the page's tempo. What happens to it is told in a sentence; nothing that was picked is ever taken away.

const TOGETHER = 40; // milliseconds: keys struck closer than this are a chord
const INSECURE = "Browsers let a page hear a MIDI keyboard only over https or on localhost.";
const UNKNOWN = "This browser has no Web MIDI, so it cannot hear a MIDI keyboard; Chrome, Edge and Firefox can.";
const ASKING = "The browser asks whether this page may use MIDI devices.";
const REFUSED =
  "The browser did not allow it. Allow MIDI devices in its settings for this page, then press the button again.";
const NOTHING = "No MIDI keyboard is plugged in. Plug one in and play: it is heard at once.";
const STOPPED = "The MIDI keyboard is not heard any more. What was picked stays.";

class MidiKeyboard {
  constructor(picker) {
    this.picker = picker;
    [this.button, this.status] = [".use-midi", ".midi-status"].map((name) => picker.element.querySelector(name));
    this.button.addEventListener("click", () => (this.access ? this.stop() : this.start()));
    this.plugged = new Map(); // id of an input -> its name
    if (navigator.requestMIDIAccess) return;
    this.button.hidden = true;
    this.tell(`${window.isSecureContext ? UNKNOWN : INSECURE} The keys above and MIDI files work.`);
  }

  tell(text) {
    this.status.textContent = text;
  }

  // ---------------------------------------------------------------- devices

  async start() {
    this.tell(ASKING);
    let access;
    try {
      access = await navigator.requestMIDIAccess();
    } catch (error) {
      const refused = ["NotAllowedError", "SecurityError"].includes(error.name);
      this.tell(refused ? REFUSED : `The browser cannot reach MIDI devices: ${error.message}`);
      return;
    }
    if (!this.button.isConnected) return; // the page went on while the browser asked
    this.access = access;
    access.onstatechange = () => this.look();
    this.button.setAttribute("aria-pressed", "true");
    this.tell(NOTHING);
    this.look();
  }

  stop() {
    this.release(performance.now());
    this.close();
    this.button.setAttribute("aria-pressed", "false");
    this.tell(STOPPED);
  }

  // Who came and who went; browsers report more than that.
  look() {
    const before = this.plugged;
    const inputs = [...this.access.inputs.values()].filter((input) => input.state === "connected");
    inputs.forEach((input) => (input.onmidimessage = (event) => this.hear(event)));
    this.plugged = new Map(inputs.map((input) => [input.id, input.name || "A MIDI keyboard"]));
    const gone = [...before].filter(([id]) => !this.plugged.has(id)).map(([, name]) => name);
    if (gone.length) {
      this.release(performance.now());
      this.tell(`Unplugged: ${gone.join(", ")}. What was picked stays.`);
    } else if (this.plugged.size > before.size) this.invite();
  }

  // Says how to play, at the tempo as it stands.
  invite() {
    if (!this.plugged.size) return;
    const names = [...this.plugged.values()].join(", ");
    this.tell(`${names}: hold a key as long as its note should last, at ${this.picker.bpm} beats a minute.`);
  }

  // ---------------------------------------------------------------- notes

  hear({ data: [status, pitch, velocity], timeStamp }) {
    const kind = status & 0xf0;
    if (kind === 0x90 && velocity) this.press(pitch, timeStamp);
    else if ((kind === 0x80 || kind === 0x90) && this.held?.played === pitch) this.release(timeStamp);
  }

  press(played, time) {
    if (this.held && time - this.held.time < TOGETHER) {
      this.tell("A melody has one note at a time: of keys pressed together the last counts.");
      this.letGo();
    } else this.release(time);
    const pitch = Math.max(LOWEST + (played % 12), Math.min(played, HIGHEST - 11 + (played % 12)));
    if (pitch !== played)
      this.tell(`${nameOf(played)} is outside ${nameOf(LOWEST)} to ${nameOf(HIGHEST)}: ${nameOf(pitch)} was picked.`);
    this.held = { played, pitch, time };
    this.picker.keyOf(pitch)?.classList.add("down");
    this.picker.sing(pitch);
  }

  letGo() {
    this.picker.keyOf(this.held.pitch)?.classList.remove("down");
    this.held = undefined;
  }

  release(time) {
    if (!this.held) return;
    const { pitch, time: from } = this.held;
    this.letGo();
    const sixteenth = 15_000 / this.picker.bpm; // milliseconds
    const length = Math.max(1, Math.round((time - from) / sixteenth));
    const left = this.picker.most - this.picker.used;
    if (left > 0 && length > left) this.tell(`Only ${left} sixteenths were left, so this note ends with them.`);
    this.picker.add(pitch, left > 0 ? Math.min(length, left) : length);
  }

  close() {
    if (!this.access) return;
    this.access.onstatechange = null;
    for (const input of this.access.inputs.values()) input.onmidimessage = null;
    this.access = undefined;
    this.plugged = new Map();
  }
}
