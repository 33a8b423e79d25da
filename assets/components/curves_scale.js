// Numbers and nodes of a plot. Nothing here knows what is drawn.

const SVG = "http://www.w3.org/2000/svg";

// Round numbers between low and high, about `most` of them, and never more than one above it.
function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((multiple) => multiple * power >= rough * 0.999);
  const [first, last] = [Math.ceil(low / step - 1e-6), Math.floor(high / step + 1e-6)];
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

// The lowest and highest of some numbers with a little room; a fixed end stays where it is.
function extent(values, { from_zero: fromZero, to }) {
  const low = Math.min(...values, ...(fromZero ? [0] : []));
  const high = Math.max(...values, ...(to === null ? [] : [to]));
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, to ?? 1];
  const room = 0.06 * (high - low) || 0.5;
  return [fromZero && low === 0 ? 0 : low - room, high + room];
}

// The place of the number nearest to x; the numbers rise.
function nearest(numbers, x) {
  let [low, high] = [0, numbers.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= x) low = middle;
    else high = middle;
  }
  return high < 0 || x - numbers[low] <= numbers[high] - x ? low : high;
}

// A path through the points that have a height; one by itself is a dot.
function path(xs, ys) {
  let pen = "M";
  const alone = (i) => (ys[i - 1] ?? null) === null && (ys[i + 1] ?? null) === null;
  return ys
    .map((y, i) => {
      const here = y === null ? "" : `${pen}${xs[i].toFixed(1)} ${y.toFixed(1)}${alone(i) ? "h0" : ""}`;
      pen = y === null ? "M" : "L";
      return here;
    })
    .join("");
}

function shown(value, percent) {
  if (value === null || value === undefined) return "–";
  if (percent) return `${(100 * value).toFixed(0)} %`;
  const size = Math.abs(value);
  const text = value.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : 2);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

// Words of an axis: as few digits as it needs.
function rounded(value, percent) {
  return percent ? `${Math.round(100 * value)} %` : String(Number(value.toPrecision(6)));
}

// One child of the group for each item, of `most` that there can be. Children that are not needed are hidden, not
// removed, and made before they are needed: a plot that is fed keeps its nodes.
function fill(group, items, most, make, set) {
  while (group.children.length < Math.max(items.length, most)) group.append(make());
  items.forEach((item, i) => {
    const node = group.children[i];
    node.style.display = "";
    set(node, item, i);
  });
  [...group.children].slice(items.length).forEach((node) => (node.style.display = "none"));
}

const shape = (tag) => () => document.createElementNS(SVG, tag);

// A text with its node for letters, which `write` fills.
function words() {
  const node = shape("text")();
  node.append("");
  return node;
}

function place(node, attributes) {
  Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
}

// Another text in the same text node.
function write(node, text) {
  if (!node.firstChild) node.append(text);
  else if (node.firstChild.data !== text) node.firstChild.data = text;
}
