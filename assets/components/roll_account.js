// What a note, a rest or the whole melody was paid, term by term, in words.

// Sixteenths -> what such a note is called.
const LENGTHS = {
  1: "a sixteenth", 2: "an eighth", 3: "a dotted eighth", 4: "a quarter", 6: "a dotted quarter",
  8: "a half", 12: "a dotted half", 16: "a whole",
};
const PARTS = { 0: "", 0.25: "\u00bc", 0.5: "\u00bd", 0.75: "\u00be" };

function tag(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function itemName(item) {
  return item.name ?? "Rest";
}

function itemPlace(item, roll) {
  const bar = Math.floor(item.start / roll.bar) + 1;
  const beats = (item.start % roll.bar) / roll.beat;
  const part = PARTS[beats % 1] ?? `.${Math.floor(10 * (beats % 1))}`;
  const beat = Math.floor(beats) + 1 + part;
  const kind = item.name ? "note" : "rest";
  const sixteenths = (item.length * 4) / roll.beat;
  const length = LENGTHS[sixteenths] ? `${LENGTHS[sixteenths]} ${kind}` : `${+sixteenths.toFixed(1)} sixteenths`;
  return `bar ${bar}, beat ${beat} \u00b7 ${length}`;
}

function paidTerms(paid) {
  return Object.entries(paid)
    .filter(([, value]) => Math.abs(value) >= 0.005)
    .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
}

// One line for a screen reader.
function spoken(item, given, roll) {
  if (given) return `${itemName(item)}, ${itemPlace(item, roll)}, your beginning`;
  const terms = paidTerms(item.paid).map(([label, value]) => `${label} ${signed(value)}`);
  return [`${itemName(item)}, ${itemPlace(item, roll)}, total ${signed(item.total)}`, ...terms].join("; ");
}

function fillAccount(card, item, roll, onWhole) {
  const given = item && item.start + item.length <= roll.primer_steps;
  const head = tag("div", "what");
  head.append(tag("b", "", item ? itemName(item) : "Whole melody"));
  head.append(tag("span", "where", item ? itemPlace(item, roll) : "choose a note to see its own account"));
  if (item && onWhole) {
    const back = tag("button", "whole", "whole melody");
    back.type = "button";
    back.addEventListener("click", onWhole);
    head.append(back);
  }
  const account = item ?? roll;
  head.append(tag("span", "sum", given ? "" : signed(account.total)));
  const terms = paidTerms(account.paid);
  let body = tag("p", "none", given ? "Your own beginning is not judged." : "No term paid or cost anything here.");
  if (terms.length && !given) {
    const most = Math.abs(terms[0][1]);
    body = tag("ul");
    body.append(...terms.map(([label, value]) => accountRow(label, value, most)));
  }
  card.replaceChildren(head, body);
}

function accountRow(label, value, most) {
  const row = tag("li");
  const name = tag("span", "term", label);
  name.title = label;
  const bar = tag("span", "bar");
  const fill = tag("i", value < 0 ? "cost" : "gain");
  fill.style.width = `${(100 * Math.abs(value)) / most}%`;
  bar.append(fill);
  row.append(name, bar, tag("span", "worth", signed(value)));
  return row;
}
