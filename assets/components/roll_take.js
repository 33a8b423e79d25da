// One melody of a player: its sound, its canvas and its account. Positions are in sixteenths.

class Take {
  constructor(player, letter, template) {
    this.player = player;
    this.element = template.content.firstElementChild.cloneNode(true);
    const find = (selector) => this.element.querySelector(selector);
    [this.canvas, this.cursor, this.account] = [find("canvas"), find(".cursor"), find(".account")];
    [this.audio, this.scroll] = [find("audio"), find(".scroll")];
    find(".letter").textContent = letter;
    this.element.dataset.take = this.canvas.dataset.take = letter;
    this.pinned = this.hovered = this.sounding = null;
    this.canvas.addEventListener("pointermove", (event) => this.hover(this.itemAt(this.stepOf(event))));
    this.canvas.addEventListener("pointerleave", () => this.hover(null));
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.audio.addEventListener("ended", () => player.ended(this));
  }

  show(data) {
    const sound = data.wav ?? data.awaits; // what is heard, or the name under which it comes later
    if (sound !== this.sound) {
      this.sound = sound;
      this.unload();
      if (data.wav) this.load(data);
      else if (newestSound()?.name === sound) this.load(newestSound());
    }
    const roll = JSON.stringify(data.roll);
    if (roll !== this.rollText) {
      this.rollText = roll;
      this.roll = data.roll;
      this.items = [...data.roll.notes, ...data.roll.rests].sort((a, b) => a.start - b.start);
      this.pinned = this.hovered = this.sounding = null;
    }
    this.title = data.title;
    this.stepSeconds = 60 / data.roll.bpm / data.roll.beat;
    this.element.querySelector(".title").textContent = data.title;
    this.element.querySelector(".total").textContent = `${signed(data.roll.total)} in all`;
  }

  load({ wav, synthesiser }) {
    this.synthesiser = synthesiser;
    const bytes = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
    this.url = URL.createObjectURL(new Blob([bytes], { type: "audio/wav" }));
    this.audio.src = this.url;
    this.ready = true;
  }

  unload() {
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load(); // without this the last sound would stay
    if (this.url) URL.revokeObjectURL(this.url);
    this.ready = false;
    this.synthesiser = "";
  }

  get step() {
    return Math.min(this.audio.currentTime / this.stepSeconds, this.roll.steps);
  }

  set step(step) {
    this.audio.currentTime = Math.max(0, Math.min(step, this.roll.steps)) * this.stepSeconds;
  }

  itemAt(step) {
    return this.items.find((item) => item.start <= step && step < item.start + item.length) ?? null;
  }

  stepOf(event) {
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    return Math.max(0, Math.min(Math.floor(this.plan.at(x)), this.roll.steps - 1));
  }

  hover(item) {
    if (item === this.hovered) return;
    this.hovered = item;
    this.draw();
  }

  pin(item) {
    this.pinned = item;
    this.draw();
  }

  click(event) {
    const step = this.stepOf(event);
    this.player.activate(this);
    this.player.seek(step);
    this.pin(this.itemAt(step));
  }

  key(event) {
    const move = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === " ") this.player.activate(this).toggle();
    else if (event.key === "Escape") this.pin(null);
    else if (move !== undefined) this.walk(move);
    else return;
    event.preventDefault();
  }

  // From note to note; the first press begins where the cursor is.
  walk(move) {
    const here = this.items.indexOf(this.pinned ?? this.itemAt(Math.floor(this.step)));
    const next = this.pinned || !Number.isFinite(move) ? here + move : here;
    const item = this.items[Math.max(0, Math.min(next, this.items.length - 1))];
    this.player.activate(this);
    this.player.seek(item.start);
    this.pin(item);
    this.scrollTo(item.start);
  }

  // After a change of size, theme or melody. The whole account comes first: it is the tallest, and sets the height.
  fit() {
    this.plan = layOut(this.roll, this.player.range, this.scroll.clientWidth);
    this.account.style.minHeight = "";
    fillAccount(this.account, null, this.roll);
    this.draw();
    this.follow(this.step);
  }

  draw() {
    const focus = this.hovered ?? this.pinned;
    this.paint();
    fillAccount(this.account, focus, this.roll, focus && focus === this.pinned ? () => this.pin(null) : null);
    const said = this.pinned ?? this.itemAt(Math.floor(this.step)) ?? this.items[0];
    const given = said.start + said.length <= this.roll.primer_steps;
    const aria = {
      label: `${this.title}: arrow keys go from note to note, space plays`,
      valuemin: 1,
      valuemax: this.items.length,
      valuenow: this.items.indexOf(said) + 1,
      valuetext: spoken(said, given, this.roll),
    };
    Object.entries(aria).forEach(([name, value]) => this.canvas.setAttribute(`aria-${name}`, value));
  }

  paint() {
    const marks = { focus: this.hovered ?? this.pinned, sounding: this.sounding };
    drawRoll(this.canvas, this.roll, this.player.range, this.plan, this.player.theme, marks);
  }

  // Called on every frame while the sound plays.
  follow(step, playing = false) {
    this.cursor.style.transform = `translateX(${this.plan.x(step)}px)`;
    if (playing) this.scrollTo(step);
    const sounding = playing && step < this.roll.steps ? this.itemAt(step) : null;
    if (sounding === this.sounding) return;
    this.sounding = sounding;
    this.paint();
  }

  scrollTo(step) {
    const [left, width, x] = [this.scroll.scrollLeft, this.scroll.clientWidth, this.plan.x(step)];
    if (x < left + GUTTER || x > left + width - 40) this.scroll.scrollLeft = x - GUTTER - width / 4;
  }
}
