// The sections of a document: the one that is being read is marked, and a link from elsewhere leads to its section.

const WIDE = matchMedia("(min-width: 1000px)");
const WIDE_PARTS = ".katex-display, [data-testid=stMarkdownContainer]:has(> table)";
const FONTS = ["1em KaTeX_Main", "italic 1em KaTeX_Math", "1em KaTeX_Size1", "1em KaTeX_Size2"]; // of formulas
const READ_FROM = 120; // a section is being read once its heading is so near the top of the window, in pixels
const SCROLLED_BY_HAND = ["wheel", "touchmove", "keydown", "pointerdown"];

function draw(nav, sections) {
  const list = document.createElement("ol");
  list.append(
    ...sections.map(([title, anchor]) => {
      const link = Object.assign(document.createElement("a"), { href: `#${anchor}`, textContent: title });
      const item = document.createElement("li");
      item.append(link);
      return item;
    }),
  );
  const summary = Object.assign(document.createElement("summary"), { textContent: "On this page" });
  const details = document.createElement("details");
  details.open = WIDE.matches;
  details.append(summary, list);
  nav.setAttribute("aria-label", "On this page");
  nav.replaceChildren(details);
  return details;
}

function mark(nav) {
  const links = [...nav.querySelectorAll("a")];
  const passed = links.filter((link) => {
    const heading = document.getElementById(link.hash.slice(1));
    return heading && heading.getBoundingClientRect().top < READ_FROM;
  });
  const current = passed.at(-1) ?? links[0];
  if (current.hasAttribute("aria-current")) return;
  links.forEach((link) => link.removeAttribute("aria-current"));
  current.setAttribute("aria-current", "true");
  const list = current.closest("ol");
  const below = current.offsetTop - list.offsetTop - list.scrollTop;
  if (below < 0 || below > list.clientHeight - current.clientHeight) list.scrollTop += below - list.clientHeight / 2;
}

// What is wider than its place scrolls inside it: then the keyboard must reach it, and be told what it is.
function reach(article) {
  for (const box of article.querySelectorAll(WIDE_PARTS)) {
    const more = { tabindex: "0", role: "group", "aria-label": box.matches(".katex-display") ? "Formula" : "Table" };
    const change = box.scrollWidth > box.clientWidth ? "setAttribute" : "removeAttribute";
    Object.entries(more).forEach(([name, value]) => box[change](name, value));
  }
}

async function showWithFonts(article) {
  await Promise.all(FONTS.map((font) => document.fonts.load(font)));
  article.dataset.ready = "";
}

export default function ({ data, parentElement }) {
  const nav = parentElement.querySelector("nav");
  const details = draw(nav, data);
  const whole = document.querySelector(".st-key-document");
  const turn = () => (details.open = WIDE.matches);
  const scrolled = () => requestAnimationFrame(() => mark(nav));
  let linked = location.hash.slice(1); // what stands above it may still grow: go there again until somebody scrolls
  const moved = () => (linked = "");
  const settled = new ResizeObserver(() => {
    const article = whole.querySelector(".st-key-article");
    if (!article) return; // it is drawn after its contents, on a busy server a while after
    if (linked) document.getElementById(decodeURIComponent(linked))?.scrollIntoView();
    reach(article);
    mark(nav);
    if (article.querySelector(":scope > :first-child .katex")) showWithFonts(article);
  });
  settled.observe(whole);
  WIDE.addEventListener("change", turn);
  document.addEventListener("scroll", scrolled, { capture: true, passive: true });
  SCROLLED_BY_HAND.forEach((kind) => document.addEventListener(kind, moved, { passive: true }));
  mark(nav);
  return () => {
    settled.disconnect();
    WIDE.removeEventListener("change", turn);
    document.removeEventListener("scroll", scrolled, { capture: true });
    SCROLLED_BY_HAND.forEach((kind) => document.removeEventListener(kind, moved));
  };
}
