"""A molecule to turn in the browser: 3Dmol.js, driven by py3Dmol and served by this app."""

import hashlib
import json
from pathlib import Path

import py3Dmol

from seqtutor_core.chemistry.colours import ELEMENTS
from seqtutor_core.errors import InputError, SettingError

SCRIPT = Path(__file__).parents[2] / "static" / "3Dmol-min.js"
"""Where the script is expected; Streamlit serves the folder as app/static/."""
REMEDY = "make viewer, which needs npm and the network once"

STICK, BALL = 0.14, 0.26  # radii in angstroms, and of a ball as a share of its atom
STYLES = {
    "sticks": {"stick": {"radius": STICK}},
    "balls and sticks": {"stick": {"radius": STICK}, "sphere": {"scale": BALL}},
    "spheres": {"sphere": {"scale": 1.0}},
}
# 3Dmol's white hydrogens and pale carbons vanish on a light page.
SYMBOLS = {"B": 5, "N": 7, "O": 8, "F": 9, "P": 15, "S": 16, "Cl": 17, "Br": 35, "I": 53}
COLOURS = {"H": "#A9AFB6", "C": ELEMENTS[-1], **{symbol: ELEMENTS[number] for symbol, number in SYMBOLS.items()}}

FLAT_ONLY = """<p hidden style="margin: 0; padding: 8px; font: 14px sans-serif; color: #23262b; background: #fcfbf8">
This browser cannot draw in space (WebGL is off); the drawing in the plane stands.</p>
<script>{
  const [canvas, said] = [document.createElement("canvas"), document.currentScript.previousElementSibling];
  said.hidden = Boolean(canvas.getContext("webgl2") ?? canvas.getContext("webgl"));
  addEventListener("unhandledrejection", (event) => { // the viewer asks for more than this, and did not get it
    said.hidden = false;
    event.preventDefault();
  });
  // WebKit may draw in space on a canvas of the page only, which the viewer takes where there is no other
  if (window.OffscreenCanvas && !new OffscreenCanvas(1, 1).getContext("webgl2")) window.OffscreenCanvas = undefined;
}</script>
"""
"""Comes before the viewer, and is visible only if the viewer cannot draw."""


def available() -> bool:
    """Return whether the script is installed; REMEDY says how to get it."""
    return SCRIPT.is_file()


def view(sdf: str, script: str, width: int = 480, height: int = 360, style: str = "sticks") -> str:
    """Return HTML of a molecule that the mouse turns and zooms, width x height pixels, transparent.

    sdf is a mol block with coordinates, script the address of 3Dmol-min.js, style a key of STYLES. The same arguments
    give the same text, so that a page that runs again leaves the view as it was turned. SettingError for another style,
    InputError for a text without a molecule.
    """
    if style not in STYLES:
        raise SettingError(f"no style named {style!r}; choose one of {', '.join(STYLES)}")
    block, end, _ = sdf.partition("M  END")
    if not end:
        raise InputError("this is no mol block: its line M  END is missing; make one with conformer()")
    # The title is a stranger's text and would stand inside a script; the viewer does not show it.
    block = "\n".join(["", *block.split("\n")[1:]]) + end + "\n"
    viewer = py3Dmol.view(width=width, height=height, js=script)
    viewer.addModel(block, "sdf")
    colouring = {"colorscheme": {"prop": "elem", "map": COLOURS}}
    viewer.setStyle({kind: {**shape, **colouring} for kind, shape in STYLES[style].items()})
    viewer.setBackgroundColor("#000000", 0)
    viewer.zoomTo()
    html: str = viewer.write_html()
    # py3Dmol names its elements by the clock.
    name = hashlib.sha256(json.dumps([block, script, width, height, style]).encode()).hexdigest()[:16]
    return FLAT_ONLY + html.replace(viewer.uniqueid, name)
