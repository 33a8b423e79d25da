// A score, drawn by abcjs from ABC text. The script is loaded once a page, when a score is first shown.
// mount.js stands above this file in the same module.

const ROOM = 40; // pixels that abcjs leaves at the sides, and a scroll bar
const NARROW = 520; // pixels: where notes are smaller, so that more than a bar fits a line
const WRAP = { minSpacing: 1.6, maxSpacing: 2.8, preferredMeasuresPerLine: 4 };
let loading; // the script's promise

function abcjs(address) {
  loading ??= new Promise((resolve, reject) => {
    if (window.ABCJS) return resolve(window.ABCJS);
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(window.ABCJS);
    script.onerror = () => {
      loading = undefined; // the next score asks again
      reject(new Error(address));
    };
    document.head.append(script);
  });
  return loading;
}

class Score {
  constructor(parent) {
    this.element = parent.querySelector(".score");
    this.sheet = parent.querySelector(".sheet"); // abcjs sets its size
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.element);
  }

  async show(data) {
    this.data = data;
    this.name();
    this.element.style.height = `${data.height}px`; // the component's own root is as high as what it holds
    try {
      this.library = await abcjs(data.script);
    } catch {
      const told = document.createElement("p");
      told.textContent = data.missing;
      this.sheet.replaceChildren(told);
      this.drawn = undefined;
      return;
    }
    this.draw();
  }

  // Leaves a score that stands as it is, and where it was scrolled to: pages run every few seconds.
  draw() {
    const width = this.element.clientWidth;
    if (!this.library || !width || (width === this.width && this.data.abc === this.drawn)) return;
    [this.width, this.drawn] = [width, this.data.abc];
    const scale = width < NARROW ? 0.8 : 1;
    this.library.renderAbc(this.sheet, this.data.abc, {
      ariaLabel: "", // else it names itself, once
      foregroundColor: "currentColor",
      scale,
      staffwidth: width - ROOM,
      wrap: WRAP,
    });
    this.name();
  }

  name() {
    for (const one of [this.element, this.sheet.querySelector("svg")]) one?.setAttribute("aria-label", this.data.label);
  }

  close() {
    this.resized.disconnect();
  }
}

export default function ({ data, parentElement }) {
  const [score, leave] = mount(parentElement, (parent) => new Score(parent));
  score.show(data);
  return leave;
}
