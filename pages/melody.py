"""The melody studio: set what should be better, tune, watch, listen, take away."""

from pages.ui import frontier, inspector, report, sliders, state, transport
from pages.ui.layout import panes
from pages.ui.melody import score, stage, table
from pages.ui.melody.spec import MELODY
from pages.ui.page import open_studio
from pages.ui.runs import recent

open_studio("Melody", MELODY.help)
transport.panel(MELODY)
run = state.run(MELODY)
places = panes()
sliders.beside_centre(MELODY, places, lambda: stage.panel(run))
with places.right:
    inspector.panel(
        MELODY,
        {
            "Curves": lambda: report.panel(MELODY, run),
            "Frontier": lambda: frontier.panel(MELODY),
            "Table 1": lambda: table.panel(run),
            "Score": lambda: score.panel(run),
            "Runs": lambda: recent.panel(MELODY),
        },
    )
