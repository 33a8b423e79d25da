// One to four melodies that take turns: buttons to choose by, a transport, the roll of the chosen one and its account.
// mount.js, sound_event.js and the roll_*.js files stand above this file in the same module.

const PLAY_EVENT = "sequence-tutor-plays";
const FOLLOW = "sequence-tutor-play-on-change"; // in the browser's storage
let volume = 0.8; // one setting for every player on the page

// The browser may keep its storage shut.
function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function store(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {} // then it holds until the page is left
}

class Player {
  constructor(parent) {
    this.element = parent.querySelector(".player");
    this.find = (selector) => this.element.querySelector(selector);
    [this.play, this.loop, this.follow] = [".play", ".loop", ".follow input"].map(this.find);
    this.volume = this.find(".volume input");
    this.tracks = [];
    this.playing = false;
    this.place = 0;
    this.theme = readTheme(this.element);
    this.range = pitchRange([]);
    this.stage = new Stage(this, this.element);
    this.listen();
    this.resized = new ResizeObserver(() => this.element.clientWidth !== this.width && this.fit());
    this.resized.observe(this.element);
  }

  listen() {
    this.play.addEventListener("click", () => this.toggle());
    this.loop.addEventListener("click", () => this.loop.setAttribute("aria-pressed", String(!this.looping)));
    this.follow.checked = stored(FOLLOW) === "yes";
    this.follow.addEventListener("change", () => store(FOLLOW, this.follow.checked ? "yes" : "no"));
    this.volume.addEventListener("input", () => this.setVolume(Number(this.volume.value)));
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.onOther = (event) => event.detail !== this && this.pause();
    window.addEventListener(PLAY_EVENT, this.onOther);
    this.onSound = ({ detail }) => this.tracks.filter((track) => track.awaits(detail)).forEach((track) => track.load(detail));
    window.addEventListener(SOUND_EVENT, this.onSound);
  }

  get looping() {
    return this.loop.getAttribute("aria-pressed") === "true";
  }

  // The track that plays, if one does.
  get sounding() {
    return this.playing ? this.active : null;
  }

  follows(track) {
    return this.follow.checked && track.letter === "B";
  }

  show(data) {
    const letters = data.tracks.map((track) => track.letter);
    if (letters.join() !== this.tracks.map((track) => track.letter).join()) this.build(letters);
    this.theme = readTheme(this.element);
    const { cost, neutral, gain, onPrimary } = this.theme;
    const colours = { "--cost": cost, "--neutral": neutral, "--gain": gain, "--on-primary": onPrimary };
    Object.entries(colours).forEach(([name, colour]) => this.element.style.setProperty(name, colour));
    this.tracks.forEach((track, i) => track.offer(data.tracks[i]));
    this.fit();
    this.tell();
    this.setVolume(volume);
  }

  build(letters) {
    this.pause();
    this.tracks.forEach((track) => track.unload());
    this.tracks = letters.map((letter) => new Track(this, letter));
    this.active = this.tracks[0];
    this.choice = new Choice(this.find(".choice"), this.tracks, (track) => this.choose(track));
    this.find(".follow").hidden = !letters.includes("B");
    this.find(".sounds").replaceChildren(...this.tracks.map((track) => track.audio));
  }

  fit() {
    this.width = this.element.clientWidth;
    if (this.width && this.active) this.stage.show(this.active);
  }

  // A track shows another roll, or none.
  changed(track) {
    this.range = steadyRange(this.range, this.tracks.map((one) => one.roll).filter(Boolean));
    if (!this.active.roll) this.active = this.tracks.find((one) => one.roll) ?? this.active;
    this.fit();
    this.mark("shown", track);
    this.tell();
  }

  // A track has a newer sound.
  arrived(track) {
    this.notice("");
    this.mark("ready", track);
    if (this.due?.track === track) this.playSoon(track, this.due.from);
    this.tell();
  }

  // Plays a track as soon as its sound is there: from a place, or from where the music is.
  playSoon(track, from) {
    this.due = { track, from };
    if (!track.ready) return;
    this.choose(track);
    if (from !== undefined) this.seek(from);
    this.start();
  }

