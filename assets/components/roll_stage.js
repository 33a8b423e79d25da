// What is seen of the melody that is chosen: its roll on a canvas, the place in the music, and the account.

class Stage {
  constructor(player, element) {
    this.player = player;
    const find = (selector) => element.querySelector(selector);
    [this.canvas, this.cursor, this.account, this.scroll] = [".stage canvas", ".cursor", ".account", ".scroll"].map(find);
    this.pinned = this.hovered = this.sounding = null;
    this.canvas.addEventListener("pointermove", (event) => this.hover(this.itemAt(this.stepOf(event))));
    this.canvas.addEventListener("pointerleave", () => this.hover(null));
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  show(track) {
    if (track.items !== this.items) this.pinned = this.hovered = this.sounding = null;
    [this.track, this.items, this.roll] = [track, track.items, track.roll];
    this.cursor.hidden = !this.roll;
    this.canvas.dataset.track = track.letter;
    this.fit();
  }

  itemAt(step) {
    return this.items.find((item) => item.start <= step && step < item.start + item.length) ?? null;
  }

  stepOf(event) {
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    return Math.max(0, Math.min(Math.floor(this.plan.at(x)), this.plan.steps - 1));
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
    if (!this.roll) return;
    const step = this.stepOf(event);
    this.player.seek(step);
    this.pin(this.itemAt(step));
  }

  key(event) {
    const move = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!this.roll) return;
    if (event.key === "Escape") this.pin(null);
    else if (move !== undefined) this.walk(move);
    else return;
    event.preventDefault();
  }

  // From note to note; the first press begins where the cursor is.
  walk(move) {
    const here = this.items.indexOf(this.pinned ?? this.itemAt(Math.floor(this.player.place)));
    const next = this.pinned || !Number.isFinite(move) ? here + move : here;
    const item = this.items[Math.max(0, Math.min(next, this.items.length - 1))];
    this.player.seek(item.start);
    this.pin(item);
    this.scrollTo(item.start);
  }

  // After a change of size, theme or melody.
  fit() {
    this.plan = layOut(this.roll, this.player.range, this.scroll.clientWidth);
    this.draw();
    this.follow(this.player.place);
  }

  draw() {
    const focus = this.hovered ?? this.pinned;
    this.paint();
    if (this.roll) fillAccount(this.account, focus, this.roll, focus && focus === this.pinned ? () => this.pin(null) : null);
    else this.account.replaceChildren(tag("p", "none", this.track.shown?.absent ?? ""));
    Object.entries(this.aria()).forEach(([name, value]) => this.canvas.setAttribute(`aria-${name}`, value));
  }

  aria() {
    const title = this.track.shown?.title ?? "Melody";
    if (!this.roll) return { label: `${title}: none yet`, valuemin: 0, valuemax: 0, valuenow: 0, valuetext: "none yet" };
    const said = this.pinned ?? this.itemAt(Math.floor(this.player.place)) ?? this.items[0];
    return {
      label: `${title}: arrow keys go from note to note, space plays`,
      valuemin: 1,
      valuemax: this.items.length,
      valuenow: this.items.indexOf(said) + 1,
      valuetext: spoken(said, said.start + said.length <= this.roll.primer_steps, this.roll),
    };
  }

  paint() {
    const marks = { focus: this.hovered ?? this.pinned, sounding: this.sounding };
    drawRoll(this.canvas, this.roll, this.player.range, this.plan, this.player.theme, marks);
  }

  // Called on every frame while the sound plays.
  follow(step, playing = false) {
    this.cursor.style.transform = `translateX(${this.plan.x(Math.min(step, this.plan.steps))}px)`;
    if (playing) this.scrollTo(step);
    const sounding = playing ? this.itemAt(step) : null;
    if (sounding === this.sounding) return;
    this.sounding = sounding;
    this.paint();
  }

  scrollTo(step) {
    const [left, width, x] = [this.scroll.scrollLeft, this.scroll.clientWidth, this.plan.x(step)];
    if (x < left + GUTTER || x > left + width - 40) this.scroll.scrollLeft = x - GUTTER - width / 4;
  }
}
