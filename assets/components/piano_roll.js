// One or two rolls that play: a shared transport, a canvas and an account for each take.
// sound_event.js, roll_draw.js, roll_account.js and roll_take.js stand above this file in the same module.

const PLAY_EVENT = "sequence-tutor-plays";
const players = new WeakMap(); // the element a component lives in -> its player
let volume = 0.8; // one setting for every player on the page

class Player {
  constructor(parent) {
    this.element = parent.querySelector(".player");
    this.template = parent.querySelector(".take-template");
    const find = (selector) => this.element.querySelector(selector);
    [this.choice, this.loop, this.time] = [find(".choice"), find(".loop"), find(".time")];
    [this.play, this.synth, this.volume] = [find(".play"), find(".synth"), find(".volume input")];
    this.takes = [];
    this.playing = false;
    this.play.addEventListener("click", () => this.toggle());
    this.loop.addEventListener("click", () => this.loop.setAttribute("aria-pressed", String(!this.looping)));
    this.volume.value = volume;
    this.volume.addEventListener("input", () => this.setVolume(Number(this.volume.value)));
    this.onOther = (event) => event.detail !== this && this.pause();
    window.addEventListener(PLAY_EVENT, this.onOther);
    this.onSound = (event) => this.hear(event.detail);
    window.addEventListener(SOUND_EVENT, this.onSound);
    this.resized = new ResizeObserver(() => this.element.clientWidth !== this.width && this.fit());
    this.resized.observe(this.element);
  }

  get looping() {
    return this.loop.getAttribute("aria-pressed") === "true";
  }

  show(data) {
    data = { takes: data.tracks.filter((track) => track.roll) };
    const letters = data.takes.map((take) => take.letter).join();
    if (letters !== this.letters) this.build(data.takes, (this.letters = letters));
    const sounds = this.takes.map((take) => take.sound);
    this.takes.forEach((take, i) => take.show(data.takes[i]));
    if (this.takes.some((take, i) => take === this.active && take.sound !== sounds[i])) this.pause();
    this.range = pitchRange(data.takes.map((take) => take.roll));
    this.theme = readTheme(this.element);
    const { cost, neutral, gain, onPrimary } = this.theme;
    const colours = { "--cost": cost, "--neutral": neutral, "--gain": gain, "--on-primary": onPrimary };
    Object.entries(colours).forEach(([name, colour]) => this.element.style.setProperty(name, colour));
    this.fit();
    this.activate(this.active);
    this.setVolume(volume);
  }

  // A sound that was made after its roll was drawn.
  hear(sound) {
    const take = this.takes.find((one) => one.sound === sound.name && !one.ready);
    if (!take) return;
    take.load(sound);
    this.activate(this.active);
  }

  build(takes) {
    const count = takes.length;
    this.takes.forEach((take) => take.unload());
    this.takes = takes.map(({ letter }) => new Take(this, letter, this.template));
    const holder = this.element.querySelector(".takes");
    holder.replaceChildren(...this.takes.map((take) => take.element));
    holder.classList.toggle("pair", count > 1);
    this.choice.hidden = count < 2;
    this.choice.replaceChildren(...this.takes.map((take) => this.choiceButton(take)));
    this.active = this.takes[0];
  }

  choiceButton(take) {
    const button = tag("button", "", take.element.dataset.take);
    button.type = "button";
    button.setAttribute("role", "radio");
    button.dataset.testid = `roll-choose-${take.element.dataset.take}`;
    button.addEventListener("click", () => this.activate(take));
    button.addEventListener("keydown", (event) => {
      if (!event.key.startsWith("Arrow")) return;
      event.preventDefault();
      this.activate(this.takes[(this.takes.indexOf(take) + 1) % this.takes.length]);
      this.choice.children[this.takes.indexOf(this.active)].focus();
    });
    return button;
  }

  fit() {
    this.width = this.element.clientWidth;
    if (this.width) this.takes.forEach((take) => take.fit());
  }

  // Makes a take the one that plays; the music goes on at the same place.
  activate(take) {
    const [before, playing] = [this.active, this.playing];
    if (take !== before) {
      if (playing) this.pause();
      take.step = before.step;
      before.follow(before.step);
    }
    this.active = take;
    this.takes.forEach((one, i) => {
      one.element.classList.toggle("active", one === take);
      const button = this.choice.children[i];
      button.setAttribute("aria-checked", String(one === take));
      button.setAttribute("aria-label", `${button.textContent}: ${one.title}`);
      button.tabIndex = one === take ? 0 : -1;
    });
    this.play.disabled = !take.ready;
    this.play.title = take.ready ? "" : "The sound is on its way";
    this.synth.textContent = take.synthesiser === "fluidsynth" ? "" : take.synthesiser;
    this.synth.className = "synth plain";
    this.synth.hidden = !this.synth.textContent;
    if (take !== before && playing) this.start();
    this.tell();
    return this;
  }

  seek(step) {
    this.takes.forEach((take) => {
      take.step = step;
      take.follow(step);
    });
    this.tell();
  }

  setVolume(level) {
    volume = level;
    this.volume.value = level;
    this.takes.forEach((take) => (take.audio.volume = level));
  }

  toggle() {
    this.playing ? this.pause() : this.start();
  }

  start() {
    const take = this.active;
    if (!take.ready) return;
    if (take.audio.ended || take.step >= take.roll.steps) this.seek(0);
    window.dispatchEvent(new CustomEvent(PLAY_EVENT, { detail: this }));
    this.setPlaying(true);
    take.audio.play().catch((error) => {
      if (error.name === "AbortError") return; // paused before it had begun
      this.setPlaying(false);
      this.synth.textContent = `The browser did not play this: ${error.message}`;
      this.synth.hidden = false;
    });
    const frame = () => {
      if (!this.playing || this.active !== take) return;
      if (this.looping && take.step >= take.roll.steps) take.step = 0;
      this.takes.forEach((one) => one.follow(Math.min(take.step, one.roll.steps), one === take));
      this.tell();
      this.frame = requestAnimationFrame(frame);
    };
    cancelAnimationFrame(this.frame);
    frame();
  }

  pause() {
    if (!this.playing) return;
    this.active.audio.pause();
    this.setPlaying(false);
    this.active.follow(this.active.step);
  }

  ended(take) {
    if (take !== this.active || !this.playing) return;
    this.setPlaying(false);
    if (this.looping) {
      this.seek(0);
      this.start();
    } else take.follow(take.step);
  }

  setPlaying(playing) {
    this.playing = playing;
    this.element.classList.toggle("playing", playing);
    this.play.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  tell() {
    const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
    const { step, stepSeconds, roll } = this.active;
    this.time.textContent = `${clock(step * stepSeconds)} / ${clock(roll.steps * stepSeconds + 0.5)}`;
  }

  close() {
    this.setPlaying(false);
    cancelAnimationFrame(this.frame);
    window.removeEventListener(PLAY_EVENT, this.onOther);
    window.removeEventListener(SOUND_EVENT, this.onSound);
    this.resized.disconnect();
    this.takes.forEach((take) => take.unload());
  }
}

// Called again, on the same element, whenever the data or the theme changes. The tidy-up of an outdated call may
// run after a newer call, so only the newest may close the player.
export default function ({ data, parentElement }) {
  const player = players.get(parentElement) ?? new Player(parentElement);
  players.set(parentElement, player);
  player.show(data);
  const call = (player.call = {});
  return () => {
    if (player.call !== call) return;
    player.close();
    players.delete(parentElement);
  };
}
