"""The molecule studio: set what should be better, tune, watch, look closely, take away."""

from pages.ui import frontier, inspector, report, sliders, state, transport
from pages.ui.layout import panes
from pages.ui.molecule import detail, distributions, selection, stage
from pages.ui.molecule.spec import MOLECULE
from pages.ui.page import open_studio
from pages.ui.runs import recent

open_studio("Molecule", MOLECULE.help)
transport.panel(MOLECULE)
run = state.run(MOLECULE)
places = panes()
sliders.beside_centre(MOLECULE, places, lambda: stage.panel(run))
with places.right:
    inspector.panel(
        MOLECULE,
        {
            "Curves": lambda: report.panel(MOLECULE, run),
            "Frontier": lambda: frontier.panel(MOLECULE),
            "Properties": lambda: distributions.panel(run),
            selection.DETAIL: detail.panel,
            "Runs": lambda: recent.panel(MOLECULE),
        },
    )
