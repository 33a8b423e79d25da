// Tells the page what is being typed into a field, a moment after each letter and before the field commits it. Draws
// nothing. mount.js stands above this file in the same module.

const PAUSE = 250; // milliseconds

class Ear {
  constructor() {
    this.typing = (event) => {
      if (!this.hears(event)) return;
      this.wait();
      const text = event.target.value;
      this.timer = setTimeout(() => this.tell({ text }), PAUSE);
    };
    this.leaving = (event) => this.hears(event) && this.wait(); // the page is told anyway
    document.addEventListener("input", this.typing);
    document.addEventListener("focusout", this.leaving);
  }

  hears(event) {
    return event.target.closest?.(`.st-key-${this.field}`);
  }

  wait() {
    clearTimeout(this.timer);
  }

  close() {
    this.wait();
    document.removeEventListener("input", this.typing);
    document.removeEventListener("focusout", this.leaving);
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const [ear, leave] = mount(parentElement, () => new Ear());
  ear.field = data.field;
  ear.tell = (typed) => setTriggerValue("typed", typed);
  return leave;
}