  // Makes a track the one that plays; the music goes on at the same place.
  choose(track) {
    this.due = null;
    if (track === this.active || !track.roll) return;
    const playing = this.playing;
    this.pause();
    this.active = track;
    this.fit();
    this.tell();
    if (playing && track.loaded) this.start();
    else if (playing) this.due = { track };
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const track = this.tracks[Number(event.key) - 1];
    if (event.key === " " && !event.target.closest("button:not(.track), [type=checkbox]")) this.toggle();
    else if (event.key !== " " && track) this.choose(track);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  seek(step) {
    this.place = step;
    this.active.step = step;
    this.stage.follow(step, this.playing);
    this.tellTime();
  }

  setVolume(level) {
    volume = level;
    this.volume.value = level;
    this.tracks.forEach((track) => (track.audio.volume = level));
  }

  toggle() {
    this.due = null;
    this.playing ? this.pause() : this.start();
  }

  start() {
    const track = this.active;
    if (!track.loaded) return;
    this.seek(this.place >= track.roll.steps ? 0 : this.place);
    window.dispatchEvent(new CustomEvent(PLAY_EVENT, { detail: this }));
    this.setPlaying(true);
    this.begin(track);
    cancelAnimationFrame(this.frame);
    this.onFrame();
  }

  begin(track) {
    track.audio.play().catch((error) => {
      if (error.name === "AbortError") return; // paused, or given a newer sound, before it had begun
      this.pause();
      const refused = "The browser does not let this page play sound yet: press Play, or allow sound for this site.";
      this.notice(error.name === "NotAllowedError" ? refused : `The browser did not play this: ${error.message}`);
    });
  }

  onFrame() {
    if (!this.playing) return;
    const track = this.active;
    this.place = track.step;
    if (this.looping && this.place >= track.roll.steps) return this.ended(track);
    this.stage.follow(this.place, true);
    this.tellTime();
    this.frame = requestAnimationFrame(() => this.onFrame());
  }

  sounds(track) {
    this.notice("");
    this.mark("sounds", track);
  }

  pause() {
    if (!this.playing) return;
    this.place = this.active.step;
    this.active.audio.pause();
    this.setPlaying(false);
  }

  ended(track) {
    if (track !== this.sounding) return;
    this.place = track.roll.steps;
    this.setPlaying(false);
    if (!this.looping || this.active !== track) return;
    this.seek(0);
    if (track.loaded) this.start();
    else this.due = { track, from: 0 }; // what waited was shown just now, and its sound is on its way
  }

  // What waited for the end of the music is shown when it stops.
  setPlaying(playing) {
    this.playing = playing;
    this.element.classList.toggle("playing", playing);
    this.play.setAttribute("aria-label", playing ? "Pause" : "Play");
    if (!playing) {
      this.stage.follow(this.place);
      this.active.settle();
    }
    this.tell();
  }

  notice(text) {
    this.find(".notice").textContent = this.find(".notice").title = text;
  }

  tell() {
    const { active } = this;
    const waiting = this.tracks.find((track) => track.waiting);
    this.choice.show(active);
    this.play.disabled = !active.loaded;
    this.play.title = active.loaded || !active.roll ? "" : "The sound is on its way";
    const plain = active.loaded && active.synthesiser !== "fluidsynth" ? active.synthesiser : "";
    this.find(".caption").textContent = [active.shown?.caption, plain].filter(Boolean).join(" · ");
    this.find(".caption").title = this.find(".caption").textContent;
    this.find(".waiting").textContent = waiting ? "newer one waiting" : "";
    this.find(".total").textContent = active.roll ? `${signed(active.roll.total)} in all` : "";
    const { dataset } = this.element;
    [dataset.active, dataset.playing, dataset.waiting] = [active, this.sounding, waiting].map((one) => one?.letter ?? "");
    this.tellTime();
  }

  tellTime() {
    const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
    const { stepSeconds, roll } = this.active;
    this.find(".time").textContent = roll ? `${clock(this.place * stepSeconds)} / ${clock(roll.steps * stepSeconds + 0.5)}` : "0:00 / 0:00";
  }

  // For measurements: when a track was last shown, ready to be heard, and heard.
  mark(what, track) {
    const name = `sequence-tutor-${what}-${track.letter}`;
    performance.clearMarks(name);
    performance.mark(name);
  }

  close() {
    this.pause();
    cancelAnimationFrame(this.frame);
    window.removeEventListener(PLAY_EVENT, this.onOther);
    window.removeEventListener(SOUND_EVENT, this.onSound);
    this.resized.disconnect();
    this.tracks.forEach((track) => track.unload());
  }
}

export default function ({ data, parentElement }) {
  const [player, leave] = mount(parentElement, (parent) => new Player(parent));
  player.show(data);
  return leave;
}
