// The curves of a run: plots below each other that share time, zoom and cursor. They are fed, not drawn anew.
// mount.js, curves_scale.js and curves_plot.js stand above this file in the same module.

const LEAST = 0.02; // of the width: a shorter drag is a click

class Curves {
  constructor(parent) {
    this.element = parent.querySelector(".curves");
    const [plot, series] = [".plot-template", ".series-template"].map((each) => parent.querySelector(each));
    this.templates = { plot, series };
    this.holder = this.element.querySelector(".plots");
    this.spoken = this.element.querySelector(".spoken");
    this.plots = [];
    this.clear();
    this.element.querySelector(".all").addEventListener("click", () => this.zoomTo(null));
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.holder);
  }

  clear() {
    this.zoom = null; // [from, to] in seconds
    this.moment = null; // the second under the cursor
    this.pointer = null; // where the pointer rests, as a share of the width
    this.selection = null; // [from, to] while it is dragged
  }

  feed(data) {
    if (data.run !== this.run) this.clear();
    Object.assign(this, { run: data.run, seconds: data.seconds, changes: data.changes, until: data.until, unit: data.unit });
    if (this.pointer !== null) this.moment = this.second(this.pointer);
    while (this.plots.length < data.plots.length) {
      this.plots.push(new Plot(this, this.templates));
      this.holder.append(this.plots.at(-1).element);
    }
    this.element.classList.toggle("zoomed", this.zoom !== null);
    data.plots.forEach((plot, i) => this.plots[i].feed(plot));
  }

  draw() {
    this.element.classList.toggle("zoomed", this.zoom !== null);
    this.plots.forEach((plot) => plot.draw());
  }

  get span() {
    return this.zoom ?? [0, this.until];
  }

  // The points that can be seen, from one to before another, with a neighbour on each side.
  get shownIndices() {
    const [from, to] = this.span.map((second) => nearest(this.seconds, second));
    return [Math.max(0, from - 1), to + 2];
  }

  get index() {
    return this.moment === null || !this.seconds.length ? null : nearest(this.seconds, this.moment);
  }

  second(fraction) {
    const [from, to] = this.span;
    return from + fraction * (to - from);
  }

  // ---------------------------------------------------------------- pointer

  press(fraction) {
    this.selection = [this.second(fraction), this.second(fraction)];
    this.point(fraction);
  }

  point(fraction) {
    this.pointer = fraction;
    this.moment = this.second(fraction);
    if (this.selection) this.selection[1] = this.moment;
    this.plots.forEach((plot) => plot.point());
  }

  release(fraction) {
    if (!this.selection) return;
    const [from, to] = [this.selection[0], this.second(fraction)].sort((a, b) => a - b);
    const [first, last] = this.span;
    this.selection = null;
    if (to - from > LEAST * (last - first)) this.zoomTo([from, to]);
  }

  // The browser takes the gesture for itself, to scroll.
  drop() {
    this.selection = null;
    this.leave();
  }

  leave() {
    if (this.selection) return; // a drag may leave the plot
    this.pointer = this.moment = null;
    this.plots.forEach((plot) => plot.point());
  }

  zoomTo(zoom) {
    this.zoom = zoom;
    if (this.pointer !== null) this.moment = this.second(this.pointer);
    this.draw();
  }

  // ---------------------------------------------------------------- keyboard

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
    if (event.key in steps && this.seconds.length) this.step(steps[event.key]);
    else if (event.key === "+" || event.key === "-") this.zoomBy(event.key === "+" ? 0.5 : 2);
    else if (event.key === "Escape") {
      this.clear();
      this.draw();
    } else return;
    event.preventDefault();
  }

  step(by) {
    const last = this.seconds.length - 1;
    const index = Math.min(last, Math.max(0, (this.index ?? last) + by));
    this.pointer = null;
    this.moment = this.seconds[index];
    this.plots.forEach((plot) => plot.point());
    const values = this.plots.flatMap((plot) =>
      plot.visible.map((one) => `${one.name} ${shown(one.values[index], one.percent)}`),
    );
    write(this.spoken, `${this.moment.toFixed(0)} ${this.unit}: ${values.join(", ")}`);
  }

  zoomBy(factor) {
    const [from, to] = this.span;
    const [middle, half] = [this.moment ?? (from + to) / 2, ((to - from) * factor) / 2];
    const zoom = [Math.max(0, middle - half), Math.min(this.until, middle + half)];
    this.zoomTo(zoom[1] - zoom[0] < this.until ? zoom : null);
  }

  close() {
    this.resized.disconnect();
  }
}

export default function ({ data, parentElement }) {
  const [curves, leave] = mount(parentElement, (parent) => new Curves(parent));
  curves.feed(data);
  return leave;
}
