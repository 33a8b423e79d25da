"""Home: both studios at a glance, the last runs, and the way on.

Streamlit serves the `app` of this file, and runs the file for whoever opens the home page.
"""

import gc
from importlib import import_module
from threading import Thread
from typing import Any

import streamlit as st

import seqtutor_core  # noqa: F401  # says how torch's threads wait, before torch is there
from pages.ui import clicks
from pages.ui.hosts import OurHosts
from pages.ui.style import Styled
from pages.ui.undelayed import Undelayed
from pages.ui.visitor import Visitors

if __name__ == "__main__":
    from pages.ui import home
    from pages.ui.melody.example import melodies
    from pages.ui.molecule.example import molecule
    from pages.ui.page import open_page

    open_page(
        "Sequence Tutor Studio",
        "Teach a generator what you like without letting it forget what it learned from data, "
        "and hear or see it happen.",
    )
    with home.layout():
        home.studio("melody", "A network that knows 10,000 folk tunes, before and after a minute of tuning.", melodies)
        home.studio("molecule", "Another knows 1.6 million molecules, and made this one when tuned.", molecule)
        home.aside()
else:
    # Modules are no garbage: to look through them while they are imported costs a new server 0.3 s. Later nothing waits
    # for this, since Streamlit collects after each run of a script.
    gc.set_threshold(100_000, 20, 20)
    clicks.keep()
    app: Any = st.App(__file__)  # `streamlit run` looks for this line
    app = Undelayed(OurHosts(Visitors(Styled(app))))
    # Torch is most of what a new server imports; it does so while the browser loads the app. None of our own modules:
    # two threads that import modules which import each other would meet halfway.
    Thread(target=import_module, args=("torch",), daemon=True).start()
