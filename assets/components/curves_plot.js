// One plot: a title, a legend that shows the values under the cursor, and lines on one or two axes.

const MARGIN = { side: 42, top: 4, bottom: 18 }; // the same for all plots, so that their times stand below each other
const SIDES = ["left", "right"];
const MARKS = 5; // of an axis, about
const CHANGES = 24; // moved sliders whose marks are made before they are needed

class Plot {
  constructor(curves, templates) {
    this.curves = curves;
    this.element = templates.plot.content.firstElementChild.cloneNode(true);
    const find = (selector) => this.element.querySelector(selector);
    [this.title, this.legend, this.frame, this.area] = [".title", ".legend", ".frame", ".area"].map(find);
    [this.grid, this.texts, this.changes, this.lines] = [".grid", ".texts", ".changes", ".lines"].map(find);
    [this.dots, this.cursor, this.moment, this.selection] = [".dots", ".cursor", ".moment", ".selection"].map(find);
    this.item = () => templates.series.content.firstElementChild.cloneNode(true);
    this.hidden = new Set(); // names of series
    this.frame.addEventListener("pointerdown", (event) => this.press(event));
    this.frame.addEventListener("pointermove", (event) => curves.point(this.fraction(event)));
    this.frame.addEventListener("pointerup", (event) => curves.release(this.fraction(event)));
    this.frame.addEventListener("pointercancel", () => curves.drop());
    this.frame.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && curves.leave());
    this.frame.addEventListener("dblclick", () => curves.zoomTo(null));
    this.legend.addEventListener("click", (event) => this.toggle(event.target.closest("button")));
  }

  press(event) {
    this.frame.setPointerCapture(event.pointerId);
    this.curves.press(this.fraction(event));
  }

  // Where the pointer is between the left and the right end of the lines.
  fraction(event) {
    const { left, width } = this.frame.getBoundingClientRect();
    const box = this.box(width);
    return Math.min(1, Math.max(0, (event.clientX - left - box.x) / box.width));
  }

  toggle(button) {
    if (!button) return;
    const name = button.querySelector(".name").textContent;
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.draw();
  }

  feed(plot) {
    this.plot = plot;
    write(this.title, plot.title);
    this.element.classList.toggle("many", plot.rows > 0);
    this.element.style.setProperty("--rows", plot.rows);
    const newest = plot.series.map((one) => `${one.name} ${shown(one.values.at(-1), one.percent)}`);
    this.frame.setAttribute("aria-label", `${plot.title} over ${this.curves.unit === "s" ? "learning seconds" : this.curves.unit}. Newest: ${newest.join(", ")}`);
    this.draw();
  }

  get visible() {
    return this.plot.series.filter((one) => !this.hidden.has(one.name));
  }

  box(width) {
    const height = this.frame.clientHeight - MARGIN.top - MARGIN.bottom;
    return { x: MARGIN.side, y: MARGIN.top, width: width - 2 * MARGIN.side, height };
  }

  draw() {
    const width = this.frame.clientWidth;
    if (!width) return; // in a tab or a pane that is not shown
    const box = this.box(width);
    place(this.area, box);
    const [from, to] = this.curves.span;
    this.x = (second) => ((second - from) / (to - from)) * box.width;
    this.y = {};
    const moments = box.width / 60; // about
    const texts = ticks(from, to, moments).map((second) => ({
      text: `${rounded(second)} ${this.curves.unit}`, x: box.x + this.x(second), y: box.y + box.height + 14, "text-anchor": "middle",
    }));
    const rules = [];
    for (const side of SIDES.filter((each) => this.plot[each])) this.drawAxis(side, box, texts, rules);
    fill(this.grid, rules, MARKS + 1, shape("line"), place);
    fill(this.texts, texts, moments + 1 + SIDES.length * (MARKS + 1), words, (node, { text, ...attributes }) => {
      place(node, attributes);
      write(node, text);
    });
    fill(this.changes, this.curves.changes, CHANGES, shape("line"), (node, second) =>
      place(node, { x1: this.x(second), x2: this.x(second), y1: 0, y2: box.height }),
    );
    this.drawLines();
    this.point();
  }

  drawAxis(side, box, texts, rules) {
    const [start, end] = this.curves.shownIndices;
    const series = this.visible.filter((one) => one.right === (side === "right"));
    const values = series.flatMap((one) => one.values.slice(start, end).filter((value) => value !== null));
    const axis = this.plot[side];
    const [low, high] = extent(values, axis);
    this.y[side] = (value) => box.height * (1 - (value - low) / (high - low));
    if (!values.length && axis.to === null) return; // nothing to measure yet
    for (const tick of ticks(low, high, MARKS)) {
      const y = box.y + this.y[side](tick);
      const x = side === "left" ? box.x - 5 : box.x + box.width + 5;
      texts.push({ text: rounded(tick, axis.percent), x, y: y + 4, "text-anchor": side === "left" ? "end" : "start" });
      if (side === "left") rules.push({ x1: box.x, x2: box.x + box.width, y1: y, y2: y });
    }
  }

  height(one, value) {
    return value === null ? null : this.y[one.right ? "right" : "left"](value);
  }

  drawLines() {
    const xs = this.curves.seconds.map(this.x);
    fill(this.lines, this.plot.series, 0, shape("path"), (node, one) => {
      const d = this.hidden.has(one.name) ? "" : path(xs, one.values.map((value) => this.height(one, value)));
      place(node, { d, stroke: one.colour, "stroke-dasharray": one.dash });
    });
  }

  // Cursor, selection and the legend's values: what changes when only the pointer moves.
  point() {
    const { index, selection, seconds } = this.curves;
    const here = index === null ? null : seconds[index];
    fill(this.legend, this.plot.series, 0, this.item, (node, one) => {
      place(node.querySelector("line"), { stroke: one.colour, "stroke-dasharray": one.dash });
      place(node.querySelector("button"), { "aria-pressed": !this.hidden.has(one.name) });
      write(node.querySelector(".name"), one.name);
      write(node.querySelector(".value"), shown(one.values[index ?? one.values.length - 1], one.percent));
    });
    const x = here === null ? -10 : this.x(here);
    place(this.cursor, { x1: x, x2: x });
    const late = x > this.area.width.baseVal.value / 2;
    place(this.moment, { x: late ? x - 6 : x + 6, "text-anchor": late ? "end" : "start" });
    write(this.moment, here === null ? "" : `${here.toFixed(0)} ${this.curves.unit}`);
    const marked = here === null ? [] : this.visible.filter((one) => one.values[index] !== null);
    fill(this.dots, marked, this.plot.series.length, shape("circle"), (node, one) =>
      place(node, { cx: x, cy: this.height(one, one.values[index]), r: 3.5, fill: one.colour }),
    );
    const [left, right] = selection ? selection.map(this.x) : [0, 0];
    place(this.selection, { x: Math.min(left, right), width: Math.abs(right - left) });
  }
}
