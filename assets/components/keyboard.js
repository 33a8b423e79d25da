// A small keyboard to pick notes on: pitches 48 to 83, lengths in sixteenths, whole bars that fit in 64 of them.
// mount.js and keyboard_midi.js stand above this file in the same module.

const LOWEST = 48;
const OCTAVES = 3;
const HIGHEST = LOWEST + 12 * OCTAVES - 1;
const LONGEST = 64; // sixteenths
const NARROWEST_KEY = 25; // pixels a finger still hits
const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const BLACK = new Set([1, 3, 6, 8, 10]);
const LENGTHS = [[1, "1/16"], [2, "1/8"], [3, "1/8."], [4, "1/4"], [6, "1/4."], [8, "1/2"], [16, "1/1"]];

const nameOf = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
const lengthName = (length) => LENGTHS.find(([sixteenths]) => sixteenths === length)?.[1] ?? `${length}/16`;

function button(text, testid, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.dataset.testid = testid;
  made.addEventListener("click", press);
  return made;
}

class Picker {
  constructor(parent, notes) {
    this.element = parent.querySelector(".picker");
    const find = (selector) => this.element.querySelector(selector);
    [this.piano, this.tape, this.room, this.lengths] = [".piano", ".tape", ".room", ".lengths"].map(find);
    this.notes = notes.map(([pitch, length]) => [pitch, length]);
    [this.bar, this.bpm] = [16, 120];
    this.length = 4;
    this.focus = 60;
    const actions = {
      rest: () => this.add(null, this.length),
      undo: () => this.set(this.notes.slice(0, -1)),
      clear: () => this.set([]),
      down: () => this.shift(-12),
      up: () => this.shift(12),
    };
    this.tools = Object.fromEntries(Object.keys(actions).map((name) => [name, find(`[data-do="${name}"]`)]));
    Object.entries(actions).forEach(([name, act]) => this.tools[name].addEventListener("click", act));
    this.lengths.append(...LENGTHS.map(([length, text]) => this.lengthButton(length, text)));
    this.lengths.addEventListener("keydown", (event) => this.moveLength(event));
    this.piano.addEventListener("keydown", (event) => this.moveKey(event));
    this.midi = new MidiKeyboard(this);
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.element);
    this.chooseLength(4);
    this.show();
  }

  // ---------------------------------------------------------------- lengths

  lengthButton(length, text) {
    const made = button(text, `keys-length-${length}`, () => this.chooseLength(length));
    made.setAttribute("role", "radio");
    made.setAttribute("aria-label", `${text} note, ${length} sixteenths`);
    made.dataset.length = length;
    return made;
  }

  chooseLength(length) {
    this.length = length;
    for (const one of this.lengths.children) {
      const chosen = Number(one.dataset.length) === length;
      one.setAttribute("aria-checked", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
    }
  }

  moveLength(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const at = LENGTHS.findIndex(([length]) => length === this.length);
    const next = Math.max(0, Math.min(at + move, LENGTHS.length - 1));
    this.chooseLength(LENGTHS[next][0]);
    this.lengths.children[next].focus();
  }

  // ---------------------------------------------------------------- keys

  fit() {
    const shown = Math.max(1, Math.min(OCTAVES, Math.floor(this.element.clientWidth / (7 * NARROWEST_KEY))));
    if (!this.element.clientWidth || shown === this.shown) return;
    this.shown = shown;
    this.from = Math.min(60, LOWEST + 12 * (OCTAVES - shown));
    this.element.querySelector(".octaves").hidden = shown === OCTAVES;
    this.layKeys();
  }

  shift(semitones) {
    const last = LOWEST + 12 * (OCTAVES - this.shown);
    this.from = Math.max(LOWEST, Math.min(this.from + semitones, last));
    this.layKeys();
  }

  layKeys() {
    const whites = 7 * this.shown;
    const keys = [];
    let white = 0;
    for (let pitch = this.from; pitch < this.from + 12 * this.shown; pitch += 1) {
      const black = BLACK.has(pitch % 12);
      const key = button(pitch % 12 === 0 ? nameOf(pitch) : "", `key-${pitch}`, () => this.press(pitch));
      key.className = black ? "black" : "white";
      key.setAttribute("aria-label", nameOf(pitch));
      key.dataset.pitch = pitch;
      key.style.left = `${(100 * (black ? white - 0.31 : white)) / whites}%`;
      key.style.width = `${(100 * (black ? 0.62 : 1)) / whites}%`;
      if (!black) white += 1;
      keys.push(key);
    }
    this.piano.replaceChildren(...keys);
    this.tools.down.disabled = this.from <= LOWEST;
    this.tools.up.disabled = this.from >= LOWEST + 12 * (OCTAVES - this.shown);
    this.focusKey(Math.max(this.from, Math.min(this.focus, this.from + 12 * this.shown - 1)));
  }

  focusKey(pitch) {
    this.focus = pitch;
    for (const key of this.piano.children) key.tabIndex = Number(key.dataset.pitch) === pitch ? 0 : -1;
  }

  moveKey(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -12, ArrowUp: 12 }[event.key];
    const key = move && this.keyOf(this.focus + move);
    if (!move) return;
    event.preventDefault();
    if (!key) return;
    this.focusKey(this.focus + move);
    key.focus();
  }

  keyOf(pitch) {
    return this.piano.querySelector(`[data-pitch="${pitch}"]`);
  }

  press(pitch) {
    this.focusKey(pitch);
    this.sing(pitch);
    this.add(pitch, this.length);
  }

  // A soft tone, so that a finger hears what it picked; the melody itself is played by the real synthesiser.
  sing(pitch) {
    this.context ??= new AudioContext();
    const [now, tone, level] = [this.context.currentTime, this.context.createOscillator(), this.context.createGain()];
    tone.type = "triangle";
    tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
    level.gain.setValueAtTime(0, now);
    level.gain.linearRampToValueAtTime(0.25, now + 0.01);
    level.gain.exponentialRampToValueAtTime(0.001, now + 0.5);
    tone.connect(level).connect(this.context.destination);
    tone.start(now);
    tone.stop(now + 0.5);
  }

  // ---------------------------------------------------------------- picked notes

  get used() {
    return this.notes.reduce((sum, [, length]) => sum + length, 0);
  }

  get most() {
    return Math.floor(LONGEST / this.bar) * this.bar;
  }

  setBar(bar) {
    if (bar === this.bar) return;
    this.bar = bar;
    this.show();
  }

  setTempo(bpm) {
    if (bpm === this.bpm) return;
    this.bpm = bpm;
    this.midi.invite();
  }

  add(pitch, length) {
    if (this.used + length > this.most) {
      const left = Math.max(this.most - this.used, 0);
      this.room.textContent = `Only ${left} of ${this.most} sixteenths are left: choose a shorter length, or undo.`;
      return;
    }
    this.set([...this.notes, [pitch, length]]);
  }

  set(notes) {
    this.notes = notes;
    this.show();
    this.send(notes);
  }

  show() {
    let end = 0;
    this.tape.replaceChildren(
      ...this.notes.map(([pitch, length]) => {
        const before = Math.floor(end / this.bar);
        end += length;
        const item = document.createElement("li");
        item.textContent = `${pitch === null ? "rest" : nameOf(pitch)} ${lengthName(length)}`;
        item.classList.toggle("rest", pitch === null);
        item.classList.toggle("bar-end", Math.floor(end / this.bar) > before);
        return item;
      }),
    );
    this.tools.undo.disabled = this.tools.clear.disabled = !this.notes.length;
    this.room.textContent = this.notes.length
      ? `${end} of ${this.most} sixteenths`
      : `Choose a length and press keys to pick up to ${this.most / this.bar} bars.`;
  }

  close() {
    this.midi.close();
    this.resized.disconnect();
    this.context?.close();
  }
}

// What is picked here is newer than what the page sends back, so its notes count only when the keyboard appears.
export default function ({ data, parentElement, setStateValue }) {
  const [picker, leave] = mount(parentElement, (parent) => new Picker(parent, data?.notes ?? []));
  picker.setBar(data?.bar ?? 16);
  picker.setTempo(data?.bpm ?? 120);
  picker.send = (notes) => setStateValue("notes", notes);
  return leave;
}
