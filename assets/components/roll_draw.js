// Drawing a roll on a canvas. All lengths are CSS pixels; times are sixteenths.

const GUTTER = 34;
const TOP = 18;
const REST_LANE = 16;
const LANES = 250; // the height of all pitches, whatever their number: nothing below moves when another melody comes
const EMPTY_STEPS = 32;
const MIN_STEP = 9;
const BLACK_KEYS = new Set([1, 3, 6, 8, 10]);
const PITCH_NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

// Orange and blue stay apart for every common kind of colour blindness; the sign is also written on the note.
const LIGHT = { cost: "#c2410c", neutral: "#d3d8e0", gain: "#0b62b8" };
const DARK = { cost: "#ff9a56", neutral: "#515866", gain: "#66b2f5" };

function channels(colour) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function inkOn(rgb) {
  return luminance(rgb) > 0.2 ? "#10141c" : "#ffffff";
}

// The page's own colours; a canvas cannot use CSS variables by itself.
function readTheme(element) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const ground = channels(read("--st-background-color", "#ffffff"));
  const ends = luminance(ground) < 0.2 ? DARK : LIGHT;
  return {
    ...ends,
    keys: ends === DARK ? { white: "#a9b0b9", black: "#2b3138" } : { white: "#ffffff", black: "#5b626d" },
    rgb: { cost: channels(ends.cost), neutral: channels(ends.neutral), gain: channels(ends.gain) },
    text: channels(read("--st-text-color", "#222222")),
    // An icon needs less contrast than a label, and white is what the page's own buttons use.
    onPrimary: luminance(channels(read("--st-primary-color", "#ff4b4b"))) > 0.4 ? "#10141c" : "#ffffff",
    font: read("--st-font", "sans-serif"),
  };
}

// A fixed scale, so that a colour keeps its meaning between melodies: 3 is half way, 27 is nine tenths.
function payColour(theme, total) {
  const share = Math.abs(total) / (Math.abs(total) + 3);
  const end = total < 0 ? theme.rgb.cost : theme.rgb.gain;
  return theme.rgb.neutral.map((from, i) => Math.round(from + (end[i] - from) * share));
}

function signed(value) {
  const digits = Math.abs(value) >= 99.95 ? 0 : 1;
  const size = Math.abs(value).toFixed(digits);
  return Number(size) === 0 ? size : (value < 0 ? "\u2212" : "+") + size;
}

function pitchRange(rolls) {
  const pitches = rolls.flatMap((roll) => roll.notes.map((note) => note.pitch));
  let low = pitches.length ? Math.min(...pitches) - 2 : 58;
  let high = pitches.length ? Math.max(...pitches) + 2 : 74;
  while (high - low < 16) high - low < 15 ? ((low -= 1), (high += 1)) : (high += 1);
  return { low, high };
}

// The range before it, while it fits well: pitches keep their place on the screen.
function steadyRange(before, rolls) {
  const wanted = pitchRange(rolls);
  const fits = before.low <= wanted.low && wanted.high <= before.high;
  return fits && before.high - before.low <= wanted.high - wanted.low + 6 ? before : wanted;
}

function layOut(roll, range, available) {
  const steps = roll?.steps ?? EMPTY_STEPS;
  const row = LANES / (range.high - range.low + 1);
  const step = Math.max(MIN_STEP, (available - GUTTER - 4) / steps);
  const bottom = TOP + LANES;
  return {
    row,
    step,
    steps,
    bottom,
    width: Math.floor(GUTTER + step * steps + 4),
    height: bottom + REST_LANE,
    x: (at) => GUTTER + at * step,
    y: (pitch) => TOP + (range.high - pitch) * row,
    at: (x) => (x - GUTTER) / step,
  };
}

