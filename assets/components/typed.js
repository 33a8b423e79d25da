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
    this.committing = (event) => this.hears(event) && commits(event) && this.wait(); // the page is told anyway
    document.addEventListener("input", this.typing);
    document.addEventListener("keydown", this.committing);
    document.addEventListener("focusout", this.committing);
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
    document.removeEventListener("keydown", this.committing);
    document.removeEventListener("focusout", this.committing);
  }
}

// Whether a field commits its text by an event: when it is left, at Enter, and one of several lines at Ctrl+Enter.
function commits(event) {
  const { type, key, target, ctrlKey, metaKey } = event;
  return type === "focusout" || (key === "Enter" && (target.tagName === "INPUT" || ctrlKey || metaKey));
}

export default function ({ data, parentElement, setTriggerValue }) {
  const [ear, leave] = mount(parentElement, () => new Ear());
  ear.field = data.field;
  ear.tell = (typed) => setTriggerValue("typed", typed);
  return leave;
}
