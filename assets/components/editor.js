// The structure editor of OpenChemLib, which this very app serves. What is drawn goes to the page with every stroke.
// mount.js stands above this file in the same module.

const loaded = {}; // address -> the library, fetched once a page

function library(address) {
  return (loaded[address] ??= import(new URL(address, document.baseURI)));
}

function isDark(element) {
  const [red, green, blue] = getComputedStyle(element).color.match(/\d+/g).map(Number); // of text
  return red + green + blue > 382;
}

// What is drawn as SMILES, or as SMARTS where it asks for what only a pattern can say.
function written(molecule) {
  const plain = molecule.getCompactCopy();
  const asks = plain.removeQueryFeatures();
  if (!asks) plain.setFragment(false);
  const text = asks ? molecule.toIsomericSmiles({ createSmarts: true }) : plain.toIsomericSmiles();
  return text.replaceAll("[?]", "*"); // an atom of any kind
}

class Editor {
  constructor(parent, data) {
    this.frame = parent.querySelector(".editor");
    this.frame.classList.toggle("dark", isDark(this.frame));
    // letters change the atom under the pointer, and are no shortcuts of the page meanwhile
    this.frame.addEventListener("keydown", (event) => event.key.length === 1 && event.stopPropagation());
    this.open(data);
  }

  async open({ script, smiles, drawn, pattern }) {
    try {
      const { CanvasEditor, Molecule } = await library(script);
      if (this.closed) return;
      this.frame.replaceChildren();
      this.canvas = new CanvasEditor(this.frame, { initialFragment: pattern });
      const paper = this.frame.firstElementChild;
      paper.setAttribute("role", "application");
      paper.setAttribute("aria-label", "Structure editor, for the mouse or a finger. By keyboard, close it and type into its field.");
      if (drawn?.code || smiles) {
        const molecule = drawn?.code ? Molecule.fromIDCode(...drawn.code) : Molecule.fromSmiles(smiles);
        molecule.setFragment(pattern);
        this.canvas.setMolecule(molecule);
      }
      this.canvas.setOnChangeListener(({ isUserEvent }) => isUserEvent && this.tell());
    } catch (error) {
      this.frame.innerHTML = "<p>The editor could not be loaded. Close this, and type the structure instead.</p>";
      console.warn(error);
    }
  }

  tell() {
    const molecule = this.canvas.getMolecule();
    const { idCode, coordinates } = molecule.getIDCodeAndCoordinates();
    this.send({ smiles: written(molecule), code: [idCode, coordinates] });
  }

  close() {
    this.closed = true;
    this.canvas?.destroy();
  }
}

// What is drawn here is newer than what the page sends back, so its data count only when the editor appears.
export default function ({ data, parentElement, setStateValue }) {
  const [editor, leave] = mount(parentElement, (parent) => new Editor(parent, data));
  editor.send = (drawn) => setStateValue("drawn", drawn);
  return leave;
}