function drawRoll(canvas, roll, range, plan, theme, marks) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(plan.width * scale);
  canvas.height = Math.round(plan.height * scale);
  canvas.style.width = `${plan.width}px`;
  canvas.style.height = `${plan.height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.textBaseline = "middle";
  const ink = (strength) => `rgb(${theme.text.join(" ")} / ${strength})`;
  drawLanes(pen, range, plan, theme, ink);
  if (!roll) return;
  drawPrimer(pen, roll, plan, theme, ink);
  drawTime(pen, roll, plan, theme, ink);
  roll.rests.forEach((rest) => drawRest(pen, rest, plan, theme, marks, ink));
  roll.notes.forEach((note) => drawNote(pen, note, roll, plan, theme, marks, ink));
}

function drawLanes(pen, range, plan, theme, ink) {
  for (let pitch = range.low; pitch <= range.high; pitch += 1) {
    const y = plan.y(pitch);
    const black = BLACK_KEYS.has(pitch % 12);
    if (black) {
      pen.fillStyle = ink(0.055);
      pen.fillRect(GUTTER, y, plan.width - GUTTER, plan.row);
    }
    pen.fillStyle = theme.keys.white;
    pen.fillRect(0, y, GUTTER - 3, plan.row);
    pen.fillStyle = theme.keys.black;
    if (black) pen.fillRect(0, y, GUTTER - 17, plan.row);
    else if (pitch % 12 === 0 || pitch % 12 === 5) pen.fillRect(0, y + plan.row - 0.5, GUTTER - 3, 1);
    if (pitch % 12 === 0) {
      pen.fillStyle = ink(0.18);
      pen.fillRect(GUTTER, y + plan.row - 0.5, plan.width - GUTTER, 1);
      pen.font = `600 10px ${theme.font}`;
      pen.fillStyle = "#20252c";
      pen.textAlign = "right";
      pen.fillText(`C${pitch / 12 - 1}`, GUTTER - 5, y + plan.row / 2 + 0.5);
    }
  }
}

function drawPrimer(pen, roll, plan, theme, ink) {
  if (!roll.primer_steps) return;
  const right = plan.x(roll.primer_steps);
  pen.fillStyle = ink(0.08);
  pen.fillRect(GUTTER, TOP, right - GUTTER, plan.height - TOP);
  pen.save();
  pen.beginPath();
  pen.rect(GUTTER, TOP, right - GUTTER, plan.height - TOP);
  pen.clip();
  pen.strokeStyle = ink(0.08);
  pen.beginPath();
  for (let x = GUTTER - plan.height; x < right; x += 9) {
    pen.moveTo(x, plan.height);
    pen.lineTo(x + plan.height, 0);
  }
  pen.stroke();
  pen.restore();
  pen.font = `11px ${theme.font}`;
  pen.textAlign = "left";
  const label = "your beginning";
  if (pen.measureText(label).width < right - GUTTER - 30) {
    pen.fillStyle = ink(0.8);
    pen.fillText(label, GUTTER + 22, TOP / 2 + 1);
  }
}

function drawTime(pen, roll, plan, theme, ink) {
  pen.font = `11px ${theme.font}`;
  pen.textAlign = "left";
  for (let step = 0; step <= roll.steps; step += roll.beat) {
    const bar = step % roll.bar === 0;
    pen.fillStyle = ink(bar ? 0.42 : 0.13);
    pen.fillRect(plan.x(step) - 0.5, bar ? 3 : TOP, 1, plan.height);
    if (bar && step < roll.steps) {
      pen.fillStyle = ink(0.8);
      pen.fillText(String(step / roll.bar + 1), plan.x(step) + 8, TOP / 2 + 1);
    }
  }
  pen.fillStyle = ink(0.3);
  pen.fillRect(0, plan.bottom, plan.width, 1);
  pen.font = `10px ${theme.font}`;
  pen.textAlign = "right";
  pen.fillStyle = ink(0.8);
  pen.fillText("rest", GUTTER - 7, plan.bottom + REST_LANE / 2 + 1);
}

function box(pen, x, y, width, height, radius) {
  pen.beginPath();
  pen.roundRect(x, y, width, height, Math.min(radius, width / 2));
}

function outline(pen, item, marks, ink, strength) {
  const chosen = item === marks.focus;
  pen.lineWidth = chosen || item === marks.sounding ? 2 : 1;
  pen.strokeStyle = ink(chosen || item === marks.sounding ? 1 : strength);
  pen.stroke();
}

function drawRest(pen, rest, plan, theme, marks, ink) {
  const rgb = payColour(theme, rest.total);
  box(pen, plan.x(rest.start) + 1, plan.bottom + 4, rest.length * plan.step - 2, REST_LANE - 7, 3);
  pen.fillStyle = `rgb(${rgb.join(" ")})`;
  pen.fill();
  outline(pen, rest, marks, ink, 0.3);
}

function drawNote(pen, note, roll, plan, theme, marks, ink) {
  const given = note.start + note.length <= roll.primer_steps;
  const rgb = payColour(theme, given ? 0 : note.total);
  const [x, y, width] = [plan.x(note.start) + 0.5, plan.y(note.pitch), note.length * plan.step - 1];
  if (note === marks.sounding) {
    pen.fillStyle = ink(0.1);
    pen.fillRect(plan.x(note.start), TOP, note.length * plan.step, plan.bottom - TOP);
  }
  box(pen, x, y - 0.5, width, plan.row + 1, 3.5);
  pen.fillStyle = `rgb(${rgb.join(" ")})`;
  pen.fill();
  outline(pen, note, marks, ink, 0.4);

  const size = Math.min(11, Math.floor(plan.row));
  if (size < 9) return; // too small to read
  const middle = y + plan.row / 2 + 0.5;
  pen.fillStyle = inkOn(rgb);
  pen.font = `600 ${size}px ${theme.font}`;
  const nameWidth = pen.measureText(note.name).width;
  if (nameWidth + 6 > width) return;
  pen.textAlign = "left";
  pen.fillText(note.name, x + 4, middle);
  pen.font = `${size}px ${theme.font}`;
  const worth = given ? "" : signed(note.total);
  if (nameWidth + pen.measureText(worth).width + 13 > width) return;
  pen.textAlign = "right";
  pen.fillText(worth, x + width - 4, middle);
}
