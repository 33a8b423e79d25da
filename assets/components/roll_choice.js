// The buttons A, B, C and star of a player, each with a sketch of its melody.

const SVG = "http://www.w3.org/2000/svg";

class Choice {
  constructor(element, tracks, choose) {
    this.tracks = tracks;
    this.buttons = tracks.map((track) => this.button(track, choose));
    element.replaceChildren(...this.buttons);
  }

  button(track, choose) {
    const button = tag("button", "track");
    button.type = "button";
    button.setAttribute("role", "radio");
    button.dataset.letter = track.letter;
    button.dataset.testid = `roll-choose-${track.letter}`;
    button.addEventListener("click", () => choose(track));
    button.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!move) return;
      event.preventDefault();
      const there = this.tracks.filter((one) => one.roll);
      const next = there[(there.indexOf(track) + move + there.length) % there.length];
      choose(next);
      this.buttons[this.tracks.indexOf(next)].focus();
    });
    return button;
  }

  show(active) {
    this.tracks.forEach((track, i) => {
      const button = this.buttons[i];
      button.setAttribute("aria-checked", String(track === active));
      button.tabIndex = track === active ? 0 : -1;
      if (track.shown && track.shown !== button.shown) this.fill(button, track.shown);
    });
  }

  fill(button, shown) {
    button.shown = shown;
    const { letter, title, caption, absent, roll } = shown;
    button.disabled = !roll;
    button.title = roll ? caption : absent;
    button.setAttribute("aria-label", [`${letter} ${title}`, button.title].filter(Boolean).join(": "));
    button.replaceChildren(
      tag("span", "letter", letter),
      tag("span", "name", title),
      tag("span", "worth", roll ? signed(roll.total) : ""),
      roll ? sketch(roll) : tag("span", "reason", absent),
    );
  }
}

function sketch(roll) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "sketch");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("preserveAspectRatio", "none");
  const { low, high } = pitchRange([roll]);
  drawing.setAttribute("viewBox", `0 0 ${roll.steps} ${high - low + 1}`);
  roll.notes.forEach((note) => {
    const bar = document.createElementNS(SVG, "rect");
    const place = { x: note.start, y: high - note.pitch - 0.5, width: Math.max(note.length - 0.25, 0.5), height: 2 };
    Object.entries(place).forEach(([name, value]) => bar.setAttribute(name, value));
    drawing.append(bar);
  });
  return drawing;
}
