// Tells the page what is being typed into a field, a moment after each letter and before the field commits it. Draws
// nothing.

const PAUSE = 250; // milliseconds
const ears = new WeakMap(); // the element a component lives in -> its ear

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

// Called again whenever the page re-runs. Only the newest call may close it: see piano_roll.js.
export default function ({ data, parentElement, setTriggerValue }) {
  const ear = ears.get(parentElement) ?? new Ear();
  ears.set(parentElement, ear);
  ear.field = data.field;
  ear.tell = (typed) => setTriggerValue("typed", typed);
  const call = (ear.call = {});
  return () => {
    if (ear.call !== call) return;
    ear.close();
    ears.delete(parentElement);
  };
}
