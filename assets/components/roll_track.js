// One melody of a player: what is shown and heard of it, and the newer one that waits while it plays.
// Places are in steps, sixteenths by default.

const RETRIES = [200, 600, 1500]; // milliseconds: a page that is being drawn anew may lack a sound for a moment

// Two rolls are one tune when only key, tempo, instrument or pay differ.
function tuneOf(roll) {
  return roll ? JSON.stringify(roll.notes.map((note) => [note.pitch - roll.notes[0].pitch, note.start, note.length])) : null;
}

async function fetchSound(url) {
  for (const wait of [...RETRIES, null]) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return answer.blob();
    if (wait === null) throw new Error(answer ? `the server answered ${answer.status}` : "the server did not answer");
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

class Track {
  constructor(player, letter) {
    this.player = player;
    this.letter = letter;
    this.shown = this.waiting = null;
    this.items = [];
    this.audio = new Audio();
    this.audio.preload = "auto";
    this.audio.dataset.testid = "roll-audio";
    this.audio.dataset.track = letter;
    this.audio.addEventListener("ended", () => player.ended(this));
    this.audio.addEventListener("playing", () => player.sounds(this));
    this.audio.addEventListener("error", () => this.loaded && this.fail(this.audio.error?.message || "unknown format"));
  }

  get roll() {
    return this.shown?.roll ?? null;
  }

  // Whether the newest sound can be heard.
  get ready() {
    return Boolean(this.loaded) && this.loaded === this.wanted;
  }

  awaits(sound) {
    return this.wanted === sound.name && !this.ready;
  }

  get step() {
    return Math.min(this.audio.currentTime / this.stepSeconds, this.roll.steps);
  }

  set step(step) {
    if (this.loaded) this.audio.currentTime = Math.max(0, Math.min(step, this.roll.steps)) * this.stepSeconds;
  }

  // Newer data, as often as the page is drawn. Another tune never takes the place of one that plays, unless asked for.
  offer(data) {
    const [first, asked] = [this.shown === null, data.play > this.plays];
    const other = first || tuneOf(data.roll) !== this.tune;
    const follows = !first && other && data.roll && this.player.follows(this);
    const from = asked || !this.player.playing ? 0 : undefined; // else where the music is
    this.plays = data.play;
    if (other && this.player.sounding === this && !asked && !follows) this.waiting = data;
    else this.show(data);
    if ((asked && !first && data.roll) || follows) this.player.playSoon(this, from);
  }

  // Shows what waited, once this track no longer plays.
  settle() {
    if (this.waiting) this.show(this.waiting);
  }

  show(data) {
    const [tune, same] = [tuneOf(data.roll), JSON.stringify(data.roll) === JSON.stringify(this.roll)];
    this.waiting = null;
    if (tune !== this.tune) this.unload();
    [this.tune, this.shown] = [tune, data];
    if (!same) this.items = data.roll ? [...data.roll.notes, ...data.roll.rests].sort((a, b) => a.start - b.start) : [];
    if (!this.loaded && data.roll) this.stepSeconds = this.paceOf(data.roll);
    if (!same) this.player.changed(this);
    if (data.roll) this.expect(data.sound);
  }

  paceOf(roll) {
    return 60 / roll.bpm / roll.beat;
  }

  expect(sound) {
    if (sound.name === this.wanted) return;
    this.wanted = sound.name;
    const known = sound.url ? sound : attached.get(sound.name);
    if (known) this.load(known);
  }

  // The sound before it, of the same tune, goes on until the newer one is here.
  async load({ name, url, synthesiser }) {
    if (this.loading === name) return;
    this.loading = name;
    try {
      const sound = await fetchSound(url);
      if (this.wanted === name) this.take(sound, name, synthesiser); // else a newer one was shown meanwhile
    } catch (error) {
      if (this.wanted === name) this.fail(error.message);
    }
    if (this.loading === name) this.loading = null;
  }

  take(sound, name, synthesiser) {
    const [playing, place] = [this.player.sounding === this, this.player.place];
    this.release();
    [this.loaded, this.synthesiser, this.stepSeconds] = [name, synthesiser, this.paceOf(this.roll)];
    this.url = URL.createObjectURL(sound);
    this.audio.src = this.url;
    this.step = place;
    if (playing) this.player.begin(this);
    this.player.arrived(this);
  }

  fail(reason) {
    this.wanted = null; // so that the next drawing of the page tries again
    this.player.notice(`This melody cannot be heard now: ${reason}. The roll stays; move a slider to try again.`);
  }

  unload() {
    if (this.player.sounding === this) this.player.pause();
    this.release();
    this.wanted = null;
  }

  release() {
    this.loaded = null;
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load(); // without this the last sound would stay
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
  }
}
