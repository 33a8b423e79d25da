"""The molecule studio: set what should be better, tune, watch, look closely, take away."""

from pages.ui import frontier, inspector, interpolation, report, sliders, state, transport
from pages.ui.layout import panes
from pages.ui.molecule import compare, detail, distributions, grid, preview
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import open_studio, show_errors
from pages.ui.runs import recent
from pages.ui.sampling import can_draw

open_studio("Molecule", MOLECULE.help)
detail.panel()
transport.panel(MOLECULE)
run = state.run(MOLECULE)
left, centre, right = panes()
with left:
    sliders.panel(MOLECULE)
with centre, show_errors():
    preview.panel()
    compare.panel(run)
    interpolation.panel(MOLECULE, run)
    if can_draw(MOLECULE):  # else the first of these has said why, and once is enough
        grid.panel(run)
with right:
    inspector.panel(
        MOLECULE,
        {
            "Curves": lambda: report.panel(MOLECULE, run),
            "Frontier": lambda: frontier.panel(MOLECULE),
            "Properties": lambda: distributions.panel(run),
            "Runs": lambda: recent.panel(MOLECULE),
        },
    )
